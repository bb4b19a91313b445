"""A lab's day as one script, without a window: beads, tables, a lock, a pull, a kill, a pause, a stop."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.rig.opening import open_rig

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 192,
    "camera.options.beads": 2,
    "camera.options.frame_rate_hz": 50.0,
    "camera.options.stuck": 0.5,
    "camera.slots": 256,
}
PAUSED_S = 1.0
DAY = """
import time
from parfocal.core.errors import RunFailedError

def main(lab):
    tracker, lock = lab["tracker"], lab["z_lock"]
    lab.step("find beads", of=5)
    lab["camera"].snap()
    beads = [roi.bead for roi in tracker.find_beads().rois]
    lab.log(f"reference: bead {beads[0]}")

    lab.step("tables", of=5)
    sweep = lab.sweep(-500, 500, 100, 2, name="tables")
    sweep.wait()
    sweep.accept()

    lab.step("lock", of=5)
    lab["camera"].start()
    lock.set(beads=beads[:1])
    lock.on()
    lab.wait_until(lambda: lock.status().targets_nm, 60, "the lock to hold")
    lock.off()
    lab["camera"].stop()

    lab.step("pull", of=5)
    try:
        pull = lab.ramp_force(
            start_pn=1, stop_pn=4, rate_pn_per_s=0.25, mode="tracks+roi-video", name="pull"
        ).wait()
        lab.log(f"pulled: {pull.outcome}")
    except RunFailedError as error:
        lab.log(f"the pull has failed: {error}")

    lab.step("rest", of=5)
    began_s, began_real_s = lab.time_s(), time.monotonic()
    lab.sleep(10.0)
    own_s, real_s = lab.time_s() - began_s, time.monotonic() - began_real_s
    lab.log(f"rested for {own_s:.3f} s of {real_s:.3f} s")
    lab["magnet"].move_to(1e6)
    lab.ask("is the day over?", ("yes", "no"))
"""


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def is_pulling(rig) -> bool:
    """Whether the force is on its way up."""
    return "pull" in rig.runs and (rig.runs["pull"].status().event_fraction or 0.0) > 0.2


def test_a_day_is_recorded_with_all_that_has_happened(tmp_path) -> None:
    script = tmp_path / "day.py"
    script.write_text(DAY)
    changes = SMALL | {"recorder.folder": str(tmp_path / "runs")}
    with open_rig("tweezers", name="day", changes=changes) as rig:
        handle = rig.script(script)
        until(lambda: is_pulling(rig), "the pull")
        os.kill(rig.status().services["tracker"].pid, signal.SIGKILL)
        until(
            lambda: handle.status().wait_remaining_s > 0 and handle.status().event_text == "rest", "the rest"
        )
        handle.pause("to look")
        until(lambda: handle.status().state == "paused", "the pause")
        time.sleep(PAUSED_S)
        handle.resume()
        until(lambda: handle.status().question, "the question")
        handle.cancel("the day is over")
        status = handle.wait(PATIENCE_S)
        assert (status.outcome, status.reason) == ("cancelled", "the day is over")
        assert not rig["magnet"].is_moving()
        assert all(run.ended for run in rig.runs.statuses().values())
    folder = Path(status.folder)
    document = json.loads((folder / "script.json").read_text())
    assert [step["text"] for step in document["steps"]] == ["find beads", "tables", "lock", "pull", "rest"]
    assert [command["command"] for command in document["commands"]][-3:] == ["pause", "resume", "cancel"]
    log = (folder / "script.log").read_text()
    (rested,) = re.findall(r"rested for ([0-9.]+) s of ([0-9.]+) s", log)
    own_s, real_s = map(float, rested)
    assert own_s >= 10.0
    assert real_s - own_s > 0.99 * PAUSED_S, "its own time stands still in a pause"
    tables, pull = document["children"]
    assert tables["outcome"] == "complete"
    assert Path(pull["folder"]).parent == folder
    record = parfocal.open_run(pull["folder"])
    assert record.outcome == pull["outcome"]
    assert f"pulled: {pull['outcome']}" in log or "the pull has failed" in log
    assert "tracker" in (Path(pull["folder"]) / "manifest.json").read_text()
