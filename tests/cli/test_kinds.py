"""``parfocal kinds`` and ``parfocal new rig``."""

import json
import re
from typing import Annotated

import msgspec
import pytest
from pydantic import BaseModel, Field

from parfocal.cli.app import run
from parfocal.devices.registry import DEVICES
from parfocal.processes.setting_infos import SettingInfo, describe_settings
from parfocal.rig.config import KINDS, load_config
from parfocal.rig.template import template


def listed(capsys, *arguments):
    assert run(["kinds", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_kinds_and_devices_are_listed_with_settings_and_defaults(capsys):
    found = listed(capsys)
    assert set(KINDS) <= {kind["name"] for kind in found["services"]}
    assert set(DEVICES) <= {device["name"] for device in found["devices"]}
    assert all(kind["summary"] and kind["settings"] for kind in found["services"])
    (camera,) = (device for device in found["devices"] if device["name"] == "simulated-camera")
    settings = {setting["name"]: setting for setting in camera["settings"]}
    assert (settings["width_px"]["type"], settings["width_px"]["default"]) == ("int", "512")
    assert settings["unevenness"]["meaning"].startswith("Part of the light")


def test_one_kind_tells_what_its_settings_mean_those_of_all_devices_too(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["kinds", "stage"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "    device: str   (required)" in lines
    assert any("How often a move is looked at" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert run(["kinds", "recorder"]) == 0
    assert "none unless they are named" in " ".join(capsys.readouterr().out.split())
    assert run(["kinds", "stag"]) == 2
    assert "did you mean 'stage'?" in capsys.readouterr().err


class Oven(BaseModel):
    """An oven.

    Parameters
    ----------
    power_w, gas
        What heats it;
        one of both.

    Examples
    --------
    power_w
        Not this.
    """

    power_w: Annotated[float | None, Field(gt=0)] = None
    gas: bool
    trays: list[int] = Field(default_factory=lambda: [1])


class Lamp(msgspec.Struct):
    power: float
    colours: list[str] = msgspec.field(default_factory=list)


def test_settings_of_pydantic_and_msgspec_models_are_told_alike():
    heat = "What heats it; one of both."
    assert describe_settings(Oven) == (
        SettingInfo(name="power_w", type="float | None", default="None", meaning=heat),
        SettingInfo(name="gas", type="bool", default="", meaning=heat),
        SettingInfo(name="trays", type="list[int]", default="[1]"),
    )
    assert describe_settings(Lamp) == (
        SettingInfo(name="power", type="float", default=""),
        SettingInfo(name="colours", type="list[str]", default="[]"),
    )
    assert describe_settings(None) == ()


def test_a_new_rig_file_is_sound_and_called_like_its_file(tmp_path, capsys):
    file = tmp_path / "My lab 2.toml"
    assert run(["new", "rig", str(file)]) == 0
    assert run(["check", str(file)]) == 0
    assert load_config(file).name == "my-lab-2"
    file.write_text("mine")
    assert run(["new", "rig", str(file)]) == 2
    assert "is there already" in " ".join(capsys.readouterr().err.split())
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["lab", "2lab.toml", ".toml", "nowhere/lab.toml"])
def test_a_name_that_is_none_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["new", "rig", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_commented_out_in_the_template_are_settings_at_their_defaults(tmp_path):
    file = tmp_path / "lab.toml"
    file.write_text(template())
    bare = load_config(file)
    uncommented = re.sub(r"^#(?=\S)", "", template(), flags=re.MULTILINE)
    assert uncommented.count("\n") == template().count("\n") != 0
    file.write_text(uncommented)
    full = load_config(file)
    named = [line for line in template().splitlines() if re.match(r"#\S", line)]
    assert len(named) >= 8
    assert full.services["tracker"].settings["roi_px"] == 64
    assert full.services["camera"].policy == bare.services["camera"].policy
