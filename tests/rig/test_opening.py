"""Rigs in the background, services that come and go, and what a name means."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import parfocal
from parfocal.cli.app import run
from parfocal.core.clock import poll_until
from parfocal.core.errors import AlreadyRunningError, BadInputError, ConfigError, RigNotFoundError, StartError
from parfocal.processes import directory
from parfocal.rig.opening import attach_or_open, load_source

LAMP = {"kind": "parfocal.testing.services:Counter"}


def lab(name: str = "lab", **service: object) -> dict[str, object]:
    return {"name": name, "services": {"lamp": {**LAMP, **service}}}


def test_a_detached_rig_runs_on_until_it_is_stopped() -> None:
    with parfocal.open_rig(lab(), detach=True) as rig:
        assert rig.detached
        pid = rig.status().pid
        assert pid != os.getpid()
        assert rig["lamp"].double(4) == 8
    with parfocal.attach("lab") as again:
        assert again.detached
        assert again.status().pid == pid
        with pytest.raises(AlreadyRunningError, match=str(pid)):
            parfocal.open_rig(lab(), detach=True)
        again.stop()
    assert directory.rigs() == ()


def test_a_detached_rig_that_does_not_start_says_why_and_leaves_nothing() -> None:
    with pytest.raises(StartError, match="no camera on port 7") as caught:
        parfocal.open_rig(lab(kind="parfocal.testing.services:FailsToOpen"), detach=True)
    assert caught.value.service == "lamp"
    assert directory.rigs() == ()


def test_a_detached_rig_outlives_the_program_that_started_it() -> None:
    code = f"import parfocal; rig = parfocal.open_rig({lab()!r}, detach=True); print(rig.status().pid)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert printed.returncode == 0, printed.stderr
    with parfocal.attach("lab") as rig:
        assert rig.status().pid == int(printed.stdout)
        rig.stop()


def test_services_come_and_go_for_all_who_are_attached() -> None:
    heard: list[str] = []
    with parfocal.open_rig(lab()) as rig, parfocal.attach("lab") as other:
        assert not other.detached
        other.subscribe(lambda notice: heard.append(notice.service), topics=("settings",))
        rig.add("shutter", LAMP)
        assert set(other.services) == {"lamp", "shutter"}
        assert other["shutter"].double(2) == 4
        assert poll_until(lambda: _set_and_hear(rig, heard), 30)
        early: list[str] = []
        other.subscribe(lambda notice: early.append(notice.topic), topics=("services",))
        assert early, "the rig was heard before this returned"
        other.remove("shutter")
        assert rig.services == ("lamp",)
        with pytest.raises(BadInputError, match="has no service 'shutter'"):
            other["shutter"]
        with pytest.raises(ConfigError, match="cannot be called 'runs'"):
            rig.add("runs", LAMP)
        with pytest.raises(ConfigError, match="did you mean 'kind'"):
            rig.add("x", {"knd": "stage"})
        with pytest.raises(ConfigError, match="has a service 'lamp' already"):
            rig.add("lamp", LAMP)
        other.restart("lamp")


def _set_and_hear(rig: parfocal.rig.rig.Rig, heard: list[str]) -> bool:
    rig["shutter"].set_settings({"label": "x"})
    return "shutter" in heard


def test_a_name_means_a_running_rig_before_a_built_in_one(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tweezers").mkdir()
    assert load_source("tweezers").name == "tweezers", "a folder of that name is none of its business"
    with parfocal.open_rig(lab("tweezers")) as rig:
        with attach_or_open("tweezers") as found:
            assert found.services == ("lamp",)
        assert rig.status().state == "running", "a guest ends nothing"
    with pytest.raises(RigNotFoundError, match="did you mean 'tweezers'"):
        attach_or_open("twezers")


def test_a_command_ends_only_what_it_started(tmp_path, capsys) -> None:
    path = tmp_path / "lab.toml"
    path.write_bytes(
        b'\xef\xbb\xbfname = "lab"\n[services.lamp]\nkind = "parfocal.testing.services:Counter"\n'
    )
    assert run(["call", "lamp", "double", "value=3", "--rig", str(path), "--json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "6"
    assert directory.rigs() == ()
    with parfocal.open_rig(path):
        assert run(["call", "lamp", "double", "value=3", "--rig", str(path)]) == 0
        assert run(["restart", "lamp"]) == 0
        assert [record.rig for record in directory.rigs()] == ["lab"]


@pytest.mark.parametrize("detach", [(), ("--detach",)])
@pytest.mark.parametrize(
    ("error", "told"),
    [("parfocal.core.errors.DeviceError", "DeviceError: no lamp"), ("ValueError", "ValueError: no lamp")],
)
def test_a_failed_start_is_reported_once(tmp_path, detach, error, told):
    """On purpose: in a line. By a mistake in somebody's code: where it is, and the line."""
    (tmp_path / "lamps.py").write_text(
        "import parfocal.core.errors\n"
        "from parfocal.processes import Service\n"
        "class Lamp(Service):\n"
        f"    def open(self, context):\n        raise {error}('no lamp')\n"
    )
    (tmp_path / "lab.toml").write_text('name = "lamps"\n[services.lamp]\nkind = "lamps:Lamp"\n')
    words = [sys.executable, "-m", "parfocal", "up", str(tmp_path / "lab.toml"), *detach]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 1
    assert done.stderr.count("no lamp") == (
        2 if error == "ValueError" else 1
    )  # the code itself, and the line
    assert done.stderr.endswith(f"parfocal: service 'lamp' did not become ready: {told}\n")
    assert ("lamps.py" in done.stderr) == (error == "ValueError")
