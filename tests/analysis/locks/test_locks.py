"""Both locks at the simulated tweezers, on virtual time: drift, knocks, lost beads, a motor that is stuck."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.locks.lock_service import SingleCorrection
from parfocal.core.errors import BadInputError, ConfigError, DeadlineError, DeviceError

from .virtual_tweezers import VirtualTweezers

BEADS = [0, 1, 2]


class Moving:
    """A move of the focus that goes on until it is cancelled, or for ever."""

    service = "focus"

    def __init__(self, *, ends):
        self.ends, self.cancelled = ends, 0

    def done(self):
        return self.ends and self.cancelled > 0

    def cancel_soon(self, reason):
        self.cancelled += 1

    def exception(self, timeout_s=None):
        if self.ends:
            return DeviceError("cancelled")
        raise DeadlineError("still waiting")


def moving(tweezers, monkeypatch, *, ends):
    """Have the Z-lock begin a move that is under way from now on; return that."""
    move = Moving(ends=ends)
    lock = tweezers.rig.services["z_lock"]
    monkeypatch.setattr(lock._focus, "move_by", lambda _: move)
    tweezers.camera.shift_sample(z_nm=200.0)
    tweezers.run(2)
    assert lock._move is not None
    return move


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    tweezers = VirtualTweezers(tmp_path_factory.mktemp("tweezers"))
    tweezers.z = tweezers.z_lock()
    tweezers.xy = tweezers.xy_lock(interval_s=0.5, window=3)
    tweezers.z.set(beads=BEADS)
    yield tweezers
    tweezers.close()


@pytest.fixture
def tweezers(place):
    """The tweezers as they were made: locks off, no drift, sample and focus where they were."""
    place.camera.set_drift()
    place.camera.shift_sample(*(-place.camera._sample))
    place.tracks_on = True
    place.world.move("light", 1.0, place.clock.monotonic_ns())
    for lock in (place.z, place.xy):
        lock.off()
    place.tracker.call("move_rois", place.middles)
    place.move_focus(0.0)
    place.z.set(
        beads=BEADS, interval_s=0.5, window=3, target_nm="latch", damping=0.2, max_nm=500.0, outside="latch"
    )
    place.xy.set(beads="all", interval_s=0.5, window=3)
    place.run(0.5)
    place.corrections()
    place.corrections("xy_lock")
    yield place
    place.z.off()
    place.xy.off()
    now_ns = place.clock.monotonic_ns()
    assert place.world.motion("focus_nm", now_ns).arrives_ns() <= now_ns, "the focus is at rest"


def latched(tweezers):
    """Switch the Z-lock on; return the height that it holds."""
    tweezers.z.on()
    heights = tweezers.run(1.5)
    assert tweezers.z.status().state == "holding"
    return heights[-1]


def test_drift_is_held_and_each_correction_is_a_row(tweezers):
    height = latched(tweezers)
    tweezers.camera.set_drift(z_nm_per_s=5.0)
    heights = tweezers.run(15)
    assert np.sqrt(np.mean((heights - height) ** 2)) < 10
    assert tweezers.focus_nm() == pytest.approx(75.0, abs=10)
    rows = tweezers.corrections()
    made = rows[rows["why"] == "corrected"]
    assert made["applied"].all()
    assert tweezers.z.status().corrections == len(np.unique(made["number"])) >= 10
    first = made[made["number"] == made["number"][0]]
    assert first["bead"].tolist() == BEADS
    error = float(np.mean(first["measured_nm"] - first["target_nm"]))
    assert first["correction_nm"] == pytest.approx(np.full(3, -0.8 * error))
    assert made["correction_nm"].sum() / 3 == pytest.approx(tweezers.focus_nm())
    assert rows["why"][:2].tolist() == ["on", "latched"]


def test_after_a_knock_it_is_back_within_three_corrections(tweezers):
    height = latched(tweezers)
    tweezers.camera.shift_sample(z_nm=500.0)
    heights = tweezers.run(0.3)
    while tweezers.z.status().corrections < 3:
        heights = tweezers.run(0.3)
    assert abs(heights[-1] - height) < 20
    assert tweezers.focus_nm() == pytest.approx(500, abs=20)


def test_it_stays_within_the_limits_of_the_focus(tweezers):
    latched(tweezers)
    for _ in range(2):
        tweezers.camera.shift_sample(z_nm=500.0)
        tweezers.run(3)
        assert tweezers.focus_nm() <= 800.0
    status = tweezers.z.status()
    assert (status.on, status.state) == (True, "paused")
    assert "at its limit, 800 nm" in status.reason
    tweezers.camera.shift_sample(z_nm=-500.0)
    tweezers.run(3)
    assert tweezers.z.status().state == "holding"
    assert tweezers.focus_nm() == pytest.approx(500, abs=5)
    assert "limit" in tweezers.corrections()["why"].tolist()


@pytest.mark.parametrize("how", ["dark", "lost", "silent"])
def test_it_pauses_without_beads_and_goes_on_with_them(how, tweezers):
    height = latched(tweezers)
    light = tweezers.world, "light"
    for away in (True, False):
        if how == "dark":
            light[0].move("light", 0.0 if away else 1.0, tweezers.clock.monotonic_ns())
        elif how == "lost":
            tweezers.camera.shift_sample(y_nm=6000.0 if away else -6000.0)
        else:
            tweezers.tracks_on = not away
        if away:
            tweezers.run(3)
            status = tweezers.z.status()
            assert (status.on, status.state) == (True, "paused")
            assert ("no rows" if how == "silent" else "are lost") in status.reason
            assert tweezers.focus_nm() == pytest.approx(0.0, abs=5)
            tweezers.camera.shift_sample(z_nm=50.0)
    heights = tweezers.run(4)
    assert tweezers.z.status().state == "holding"
    assert heights[-1] == pytest.approx(height, abs=5)
    assert tweezers.corrections()["why"].tolist().count({"silent": "no rows"}.get(how, "lost")) == 1


def test_the_place_where_somebody_moved_the_focus_is_held(tweezers):
    height = latched(tweezers)
    tweezers.focus.call("move_to", 300.0)
    tweezers.run(3)
    assert tweezers.z.status().state == "holding"
    tweezers.camera.shift_sample(z_nm=100.0)
    heights = tweezers.run(4)
    assert heights[-1] == pytest.approx(height + 300.0, abs=5)
    assert "outside move" in tweezers.corrections()["why"].tolist()
    tweezers.z.set(outside="off")
    tweezers.focus.call("move_to", 100.0)
    tweezers.run(2)
    status = tweezers.z.status()
    assert (status.on, status.state) == (False, "off")
    assert "somebody moved the focus by -" in status.reason


def test_a_motor_that_is_stuck_ends_it(tweezers):
    latched(tweezers)
    tweezers.focus.call("inject_fault", "stuck", {})
    try:
        tweezers.camera.shift_sample(z_nm=100.0)
        tweezers.run(8)
        status = tweezers.z.status()
        assert (status.on, status.state) == (False, "off")
        assert "did not arrive" in status.reason
        assert (tweezers.corrections()["why"] == "failed").any()
        assert not tweezers.focus.call("is_moving")
    finally:
        tweezers.focus.call("inject_fault", "free", {})
        tweezers.focus.call("halt")


def test_it_is_off_although_the_focus_does_not_end_its_move(tweezers, monkeypatch):
    latched(tweezers)
    move = moving(tweezers, monkeypatch, ends=False)
    with pytest.raises(DeviceError, match="halt 'focus'"):
        tweezers.z.off()
    assert move.cancelled == 1
    assert not tweezers.z.status().on
    monkeypatch.undo()
    tweezers.run(2)
    assert tweezers.focus_nm() == pytest.approx(0.0, abs=5)
    assert (tweezers.corrections()["why"] == "unsure").any()


@pytest.mark.parametrize("how", ["given up", "off"])
def test_one_correction_that_is_given_up_moves_nothing_more(how, tweezers, monkeypatch):
    latched(tweezers)
    tweezers.z.off()
    lock = tweezers.rig.services["z_lock"]
    once = lock._once = SingleCorrection()
    tweezers.run(0.2)
    assert once.begun
    move = moving(tweezers, monkeypatch, ends=True)
    if how == "off":
        tweezers.z.off()
        assert once.error == "the lock was switched off"
        assert once.done.is_set()
    else:
        lock._once = None
    monkeypatch.undo()
    tweezers.run(2)
    assert move.cancelled == 1
    assert lock._move is None
    assert tweezers.focus_nm() == pytest.approx(0.0, abs=5)


def test_settings_change_while_it_is_on_and_are_checked(tweezers):
    height = latched(tweezers)
    tweezers.z.set(damping=0.0, max_nm=20.0, interval_s=0.3)
    tweezers.camera.shift_sample(z_nm=100.0)
    heights = tweezers.run(5)
    assert heights[-1] == pytest.approx(height, abs=3)
    made = tweezers.corrections()
    assert abs(made["correction_nm"][made["why"] == "capped"]) == pytest.approx(20.0)
    tweezers.z.set(target_nm=30.0)
    tweezers.run(4)
    assert tweezers.z.status().targets_nm == dict.fromkeys(BEADS, 30.0)
    tweezers.z.set(beads=[1])
    assert tweezers.z.status().state == "holding"
    for wrong, why in (
        ({"damping": 1.0}, "damping"),
        ({"interval_s": 0.0}, "interval_s"),
        ({"beads": []}, "beads is empty"),
        ({"beads": [9]}, "no bead 9"),
    ):
        with pytest.raises((BadInputError, ConfigError), match=why):
            tweezers.z.set(**wrong)
    with pytest.raises(ConfigError, match="beads"):
        tweezers.xy.set(beads=[])
    with pytest.raises(ConfigError, match="keeps its settings focus"):
        tweezers.z.set_settings({"focus": "magnet"})
    assert tweezers.z.get_settings()["max_nm"] == 20.0
    assert tweezers.z.state()["beads"] == [1]


def test_it_is_not_switched_on_for_beads_that_are_not_there(tweezers):
    tweezers.z.set(beads=[])
    with pytest.raises(BadInputError, match="name the beads"):
        tweezers.z.on()
    tweezers.z.set(beads=[0, 7])
    with pytest.raises(BadInputError, match="no bead 7"):
        tweezers.z.on()
    assert tweezers.z.status().state == "off"


def test_regions_follow_their_beads_and_the_focus_is_held_meanwhile(tweezers):
    height = latched(tweezers)
    tweezers.xy.on()
    tweezers.camera.set_drift(x_nm_per_s=60.0, y_nm_per_s=-20.0)
    heights = tweezers.run(10)
    rois = tweezers.tracker.call("list_rois")
    truth = tweezers.camera.ground_truth(tweezers.header.frame)
    assert (truth["x_px"] - tweezers.truth["x_px"]).min() > 5
    for roi, true in zip(rois.rois, truth, strict=True):
        assert abs(roi.x_px - true["x_px"]) < 2.5
        assert abs(roi.y_px - true["y_px"]) < 2.5
    rows = tweezers.corrections("xy_lock")
    made = rows[rows["why"] == "corrected"]
    assert set(made["bead"]) == set(BEADS)
    assert made["applied"].all()
    assert np.all(made["correction_x_px"] == np.rint(made["correction_x_px"]))
    assert tweezers.xy.status().state == "holding"
    assert np.sqrt(np.mean((heights - height) ** 2)) < 10


def test_regions_of_lost_beads_stay_and_what_the_tracker_refuses_is_told(tweezers):
    tweezers.xy.on()
    tweezers.run(1)
    tweezers.camera.shift_sample(y_nm=6000.0)
    before = tweezers.tracker.call("list_rois")
    tweezers.run(2)
    status = tweezers.xy.status()
    assert (status.state, status.lost) == ("paused", (0, 1, 2))
    assert tweezers.tracker.call("list_rois") == before
    tweezers.camera.shift_sample(y_nm=-6000.0, x_nm=500.0)
    with tweezers.service.regions.frozen("z tables are being made"):
        tweezers.run(2)
        status = tweezers.xy.status()
        assert (status.on, status.state) == (True, "paused")
        assert "z tables are being made" in status.reason
    tweezers.run(2)
    assert tweezers.xy.status().state == "holding"
    assert tweezers.tracker.call("list_rois").rois != before.rois
    rows = tweezers.corrections("xy_lock")
    assert not rows["applied"][rows["why"] == "refused"].any()


def test_a_lock_that_was_on_when_its_process_ended_is_off_and_says_so(tweezers):
    latched(tweezers)
    tweezers.z.set(max_nm=77.0)
    old = tweezers.rig.services["z_lock"]
    old.close()
    old.open(tweezers.rig.context("z_lock", old))
    status = tweezers.z.status()
    assert (status.on, status.state) == (False, "off")
    assert "switch it on again" in status.reason
    assert tweezers.z.on().on
    tweezers.run(2)
    assert tweezers.z.status().state == "holding"


def test_a_correction_that_was_under_way_is_not_the_one_that_is_asked_for_then(tweezers):
    latched(tweezers)
    lock = tweezers.rig.services["z_lock"]
    advance = lock.advance

    def advance_as_somebody_asks(now_ns):
        lock._once = lock._once or SingleCorrection()
        lock.passed("follow", "holding")
        advance(now_ns)

    lock.advance = advance_as_somebody_asks
    lock.step()
    assert not lock._once.done.is_set()
    lock.advance = advance
    tweezers.run(2)
    assert lock._once.done.is_set()
    lock._once = None
