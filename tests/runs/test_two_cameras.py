"""Two runs at once, in one rig, where they use different instruments; and what by force means."""

from __future__ import annotations

import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError
from parfocal.rig.opening import open_rig

PATIENCE_S = 60.0
CAMERA = {
    "device": "simulated-camera",
    "options": {"width_px": 32, "height_px": 24, "beads": 0, "frame_rate_hz": 200.0, "exposure_ms": 1.0},
}
LONG = {"type": "sequence", "time_plan": {"interval": 0.02, "loops": 10_000}}
SHORT = {"type": "sequence", "time_plan": {"interval": 0, "loops": 5}}


@pytest.fixture
def pair():
    camera = {"kind": "camera", "settings": CAMERA}
    with open_rig({"name": "pair", "services": {"left": camera, "right": camera}}) as rig:
        yield rig


@pytest.fixture
def runs(pair):
    return pair["runs"]


def outcome_of(runs, run):
    assert poll_until(lambda: runs.status(run).ended, PATIENCE_S), runs.status(run)
    return runs.status(run).outcome


def test_only_claims_that_overlap_exclude_one_another(runs):
    with pytest.raises(CommandError, match=r"left, right.*\[runs\] camera"):
        runs.start(SHORT)
    left = runs.start(LONG, name="long", parts={"camera": "left"})
    assert left.claims == ("left",)
    right = runs.start(SHORT, name="short", parts={"camera": "right"})
    assert outcome_of(runs, right.run) == "complete"
    with pytest.raises(CommandError, match="run 'long' uses left"):
        runs.start(SHORT, parts={"camera": "left"})
    forced = runs.start(SHORT, name="forced", by_force=True, parts={"camera": "left"})
    assert outcome_of(runs, forced.run) == "complete"
    runs.cancel_run("long", "enough")
    assert outcome_of(runs, "long") == "cancelled"
    again = runs.start(SHORT, parts={"camera": "left"})
    assert outcome_of(runs, again.run) == "complete"


def test_a_camera_that_is_stopped_from_outside_ends_the_run_whatever_it_does(runs, pair):
    run = runs.start(LONG, name="stopped", parts={"camera": "left"}).run
    assert poll_until(lambda: runs.status(run).frames_received > 2, PATIENCE_S)
    pair["left"].set_exposure_ms(2.0, force=True)
    pair["right"].stop()
    pair["left"].stop()
    assert outcome_of(runs, run) == "failed"
    status = runs.status(run)
    assert "the camera was stopped from outside by " in status.reason
    assert [one.command for one in status.commands] == ["left.set_exposure_ms", "left.stop"]
