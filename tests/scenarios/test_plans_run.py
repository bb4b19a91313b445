"""Plans run as people run them: from a shell, steered from another one, left by a script that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import parfocal
from parfocal.cli.app import run as command
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, RunFailedError
from parfocal.core.run_status import RunStatus
from parfocal.processes import directory
from parfocal.rig.opening import load_source
from parfocal.rig.rig import Rig
from parfocal.runs import Sequence, confirm, save_plan
from parfocal.runs.handle import RunHandle
from parfocal.storage import read_manifest

TIMEOUT_S = 110
CHANNELS = [{"config": "nucleus", "exposure": 10}]
POSITIONS = [(0, 0, 0), (100, 0, 0)]
SHORT = Sequence(time_plan={"interval": 0.2, "loops": 4}, stage_positions=POSITIONS, channels=CHANNELS)
LONG = Sequence(time_plan={"interval": 0.2, "loops": 10_000}, channels=CHANNELS)


@contextmanager
def microscope(folder: Path) -> Iterator[Rig]:
    """A microscope that outlives whoever started it."""
    size = {"camera.options.width_px": 128, "camera.options.height_px": 128}
    changes = {"recorder.folder": str(folder), **size}
    with parfocal.open_rig("microscope", name="scope", changes=changes, detach=True) as rig:
        try:
            yield rig
        finally:
            rig.stop()


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start a program whose output is read."""
    read = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, arguments)], text=True, **read)


def until(handle: RunHandle, wanted) -> RunStatus:
    """Return the first status that is as wanted."""
    came = threading.Event()
    found: list[RunStatus] = []

    def look(status: RunStatus) -> None:
        if wanted(status) and not came.is_set():
            found.append(status)
            came.set()

    handle.status_changed.connect(look)
    assert came.wait(TIMEOUT_S), handle.status()
    handle.status_changed.disconnect(look)
    return found[0]


def run_named(rig: Rig, name: str) -> RunHandle:
    """Return a run that another program is about to start."""
    came = threading.Event()
    rig.runs.subscribe(lambda change: change.status.run == name and came.set())
    assert came.wait(TIMEOUT_S)
    return rig.runs[name]


def test_a_plan_is_run_from_a_shell_that_needs_nothing_but_its_file(tmp_path):
    save_plan(SHORT, tmp_path / "plan.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", "run", "microscope", "plan.yaml", "--name", "first", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["rig"], told["name"], told["run"]) == ("microscope", "first", told["folder"])
    assert told["events"] == {"total": 8, "acquired": 8}
    assert told["frames"] == {"received": 8, "stored": 8, "dropped": 0}
    assert told["stimulations"] == {"asked": 0, "fired": 0, "fallback": 0}
    assert told["latency_ms"] == {"image_to_stim": {"p50": None, "p99": None}}
    assert 0 <= told["lag_ms"]["p50"] <= told["lag_ms"]["max"]
    assert told["errors"] == len(told["last_errors"])
    assert (told["state"], told["outcome"]) == ("ended", "complete")
    assert told["events_total"] == told["events_acquired"] == told["frames_received"] == 8
    assert told["frames_stored"] == 8
    folder = Path(told["folder"])
    assert folder.parent == tmp_path / "runs"
    assert read_manifest(folder).outcome == "complete"
    assert directory.rigs() == ()


def test_a_run_is_steered_from_another_program(tmp_path, capsys):
    save_plan(LONG, tmp_path / "plan.yaml")
    with microscope(tmp_path / "runs") as rig:
        shell = started("-m", "parfocal", "run", "scope", tmp_path / "plan.yaml", "--name", "run1", "--json")
        with shell:
            handle = run_named(rig, "run1")
            until(handle, lambda status: status.events_acquired >= 2)
            assert command(["pause", "run1", "--reason", "a bubble"]) == 0
            paused = until(handle, lambda status: status.state == "paused")
            assert paused.reason == "a bubble"
            assert command(["resume", "scope/run1"]) == 0
            until(handle, lambda status: status.events_acquired > paused.events_acquired + 2)
            assert command(["runs", "--json"]) == 0
            assert '"run":"run1"' in capsys.readouterr().out
            handle.replace_future(confirm("go on?"))
            assert until(handle, lambda status: status.question).question == "go on?"
            assert shell.stderr.readline() == "go on?  (answer with `parfocal confirm scope/run1`)\n"
            assert command(["confirm", "run1", "--text", "yes"]) == 0
            printed, _ = shell.communicate(timeout=TIMEOUT_S)
        assert shell.returncode == 0
        told = json.loads(printed.splitlines()[-1])
        assert told["outcome"] == "complete"
        assert told["events_acquired"] == handle.wait(TIMEOUT_S).events_acquired
        for word in ("pause", "resume", "finish", "confirm"):
            capsys.readouterr()
            assert command([word, "run1"]) == 2, "as what is asked of it would be lost"
            assert "has ended" in capsys.readouterr().err
        assert command(["cancel", "run1"]) == 0, "what is asked for is so already"


