"""Locks through ten minutes of drift, and in real processes that are killed and stopped around them."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError
from parfocal.rig.opening import open_rig

from ..analysis.locks.virtual_tweezers import VirtualTweezers

pytestmark = pytest.mark.slow

SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 4,
    "camera.options.stuck": 1.0,
    "camera.options.frame_rate_hz": 50.0,
    "camera.slots": 256,
}
BEADS = [0, 1, 2, 3]
WAIT_S = 60.0


def test_ten_minutes_of_drift_are_held_within_10_nm(tmp_path):
    tweezers = VirtualTweezers(tmp_path)
    try:
        lock = tweezers.z_lock(beads=(0, 1, 2))
        tweezers.camera.set_drift(x_nm_per_s=0.2, z_nm_per_s=1.0)
        lock.on()
        height = tweezers.run(2.0)[-1]
        heights = tweezers.run(600.0)
        rms_nm = float(np.sqrt(np.mean((heights - height) ** 2)))
        status = lock.status()
        print(
            f"z RMS {rms_nm:.2f} nm, {status.corrections} corrections, focus at {tweezers.focus_nm():.0f} nm"
        )
        assert len(heights) == 6000
        assert rms_nm < 10
        assert (status.on, status.state) == (True, "holding")
        assert tweezers.focus_nm() == pytest.approx(600, abs=15)
    finally:
        tweezers.close()


@pytest.fixture(scope="module")
def tweezers(shared_roots, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("locks"))
    with open_rig("tweezers", name="held", changes=SMALL | {"recorder.folder": folder}) as rig:
        rig["camera"].start()
        assert len(rig["tracker"].find_beads(timeout_s=WAIT_S).rois) == len(BEADS)
        rig["tracker"].build_tables(timeout_s=120.0)
        yield rig


@pytest.fixture
def rig(tweezers):
    """The rig with its Z-lock on; afterwards it is off, and the focus at rest."""
    lock = tweezers["z_lock"]
    lock.set(beads=BEADS, interval_s=0.2, window=5, silent_after_s=0.5, while_claimed="pause")
    lock.on()
    wait_for(tweezers, "holding")
    yield tweezers
    poll_until(lambda: tweezers.status().services["z_lock"].state == "ready", WAIT_S)
    lock.off()
    assert not tweezers["focus"].is_moving()


def wait_for(rig, state, word=""):
    """Wait until the Z-lock is in a state, for a reason with that word."""

    def there():
        status = rig["z_lock"].status()
        return status.state == state and word in status.reason

    assert poll_until(there, WAIT_S), rig["z_lock"].status()


def knock(rig, z_nm):
    """Have the sample move; the lock brings the focus after it."""
    begin = rig["focus"].position()
    rig["camera"].shift_sample(z_nm=z_nm)
    assert poll_until(lambda: abs(rig["focus"].position() - begin - z_nm) < 15, WAIT_S)


def test_both_locks_follow_and_one_correction_is_made_on_demand(rig):
    knock(rig, 100.0)
    rig["xy_lock"].set(interval_s=0.2, window=5)
    rig["xy_lock"].on()
    before = rig["tracker"].list_rois()
    rig["camera"].shift_sample(x_nm=500.0)
    assert poll_until(
        lambda: all(
            abs(roi.x_px - old.x_px - 5) <= 1.5
            for roi, old in zip(rig["tracker"].list_rois().rois, before.rois, strict=True)
        ),
        WAIT_S,
    )
    assert rig["xy_lock"].off().corrections >= 1
    rig["z_lock"].off()
    begin = rig["focus"].position()
    rig["camera"].shift_sample(z_nm=-80.0)
    status = rig["z_lock"].once(timeout_s=WAIT_S)
    assert not status.on
    assert rig["focus"].position() < begin - 20
    rig["camera"].shift_sample(y_nm=30_000.0)
    with pytest.raises(CommandError, match="are lost"):
        rig["z_lock"].once(timeout_s=WAIT_S)
    rig["camera"].shift_sample(y_nm=-30_000.0)


def test_while_a_run_claims_the_focus_it_pauses(rig):
    corrections = rig["z_lock"].status().corrections
    with rig["focus"].claim("stack of mine"):
        wait_for(rig, "paused", "'stack of mine'")
        rig["camera"].shift_sample(z_nm=60.0)
        begin = rig["focus"].position()
        assert rig["focus"].position() == begin
        rig["z_lock"].set(while_claimed="correct")
        assert poll_until(lambda: abs(rig["focus"].position() - begin - 60.0) < 15, WAIT_S)
    wait_for(rig, "holding")
    assert rig["z_lock"].status().corrections >= corrections


def test_during_a_sweep_for_tables_it_pauses(rig):
    begin = rig["focus"].position()
    targets = rig["z_lock"].status().targets_nm
    sweep = rig["tracker"].submit("build_tables", frames_per_plane=10)
    wait_for(rig, "paused", "'sweep for z tables'")
    sweep.result(WAIT_S)
    wait_for(rig, "holding")
    assert abs(rig["focus"].position() - begin) < 15
    assert rig["z_lock"].status().targets_nm == targets


def test_a_tracker_that_is_killed_is_waited_for(rig):
    os.kill(rig.status().services["tracker"].pid, signal.SIGKILL)
    os.kill(rig.status().services["tracker-1"].pid, signal.SIGKILL)
    knock(rig, 50.0)
    wait_for(rig, "holding")
    assert rig["z_lock"].status().on


def test_a_focus_that_is_stopped_pauses_it_and_one_that_is_stuck_ends_it(rig):
    with rig.stream("z_corrections").lossless("drop") as rows:
        os.kill(rig.status().services["focus"].pid, signal.SIGSTOP)
        why = ""
        while why != "no focus":
            why = str(rows.read(timeout_s=WAIT_S)["why"][-1])
    wait_for(rig, "holding")
    knock(rig, 50.0)
    rig["focus"].inject_fault("stuck", {})
    rig["camera"].shift_sample(z_nm=50.0)
    wait_for(rig, "off", "did not arrive")
    rig["focus"].inject_fault("free", {})


def test_a_lock_that_is_killed_is_off_when_it_is_back_and_keeps_its_settings(rig):
    os.kill(rig.status().services["z_lock"].pid, signal.SIGKILL)

    def is_back():
        service = rig.status().services["z_lock"]
        return service.restarts == 1 and service.state == "ready"

    assert poll_until(is_back, WAIT_S)
    wait_for(rig, "off", "switch it on again")
    assert rig["z_lock"].get_settings()["beads"] == BEADS
    begin = rig["focus"].position()
    rig["camera"].shift_sample(z_nm=50.0)
    assert rig["focus"].position() == begin
    rig["camera"].shift_sample(z_nm=-50.0)
    rig["z_lock"].on()
    wait_for(rig, "holding")
