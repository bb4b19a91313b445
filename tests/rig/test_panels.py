"""Panels and plots of others: in a rig file, added to a rig that runs, refused where they are given."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.core.errors import BadInputError, CommandFailedError, ConfigError
from parfocal.core.status import AddedPanel
from parfocal.rig.config import RigConfig, load_config, save_config

pytestmark = pytest.mark.usefixtures("shared_roots")  # of the rig of this module

FILE = {
    "name": "paneled-rig",
    "services": {},
    "panels": {"pump": {"kind": "of_a_laboratory:PumpPanel", "column": 0}},
    "plots": {"heat": {"kind": "of_a_laboratory:Heat"}},
}


@pytest.fixture(scope="module")
def rig(shared_roots):
    with parfocal.open_rig(FILE) as opened:
        yield opened


def addresses(rig) -> dict[str, str]:
    return {f"{each.kind} {each.name}": each.address for each in rig.status().panels}


def test_a_rig_has_the_panels_of_its_file_and_those_that_are_added_for_everybody(rig):
    with parfocal.attach("paneled-rig") as other:
        name = other.add_panel("json:JSONEncoder", column=1)
        assert other.add_plot("of_a_laboratory:Drift", name="drift") == "drift"
        assert addresses(rig) == addresses(other)
    there = {each.name: each for each in rig.status().panels}
    assert there["pump"] == AddedPanel(
        kind="panel", name="pump", address="of_a_laboratory:PumpPanel", column=0
    )
    assert (there[name].column, there["drift"].kind, there["heat"].column) == (1, "plot", None)
    assert there[name].folder  # where the module is, for programs that do not find it
    rig.remove_panel(name)
    rig.remove_plot("drift")
    assert set(addresses(rig)) == {"panel pump", "plot heat"}


def test_the_same_once_more_is_nothing_and_another_of_that_name_is_refused(rig):
    rig.add_plot("of_a_laboratory:Again")
    rig.add_plot("of_a_laboratory:Again")
    with pytest.raises(CommandFailedError, match="there is a plot 'again' already, of_a_laboratory:Again"):
        rig.add_plot("of_another_one:Again")
    rig.remove_plot("again")
    with pytest.raises(CommandFailedError, match="there is no plot 'hat'; did you mean 'heat'"):
        rig.remove_plot("hat")


@pytest.mark.parametrize(
    "wrong", ["", "PumpPanel", "of_a_laboratory", ":PumpPanel", "a b:C", "file.py/:C", "a:b:c"]
)
def test_what_names_no_class_is_refused_where_it_is_given(rig, wrong):
    before = rig.status().panels
    with pytest.raises(BadInputError, match=r"write package\.module:Class"):
        rig.add_panel(wrong)
    with pytest.raises(BadInputError, match="names no plot"):
        rig.add_plot(wrong)
    with pytest.raises(ConfigError, match=r"panels\.one\.kind.*names no panel"):
        load_config(FILE | {"panels": {"one": {"kind": wrong}}})
    assert rig.status().panels == before


def test_names_columns_and_classes_of_the_program_itself_are_refused(rig):
    with pytest.raises(BadInputError, match=r"column must be 0 .left.* not 3"):
        rig.add_panel("of_a_laboratory:PumpPanel", column=3)
    with pytest.raises(BadInputError, match="cannot be called 'My panel'"):
        rig.add_panel("of_a_laboratory:PumpPanel", name="My panel")
    with pytest.raises(BadInputError, match="no other program finds it"):
        rig.add_panel("__main__:PumpPanel")
    with pytest.raises(ConfigError, match=r"plots\.one\.column"):
        load_config(FILE | {"plots": {"one": {"kind": "a:B", "column": 2}}})
    with pytest.raises(ConfigError, match=r"unknown key .*colum"):
        load_config(FILE | {"plots": {"one": {"kind": "a:B", "colum": 1}}})


def test_a_rig_file_that_is_written_has_them(tmp_path):
    config = RigConfig.model_validate(FILE)
    save_config(config, tmp_path / "rig.toml")
    assert load_config(tmp_path / "rig.toml") == config
