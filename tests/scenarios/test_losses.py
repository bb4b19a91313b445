"""Frames that no recorded row can tell of: the outcome names them all the same, and the reason is true."""

import os
import signal

import pytest

from parfocal.core.clock import poll_until
from parfocal.rig.opening import load_source, open_rig
from parfocal.rig.tracked_run import run_tracked

FRAMES = 100
SMALL = {
    "camera.options.width_px": 128,
    "camera.options.height_px": 128,
    "camera.options.beads": 1,
    "camera.options.frame_rate_hz": 50.0,
}
WAIT_S = 60


@pytest.fixture(params=[2048])
def rig(tmp_path, request):
    """A rig whose ring holds every frame, so that nothing is dropped however slow the machine is.

    A worker that stands still is no hung one: it goes on when the test says so.
    """
    changes = SMALL | {"camera.slots": request.param, "recorder.folder": str(tmp_path)}
    config = load_source("tweezers").model_dump(exclude_defaults=True)
    config["services"]["tracker"]["hang_after_s"] = 600.0
    with open_rig(config, name="losses", changes=changes) as rig:
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
    fault = Once(lambda: rig["camera"].inject_fault("lost", {"frames": 7}, force=True))
    frames = 3 * FRAMES  # seven are left for the fault, also where it comes late
    done = run_tracked(rig, frames, report=fault)
    assert done.ledger[:3] == (frames, frames - 7, {"camera": 7})
    assert (done.status.outcome, done.status.reason) == ("incomplete: lost 7", "camera: 7")
    assert (done.manifest.outcome, done.manifest.losses) == ("incomplete: lost 7", {"camera": 7})


@pytest.mark.slow
@pytest.mark.parametrize("rig", [8], indirect=True, ids=["small ring"])
def test_frames_that_the_tracker_dropped_are_missing(rig):
    worker = rig.status().services["tracker-1"].pid

    def overrun():
        os.kill(worker, signal.SIGSTOP)
        enough = rig["camera"].counts()["frames"] + 12
        assert poll_until(lambda: rig["camera"].counts()["frames"] >= enough, WAIT_S)
        os.kill(worker, signal.SIGCONT)

    frames = 4 * FRAMES  # more than twelve are left for the overrun, also where it comes late
    done = run_tracked(rig, frames, report=Once(overrun))
    exposed, tracked, dropped = done.ledger[:3]
    assert tracked + sum(dropped.values()) == exposed == frames
    assert sum(dropped.values()) > 0
    assert done.manifest.losses == dropped
    assert done.status.outcome == done.manifest.outcome == f"incomplete: lost {sum(dropped.values())}"


@pytest.mark.slow
def test_a_camera_that_somebody_stops_ends_the_run_early(rig):
    done = run_tracked(rig, 10 * FRAMES, report=Once(lambda: rig["camera"].stop()))
    exposed = done.ledger.exposed
    assert exposed < 10 * FRAMES
    assert done.status.outcome == done.manifest.outcome == "finished early"
    assert f"after {exposed} of {10 * FRAMES} frames" in done.status.reason


def test_a_caller_that_fails_leaves_no_run_open(rig):
    def fail():
        raise ValueError("a bug of the caller")

    with pytest.raises(ValueError, match="a bug of the caller"):
        run_tracked(rig, 10 * FRAMES, report=Once(fail))
    status = rig["recorder"].status()
    assert (status.outcome, status.reason) == ("cancelled", "ValueError: a bug of the caller")
    assert not rig["camera"].is_running()
