"""What installed packages add by short names, and what of it fails to load."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.app.desktop.panel_offers import PanelOffers
from parfocal.app.desktop.panels import packaged_panels
from parfocal.cli.app import run
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ConfigError, RigNotFoundError
from parfocal.core.status import RigStatus, StreamStatus
from parfocal.devices.registry import load_device
from parfocal.processes import loading
from parfocal.processes.loading import all_plugins, load_object, plugins
from parfocal.rig.named_rigs import named_rigs
from parfocal.rig.opening import config_of, load_source
from parfocal.rig.panel_config import panels_of
from parfocal.rig.probing import Entry, all_entries, probe
from parfocal.rig.snapshots import RigSnapshot
from parfocal.runs.pipeline.step import Step, resolve
from parfocal.viewers import open_viewer
from parfocal.viewers.kinds import viewer_kinds

PACKAGES = {
    "boilers 1.5": """
[parfocal.services]
boiler = boilers_of_others:Boiler
plate = boilers_of_others:HotPlate
[parfocal.devices]
hot-plate = boilers_of_others:HotPlate
[parfocal.steps]
boil = boilers_of_others:boil
[parfocal.viewers]
steam = boilers_of_others:Boiler
[parfocal.panels]
gauge = boilers_of_others:Gauge
number = boilers_of_others:boil
[parfocal.plots]
pressure = boilers_of_others:Pressure
unnamed = boilers_of_others:Unnamed
[parfocal.rigs]
boiler-room = boilers_of_others
cellar = boilers_of_others
wrong-room = boilers_of_others
""",
    "copies 2": "[parfocal.services]\nboiler = boilers_of_others:HotPlate\n",
    "raises 0.1": """
[parfocal.services]
broken = raises_of_others:Thing
[parfocal.devices]
broken-plate = raises_of_others:Thing
[parfocal.panels]
broken-gauge = raises_of_others:Gauge
""",
    "exits 0.1": "[parfocal.services]\nending = exits_of_others:Thing\n",
    "dies 0.1": "[parfocal.services]\ndying = dies_of_others:Thing\nliving = boilers_of_others:Boiler\n",
    "prints 0.1": "[parfocal.services]\ntalking = prints_of_others:Talker\n",
}
BOILERS = {
    "__init__.py": """
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.time_plot import TimePlot
from parfocal.processes import Service
class Boiler(Service):
    pass
class HotPlate:
    pass
class Gauge(Panel):
    title, icon = "Gauge", "fa6s.gauge"
class Pressure(TimePlot):
    title, unit, streams = "pressure", "bar", ("boiler",)
class Unnamed(TimePlot):
    streams = ("boiler",)
def boil(image, hotter: float = 2.0):
    return (image > hotter).astype("int32")
""",
    "boiler-room.toml": 'name = "boiler-room"\n[services.one]\nkind = "boiler"\n',
    "wrong-room.toml": 'name = "wrong-room"\n[services.one]\nknd = "boiler"\n',
}
MODULES = {
    "raises_of_others.py": "raise OSError('libboil.so not found')",
    "exits_of_others.py": "import sys; sys.exit('no licence')",
    "dies_of_others.py": "import os; os._exit(7)",
    "hangs_of_others.py": "import time; time.sleep(3600)",
    "prints_of_others.py": """
print('licensed to Ada')
from parfocal.processes import Service
class Talker(Service):
    pass
""",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with packages of others, as pip would install them."""
    site = tmp_path_factory.mktemp("site")
    for named, points in PACKAGES.items():
        name, version = named.split()
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(points)
    (site / "boilers_of_others").mkdir()
    for name, text in BOILERS.items():
        (site / "boilers_of_others" / name).write_text(text)
    for name, text in MODULES.items():
        (site / name).write_text(text)
    return site


