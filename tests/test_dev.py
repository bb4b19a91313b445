"""What dev.py decides, without setting anything up."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
dev = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(dev)

LOCKS = sorted({lock for environment in dev.ENVIRONMENTS.values() for lock in environment.locks})


def test_every_group_of_dependencies_has_a_lock_and_an_environment():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert sorted(groups) == LOCKS == sorted(path.stem for path in (ROOT / "locks").glob("*.txt"))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(name):
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert packages
    assert all("==" in line and line.endswith("\\") for line in packages)
    assert "://" not in text


def test_a_lock_is_resolved_from_its_group_and_fitted_to_the_earlier_ones():
    sources = dev.lock_sources()
    assert sources["dev"] == ["pyproject.toml", "--group", "dev"]
    assert sources["peers"] == ["pyproject.toml", "--group", "peers", "-c", "locks/dev.txt"]
    assert sources["strangers"] == ["--group", "strangers"]  # nothing of ours lives there


def test_what_a_linux_lacks_is_told_by_debians_names(monkeypatch):
    monkeypatch.setattr(dev.sys, "platform", "linux")
    here = {"dbus-1", "Xvfb"}
    monkeypatch.setattr(dev.ctypes.util, "find_library", lambda name: name if name in here else None)
    monkeypatch.setattr(dev.shutil, "which", lambda name: name if name in here else None)
    assert dev.missing({"libegl1": "EGL", "libdbus-1-3": "dbus-1", "xvfb": "Xvfb"}) == ["libegl1"]
    with pytest.raises(SystemExit, match="sudo apt-get install -y libegl1"):
        dev.need_system(["libegl1"])


def test_an_environment_is_set_up_anew_when_its_locks_change():
    marks = {dev.fingerprint(environment) for environment in dev.ENVIRONMENTS.values()}
    assert len(marks) == len(dev.ENVIRONMENTS)