@pytest.mark.slow
def test_ctrl_c_cancels_once_and_the_record_is_closed(tmp_path):
    save_plan(LONG, tmp_path / "plan.yaml")
    with microscope(tmp_path / "runs") as rig:
        shell = started("-m", "parfocal", "run", "scope", tmp_path / "plan.yaml", "--name", "run1", "--json")
        with shell:
            handle = run_named(rig, "run1")
            until(handle, lambda status: status.events_acquired >= 2)
            shell.send_signal(signal.SIGINT)
            printed, _ = shell.communicate(timeout=TIMEOUT_S)
        assert shell.returncode == 130
        told = json.loads(printed.splitlines()[-1])
        assert (told["outcome"], told["reason"]) == ("cancelled", "Ctrl-C")
        assert read_manifest(Path(told["folder"])).outcome == "cancelled"
        assert "scope" in [record.rig for record in directory.rigs()]  # it was there before


SCRIPT = """
import sys, threading
import parfocal
from parfocal.runs import load_plan
with parfocal.attach("scope") as rig:
    handle = rig.run(load_plan(sys.argv[1]), name="run1")
    handle.status_changed.connect(lambda s: s.events_acquired and print("exposing", flush=True))
    threading.Event().wait()
"""


@pytest.mark.slow
def test_a_run_outlives_its_script_in_a_detached_rig_and_a_third_program_finds_it(tmp_path):
    times = {"interval": 0.2, "loops": 20}
    plan = Sequence(time_plan=times, stage_positions=POSITIONS, channels=CHANNELS)
    save_plan(plan, tmp_path / "plan.yaml")
    with microscope(tmp_path / "runs"):
        script = started("-c", SCRIPT, tmp_path / "plan.yaml")
        with script:
            assert script.stdout.readline() == "exposing\n"
            script.kill()
        with parfocal.attach("scope") as rig:
            handle = rig.runs["run1"]
            assert handle.wait(TIMEOUT_S).outcome == "complete"
            assert handle.status().events_acquired == 40


OWNER = """
import sys, threading
import parfocal
from parfocal.runs import load_plan
with parfocal.open_rig("microscope", name="scope", changes={"recorder.folder": sys.argv[2]}) as rig:
    handle = rig.run(load_plan(sys.argv[1]), name="run1")
    handle.status_changed.connect(lambda s: s.events_acquired and print("exposing", flush=True))
    threading.Event().wait()
"""


@pytest.mark.slow
def test_a_run_ends_with_the_program_that_owns_its_rig(tmp_path):
    save_plan(LONG, tmp_path / "plan.yaml")
    script = started("-c", OWNER, tmp_path / "plan.yaml", tmp_path / "runs")
    with script:
        assert script.stdout.readline() == "exposing\n"
        with parfocal.attach("scope") as rig:
            handle = rig.runs["run1"]
            until(handle, lambda status: status.events_acquired >= 2)
            script.kill()
            with pytest.raises(RunFailedError):
                handle.wait(TIMEOUT_S)
    (folder,) = (tmp_path / "runs").iterdir()
    assert poll_until(lambda: read_manifest(folder).seen != "recording", TIMEOUT_S)
    assert read_manifest(folder).seen != "complete"


def test_two_cameras_are_told_when_a_plan_needs_one():
    services = load_source("microscope").model_dump(exclude_defaults=True)["services"]
    chosen = {name: services[name] for name in ("world", "camera")}
    chosen["second"] = {"kind": "camera", "settings": {"device": "simulated-camera"}}
    with parfocal.open_rig({"name": "two", "services": chosen}) as rig:
        match = r"camera, second; name one in the rig file: \[runs\] camera = \"camera\""
        with pytest.raises(BadInputError, match=match):
            rig.run(Sequence(time_plan={"interval": 1, "loops": 2}))
