"""Runs that keep processors awake, in a real rig: from their preparation to their end, and not longer."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import ConfigError
from parfocal.processes import awake
from parfocal.rig.opening import open_rig
from parfocal.runs import Pipeline, Sequence
from parfocal.runs.plans.plan_data import plan_to_data

from .test_two_cameras import CAMERA

pytestmark = [
    pytest.mark.skipif(
        bool(awake.why_not_awake()), reason=f"processors are not kept awake here: {awake.why_not_awake()}"
    ),
    pytest.mark.usefixtures("shared_roots"),
]
PATIENCE_S = 60.0
LONG = Sequence(time_plan={"interval": 0.02, "loops": 100_000})
SHORT = Sequence(time_plan={"interval": 0, "loops": 3})
STEPS = """
import time
from pathlib import Path

HERE = Path(__file__).parent

def waits(image):
    (HERE / "warms").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return image > 1e9
"""


@pytest.fixture(scope="module")
def rig(shared_roots):
    camera = {"kind": "camera", "settings": CAMERA}
    data = {"name": "awake", "services": {"left": camera, "right": camera}}
    with open_rig(data | {"runs": {"camera": "left", "keep_awake": True}}) as rig:
        yield rig


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


def held(pid):
    """Return how often a process holds the device."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:  # it was closed meanwhile
            continue
    return found.count(str(awake.DEVICE))


def awake_by(rig):
    return held(rig.status().services["runs"].pid)


def running(rig, name):
    handle = rig.run(LONG, name=name)
    until(lambda: handle.status().events_acquired >= 2, "it goes on")
    return handle


def test_processors_are_awake_while_any_run_goes_on_and_not_while_the_service_idles(rig):
    assert awake_by(rig) == 0
    one = running(rig, "one")
    assert awake_by(rig) > 0
    rig["runs"].start(plan_to_data(SHORT), name="short", parts={"camera": "right"})
    assert rig.runs["short"].wait(PATIENCE_S).outcome == "complete"
    until(lambda: awake_by(rig) == 1, "the one that goes on holds it still")
    one.pause()
    assert awake_by(rig) == 1
    one.cancel()
    until(lambda: awake_by(rig) == 0, "let go of")


def test_a_run_that_fails_lets_go_of_it(rig):
    handle = running(rig, "stopped")
    rig["left"].stop()
    until(lambda: handle.status().outcome == "failed", "failed")
    until(lambda: awake_by(rig) == 0, "let go of")


def test_they_are_awake_while_a_pipeline_warms_up_and_its_worker_holds_nothing(rig, tmp_path, monkeypatch):
    (tmp_path / "waiting_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = Pipeline(segment="waiting_steps:waits", deadline_s=PATIENCE_S)
    handle = rig.run(SHORT, name="warming", pipeline=pipeline)
    until((tmp_path / "warms").exists, "its worker warms up")
    service = psutil.Process(rig.status().services["runs"].pid)
    assert [held(service.pid), *(held(child.pid) for child in service.children())] == [1, 0]
    (tmp_path / "go").touch()
    assert handle.wait(PATIENCE_S).outcome == "complete"
    until(lambda: awake_by(rig) == 0, "let go of")


def test_a_script_is_a_run_too(rig, tmp_path):
    file = tmp_path / "script.py"
    file.write_text("def main(lab):\n    lab.ask('go on?')\n")
    handle = rig.script(file)
    until(lambda: handle.status().question, "it asks")
    assert awake_by(rig) == 1
    handle.confirm(True)
    handle.wait(PATIENCE_S)
    until(lambda: awake_by(rig) == 0, "let go of")


def test_it_is_let_go_of_when_the_process_dies_and_not_asked_for_in_a_rig_without_it(rig):
    running(rig, "killed")
    before = rig.status().services["runs"].pid
    os.kill(before, signal.SIGKILL)
    until(lambda: rig.status().services["runs"].pid not in (None, before), "started again")
    until(lambda: rig.status().services["runs"].state == "ready", "ready again")
    assert awake_by(rig) == 0
    rig["runs"].set_settings({"keep_awake": False})
    handle = running(rig, "asleep")
    assert awake_by(rig) == 0
    handle.cancel()


def test_a_rig_that_may_not_is_not_started(monkeypatch, tmp_path):
    monkeypatch.setattr(awake, "DEVICE", tmp_path / "none")
    data = {"name": "refused", "services": {"left": {"kind": "camera", "settings": CAMERA}}}
    with (
        pytest.raises(ConfigError, match=r"runs\.keep_awake: this system has no"),
        open_rig(data, changes={"runs.keep_awake": True}),
    ):
        pass
