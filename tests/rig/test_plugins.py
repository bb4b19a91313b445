"""What installed packages add: kinds of services and devices by short names."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from parfocal.cli.app import run
from parfocal.devices.registry import load_device
from parfocal.processes.loading import plugins
from parfocal.rig.opening import load_source

POINTS = """
[parfocal.services]
boiler = boilers_of_others:Boiler
broken = broken_of_others:Thing

[parfocal.devices]
hot-plate = boilers_of_others:HotPlate
"""
MODULE = """
from parfocal.processes import Service
class Boiler(Service):
    pass
class HotPlate:
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed beside parfocal."""
    info = tmp_path / "boilers-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: boilers\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "boilers_of_others.py").write_text(MODULE)
    (tmp_path / "broken_of_others.py").write_text("raise OSError('libboil.so not found')")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    importlib.invalidate_caches()
    plugins.cache_clear()
    yield
    plugins.cache_clear()


def test_short_names_of_installed_packages_are_found(package) -> None:
    config = load_source({"name": "lab", "services": {"a": {"kind": "boiler"}}})
    assert config.services["a"].factory == "boilers_of_others:Boiler"
    assert load_device("hot-plate").__name__ == "HotPlate"


def test_doctor_lists_them_and_one_that_is_broken_does_not_fail_it(package, capsys) -> None:
    assert run(["doctor", "--json"]) == 0
    found = {each["what"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["kind of service boiler"]["found"] == "boilers_of_others:Boiler of boilers 1.5"
    assert found["device hot-plate"]["ok"]
    assert not found["kind of service broken"]["ok"]
    assert "libboil.so not found" in found["kind of service broken"]["remedy"]
