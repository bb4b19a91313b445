"""What locks decide, without any process: rows in, corrections out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.analysis.beads.quality import XY_FLAGS, Z_FLAGS
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.locks.samples import FreshSamples
from parfocal.analysis.locks.settings import ZLockConfig
from parfocal.analysis.locks.xy_controller import region_moves
from parfocal.analysis.locks.z_controller import FocusReading, ZController, z_correction
from parfocal.tracking.rows import Flag

FRAME_NS = 100_000_000


def track_rows(times, beads, z=0.0, version=1, flags=0):
    """Return rows of some beads in frames that end at these times; `z` is a number or a function of both."""
    rows = np.zeros(len(times) * len(beads), TRACK_DTYPE)
    rows["time_ns"] = np.repeat(times, len(beads))
    rows["bead"] = np.tile(beads, len(times))
    rows["z_nm"], rows["roi_version"], rows["flags"] = z, version, flags
    return rows


class Plant:
    """Beads whose heights follow the focus, seen by a controller at ten frames a second."""

    def __init__(self, config, low=-1000.0, high=1000.0, sign=1.0):
        self.controller, self.config = ZController(config), config
        self.low, self.high, self.sign = low, high, sign
        self.focus, self.now, self.version = 0.0, 10 * FRAME_NS, 1
        self.offsets = {bead: 50.0 * bead for bead in config.beads}
        self.shift = 0.0
        self.bad = set()
        self.claim = ""
        self.moves = []
        self.seen = []
        self.controller.begin(self.now, self.focus)

    def heights(self):
        return [self.sign * self.focus + self.offsets[bead] - self.shift for bead in self.config.beads]

    def run(self, frames):
        """Let frames come; return the last decision."""
        for _ in range(frames):
            self.now += FRAME_NS
            beads = list(self.config.beads)
            flags = [int(Flag.EMPTY) if bead in self.bad else 0 for bead in beads]
            self.controller.see(track_rows([self.now], beads, self.heights(), self.version, flags), self.now)
            off = self.seen and self.seen[-1].state == "off"
            if self.controller.ready(self.now) and not off:
                self.decide()
        return self.seen[-1] if self.seen else None

    def decide(self):
        reading = FocusReading(self.focus, self.low, self.high, claimed_by=self.claim)
        decision = self.controller.decide(self.now, reading)
        self.seen.append(decision)
        if decision.move_nm:
            self.focus += decision.move_nm
            self.moves.append(decision.move_nm)
            assert self.low <= self.focus <= self.high
            self.controller.moved(self.now, self.focus)


CONFIG = ZLockConfig(beads=(1, 2, 3), window=3, interval_s=0.5)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.floats(-9, 9), st.booleans()), max_size=60),
    st.integers(1, 6),
    st.integers(0, 25),
)
def test_samples_are_the_last_frames_after_the_moment(entries, window, after):
    entries = sorted({(time, bead): (time, bead, z, bad) for time, bead, z, bad in entries}.values())
    samples = FreshSamples(("z_nm",), Z_FLAGS, window, beads=(0, 1))
    samples.clear(after)
    rows = np.zeros(len(entries), TRACK_DTYPE)
    for row, (time, bead, z, bad) in zip(rows, entries, strict=True):
        row["time_ns"], row["bead"], row["z_nm"], row["flags"] = time, bead, z, Flag.BAD_FIT * bad
    for part in np.array_split(rows, 3):
        samples.add(part)
    times = sorted({time for time, *_ in entries if time >= after})[1:][-window:]
    assert samples.full == (len(times) == window)
    wanted = {}
    for bead in (0, 1):
        good = [z for time, which, z, bad in entries if which == bead and time in times and not bad]
        if times and good and 2 * len(good) >= len(times):
            wanted[bead] = pytest.approx((float(np.mean(good)),))
    assert samples.means() == wanted


def test_rows_of_other_regions_do_not_count():
    samples = FreshSamples(("z_nm",), Z_FLAGS, window=2)
    samples.clear(0)
    samples.add(track_rows([1, 2, 3], [7], z=1.0, version=4))
    samples.add(track_rows([4], [7], z=5.0, version=5))
    samples.add(track_rows([5], [7], z=1.0, version=4))
    assert not samples.full
    samples.add(track_rows([6], [7], z=7.0, version=5))
    assert (samples.full, samples.means(), samples.version) == (True, {7: (6.0,)}, 5)
    samples.restart()
    samples.add(track_rows([7, 8], [7], z=1.0, version=0))
    assert samples.means() == {7: (1.0,)}


@settings(max_examples=15)
@given(st.floats(-500, 500), st.floats(0, 0.7), st.floats(40, 500), st.integers(1, 6))
def test_a_step_is_taken_back_and_no_correction_is_larger_than_allowed(step, damping, max_nm, window):
    plant = Plant(
        ZLockConfig(
            beads=(1, 2, 3), window=window, interval_s=0.5, damping=damping, max_nm=max_nm, min_nm=0.0
        )
    )
    plant.run(window + 2)
    plant.shift = step
    plant.run(300)
    assert all(abs(move) <= max_nm for move in plant.moves)
    assert plant.focus == pytest.approx(step, abs=0.01)
    assert plant.seen[-1].state == "holding"


@settings(max_examples=15)
@given(st.lists(st.floats(-900, 900), min_size=1, max_size=6), st.floats(100, 800))
def test_the_limits_hold_whatever_happens(shifts, limit):
    plant = Plant(CONFIG, low=-limit, high=limit)
    plant.run(5)
    for shift in shifts:
        plant.shift = shift
        plant.run(30)
        held = abs(shift) < limit - 2
        assert plant.seen[-1].state == ("holding" if held else plant.seen[-1].state)
        assert abs(plant.focus) <= limit
        if abs(shift) > limit + 10:
            assert (plant.seen[-1].state, plant.seen[-1].why) == ("paused", "limit")


def test_a_bead_that_is_lost_or_comes_back_makes_no_step():
    plant = Plant(CONFIG)
    plant.bad = {3}
    plant.run(10)
    assert plant.controller.lost == (3,)
    assert plant.controller.targets == {1: 50.0, 2: 100.0}
    plant.bad = set()
    plant.run(10)
    assert plant.controller.targets == {1: 50.0, 2: 100.0, 3: 150.0}
    plant.bad = {1, 2}
    decision = plant.run(10)
    assert (decision.state, decision.why) == ("paused", "lost")
    assert "[1, 2]" in decision.reason
    plant.shift, plant.bad = 40.0, {1}
    plant.run(30)
    assert plant.focus == pytest.approx(40.0, abs=1.5)


def test_samples_are_fresh_after_its_own_move():
    plant = Plant(CONFIG)
    plant.run(5)
    plant.shift = 100.0
    while not plant.moves:
        plant.run(1)
    at_ns = plant.now
    while len(plant.moves) < 2:
        plant.run(1)
    assert plant.now - at_ns >= 5 * FRAME_NS
    assert plant.moves[1] == pytest.approx(plant.moves[0] * CONFIG.damping)


@pytest.mark.parametrize("outside", ["latch", "off"])
def test_a_move_by_somebody_else_is_respected(outside):
    plant = Plant(CONFIG.model_copy(update={"outside": outside, "target_nm": 100.0}))
    plant.run(40)
    plant.focus += 300.0
    plant.run(30)
    assert plant.focus == pytest.approx(300.0, abs=2)
    whys = [decision.why for decision in plant.seen]
    assert "outside move" in whys
    after = plant.seen[whys.index("outside move")]
    assert after.state == {"latch": "waiting", "off": "off"}[outside]
    if outside == "latch":
        assert plant.seen[-1].state == "holding"
        plant.shift = 50.0
        plant.run(40)
        assert plant.focus == pytest.approx(350.0, abs=4)


def test_a_set_target_is_reached_and_another_one_taken_on():
    plant = Plant(ZLockConfig(beads=(1,), window=2, interval_s=0.2, target_nm=80.0))
    plant.run(40)
    assert plant.heights()[0] == pytest.approx(80.0, abs=1.5)
    plant.controller.change(ZLockConfig(beads=(1,), window=2, interval_s=0.2, target_nm=-20.0), plant.now)
    plant.run(40)
    assert plant.heights()[0] == pytest.approx(-20.0, abs=1.5)


def test_while_a_run_claims_the_focus_the_target_is_kept():
    plant = Plant(CONFIG)
    plant.run(5)
    plant.claim, plant.focus = "stack", 500.0
    assert plant.run(20).why == "claimed"
    plant.focus, plant.claim, plant.shift = 0.0, "", 30.0
    plant.run(40)
    assert plant.focus == pytest.approx(30.0, abs=1.5)
    assert plant.controller.targets == {1: 50.0, 2: 100.0, 3: 150.0}


def test_without_rows_it_pauses_and_goes_on():
    plant = Plant(CONFIG)
    plant.run(5)
    plant.now += 3_000_000_000
    assert plant.controller.ready(plant.now)
    plant.decide()
    assert (plant.seen[-1].state, plant.seen[-1].why) == ("paused", "no rows")
    plant.shift = 60.0
    plant.run(40)
    assert plant.focus == pytest.approx(60.0, abs=1.5)


def test_a_focus_that_came_back_is_where_it_is():
    plant = Plant(CONFIG)
    plant.run(5)
    plant.controller.interrupted(plant.now)
    plant.focus = 100.0
    plant.run(40)
    assert plant.focus == pytest.approx(0.0, abs=1.5)


def test_corrections_that_make_it_worse_end_it():
    plant = Plant(CONFIG, sign=-1.0, low=-1e6, high=1e6)
    plant.run(5)
    plant.shift = 100.0
    while plant.seen[-1].state != "off":
        plant.run(1)
    assert plant.seen[-1].why == "runaway"
    assert len(plant.moves) < 20


def test_a_correction_is_never_nothing():
    focus = FocusReading(1000.0, -1000.0, 1000.0)
    assert z_correction(-500.0, focus, CONFIG) == (0.0, "limit")
    assert z_correction(500.0, focus, CONFIG)[0] < 0
    assert math.isnan(ZController(CONFIG).expected_nm)


@given(
    st.lists(st.tuples(st.floats(0, 640), st.floats(0, 480)), min_size=1, max_size=8),
    st.floats(-30, 30),
    st.floats(-30, 30),
    st.floats(1, 20),
)
def test_regions_follow_by_whole_pixels_within_the_image(middles, dx, dy, max_px):
    rois = RoiSet(roi_px=64, width_px=640, height_px=480).added(middles)
    places = {roi.bead: (roi.x_px + dx, roi.y_px + dy) for roi in rois.rois}
    moves = region_moves(rois, places, max_px)
    for bead, (x_px, y_px) in moves.items():
        assert 32 <= x_px <= 608
        assert 32 <= y_px <= 448
        for moved, away in ((x_px - rois[bead].x_px, dx), (y_px - rois[bead].y_px, dy)):
            assert abs(moved) <= max_px
            assert moved * away >= 0
    for _ in range(60):
        moves = region_moves(rois, places, max_px)
        rois = rois.moved(moves)
    assert not moves, "a region comes to rest"
    for roi in rois.rois:
        x_px, y_px = places[roi.bead]
        assert abs(roi.x_px - min(max(x_px, 32), 608)) < 1
        assert abs(roi.y_px - min(max(y_px, 32), 448)) < 1


def test_a_bead_at_the_edge_of_its_region_is_followed_and_an_empty_one_is_not():
    samples = FreshSamples(("x_px", "y_px"), XY_FLAGS, window=2)
    samples.clear(0)
    samples.add(track_rows([1, 2, 3], [4, 5], flags=[int(Flag.AT_EDGE), int(Flag.EMPTY)] * 3))
    assert set(samples.means()) == {4}
