"""Frames that no recorded row can tell of: the outcome names them all the same, and the reason is true."""

import os
import signal
import threading

import pytest

from parfocal.rig.measurement import measure
from parfocal.rig.opening import open_rig

FRAMES = 100
SMALL = {
    "camera.slots": 8,
    "camera.options.width_px": 128,
    "camera.options.height_px": 128,
    "camera.options.beads": 1,
    "camera.options.frame_rate_hz": 50.0,
}
WAIT_S = 60


@pytest.fixture
def rig(tmp_path):
    with open_rig("tweezers", name="losses", changes=SMALL | {"recorder.folder": str(tmp_path)}) as rig:
        rig["camera"].snap(timeout_s=WAIT_S)
        rig["tracker"].add_roi(64.0, 64.0, timeout_s=WAIT_S)
        yield rig


class Once:
    """Does something once, in the middle of a measurement."""

    def __init__(self, what):
        self.what = what
        self.done = False

    def __call__(self, progress):
        if progress.phase == "measuring" and progress.fraction > 0.2 and not self.done:
            self.done = True
            self.what()


def test_frames_that_the_camera_lost_are_missing_and_no_restart_is_invented(rig):
    fault = Once(lambda: rig["camera"].inject_fault("lost", {"frames": 7}))
    done = measure(rig, frames=FRAMES, plan={}, tell=fault)
    assert (done.produced, done.tracked, done.dropped) == (FRAMES, FRAMES - 7, {"camera": 7})
    assert (done.report.outcome, done.report.reason) == ("incomplete: lost 7", "7 lost (camera)")
    assert done.report.losses == {"camera": 7}


def test_frames_that_the_tracker_dropped_are_missing(rig):
    worker = rig.status().services["tracker-1"].pid

    def overrun():
        os.kill(worker, signal.SIGSTOP)
        threading.Timer(0.5, os.kill, (worker, signal.SIGCONT)).start()

    done = measure(rig, frames=FRAMES, plan={}, tell=Once(overrun))
    assert done.tracked + sum(done.dropped.values()) == done.produced == FRAMES
    assert sum(done.dropped.values()) > 0
    assert done.report.losses == done.dropped
    assert done.report.outcome == f"incomplete: lost {sum(done.dropped.values())}"


def test_a_camera_that_somebody_stops_ends_the_run_early(rig):
    done = measure(rig, frames=10 * FRAMES, plan={}, tell=Once(lambda: rig["camera"].stop()))
    assert done.produced < 10 * FRAMES
    assert done.report.outcome == "finished early"
    assert done.report.reason == f"the camera was stopped after {done.produced} of {10 * FRAMES} frames"


def test_a_caller_that_fails_leaves_no_run_open(rig):
    def fail():
        raise ValueError("a bug of the caller")

    with pytest.raises(ValueError, match="a bug of the caller"):
        measure(rig, frames=10 * FRAMES, plan={}, tell=Once(fail))
    status = rig["recorder"].status()
    assert status.outcome == "failed"
    rig["camera"].stop()