@pytest.fixture
def packages(site, monkeypatch):
    """These packages are installed beside parfocal."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    importlib.invalidate_caches()
    plugins.cache_clear()
    all_plugins.cache_clear()
    yield
    plugins.cache_clear()
    all_plugins.cache_clear()


def test_short_names_of_installed_packages_are_found(packages) -> None:
    config = load_source({"name": "lab", "services": {"a": {"kind": "boiler"}}})
    assert config.services["a"].factory == "boilers_of_others:Boiler"
    assert load_device("hot-plate").__name__ == "HotPlate"
    assert viewer_kinds()["steam"] == "boilers_of_others:Boiler"
    with pytest.raises(BadInputError, match="did you mean 'steam'"):
        open_viewer("any", "stean")


def test_a_step_by_a_short_name_is_what_it_stands_for(packages) -> None:
    step = Step(call="boil", settings={"hotter": 3.0})
    assert step.call == "boilers_of_others:boil"
    assert resolve("segment", step).needs == ("image",)
    with pytest.raises(BadInputError, match="module:function"):
        Step(call="bail")


def test_panels_and_plots_are_docks_and_those_that_cannot_be_had_are_left_out(packages, caplog) -> None:
    offers = PanelOffers({}, packaged_panels(), ())
    rows = StreamStatus(name="boiler", kind="rows", produced=0, abandoned=0, slots=8, writer_pid=9)
    rig = RigStatus(name="lab", pid=1, state="running", services={}, streams={"boiler": rows})
    snapshot = RigSnapshot(rig=rig)
    assert poll_until(lambda: len(offers.look(snapshot)) == 2 and len(caplog.records) >= 3, 30.0)
    docks = offers.look(snapshot)
    assert {name: offer.kind.title for name, offer in docks.items()} == {
        "gauge": "Gauge",
        "plot pressure": "pressure",
    }
    assert docks["plot pressure"].kind.area == "bottom"
    assert "libboil.so not found" in caplog.text
    assert "boil is no class of parfocal.app.desktop.panel.Panel" in caplog.text
    assert "Unnamed has no title" in caplog.text


def test_a_rig_file_names_panels_by_the_names_of_packages(packages, site) -> None:
    panels = {"panels": {"one": {"kind": "gauge"}}, "plots": {"two": {"kind": "pressure", "column": 0}}}
    config = load_source({"name": "lab", "services": {}} | panels)
    added = panels_of(config.panels, config.plots)
    assert [each.address for each in added] == ["boilers_of_others:Gauge", "boilers_of_others:Pressure"]
    assert {each.folder for each in added} == {str(site)}
    with pytest.raises(ConfigError, match=r"panels\.one\.kind.*did you mean 'gauge'"):
        load_source({"name": "lab", "services": {}, "panels": {"one": {"kind": "gauges"}}})


def test_rigs_of_installed_packages_are_found_by_name(packages, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_source("boiler-room").services["one"].kind == "boiler"
    assert config_of("boiler-room").name == "boiler-room"
    assert named_rigs()["boiler-room"].name == "boiler-room.toml"
    assert "cellar" not in named_rigs()
    with pytest.raises(ConfigError, match=r"no file cellar.toml in the package 'boilers_of_others'"):
        load_source("cellar")
    with pytest.raises(RigNotFoundError, match="did you mean 'boiler-room'"):
        config_of("boiler-rom")


def test_doctor_tells_what_each_package_adds_and_what_fails_to_load(packages, capsys, monkeypatch) -> None:
    some = [
        entry for entry in all_entries() if entry.plugin.package in ("boilers 1.5", "copies 2", "raises 0.1")
    ]
    monkeypatch.setattr("parfocal.rig.diagnosis.all_entries", lambda: some)
    assert run(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    found = {(each["what"], each["found"]): each for each in findings}
    told = {what: each["remedy"] for (what, _), each in found.items()}
    assert found["kind of service boiler", "boilers_of_others:Boiler of boilers 1.5"]["ok"]
    copied = found["kind of service boiler", "boilers_of_others:HotPlate of copies 2"]
    assert "that of boilers 1.5 is used" in copied["remedy"]
    for what in ("device hot-plate", "step boil", "kind of viewer steam", "panel gauge", "rig boiler-room"):
        assert told[what] == ""
    assert "no class of parfocal.processes.Service" in told["kind of service plate"]
    assert "no file cellar.toml" in told["rig cellar"]
    assert "did you mean 'kind'" in told["rig wrong-room"]
    for what in ("kind of service broken", "device broken-plate"):
        assert told[what].startswith("it cannot be imported: OSError: libboil.so not found; install another")


@pytest.mark.slow
def test_packages_that_end_or_print_are_told_from_those_that_work(packages) -> None:
    told = {entry.name: error for entry, error in probe(all_entries()).items()}
    assert "SystemExit: no licence" in told["ending"]
    assert "ended the process, with exit code 7" in told["dying"]
    assert told["living"] == told["talking"] == ""


@pytest.mark.slow
def test_a_package_that_never_returns_from_its_import_is_given_up(packages) -> None:
    entry = Entry(loading.SERVICES, "hanging", loading.Plugin("hangs_of_others:Thing", "hangs 0.1"))
    assert probe([entry], limit_s=2.0) == {entry: "importing it takes longer than 2 s"}
    assert probe([]) == {}


@pytest.mark.slow
def test_kinds_tells_the_error_of_a_package_and_nothing_that_one_prints(packages, capsys) -> None:
    for name, words in (("broken", "libboil.so"), ("ending", "no licence"), ("talking", "")):
        assert run(["kinds", name, "--json"]) == 0
        (kind,) = json.loads(capsys.readouterr().out)["services"]
        assert words in kind["summary"]
    assert run(["kinds", "dying", "--json"]) == 0
    assert "exit code 7" in json.loads(capsys.readouterr().out)["services"][0]["summary"]


def test_a_package_that_wants_to_end_the_program_is_an_error_of_the_rig_file(packages) -> None:
    with pytest.raises(ConfigError, match="SystemExit: no licence"):
        load_object("exits_of_others:Thing", "kind 'ending'")
    with pytest.raises(ConfigError, match="libboil"):
        load_source({"name": "lab", "services": {"a": {"kind": "broken"}}})


@pytest.mark.slow
def test_commands_that_need_no_package_import_none(site) -> None:
    """Also not the one that would end the program, nor the one that never returns."""
    code = f"""
import sys
sys.path.append({str(site)!r})
from parfocal.cli.app import run
codes = [run(words) for words in (["check", "tweezers"], ["rigs"], ["viewers"], ["check", "simulated-focus"])]
imported = [name for name in sys.modules if name.endswith("_of_others")]
assert (codes, imported) == ([0, 0, 0, 0], []), (codes, imported)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_groups_are_looked_at(packages) -> None:
    assert {entry.group for entry in all_entries()} == set(loading.GROUPS)
