"""What was predicted beside what happened, for runs on a clock that jumps."""

import logging
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as replace_struct

from parfocal.runs import Sequence, combine, wait
from parfocal.runs.engine import RunEngine
from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes, PlacedParts
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.run_prediction import KnownTimes
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.plans.schedule import Schedule
from parfocal.testing.clock import JumpClock
from parfocal.testing.instruments import MemoryInstruments

PATIENCE_S = 60.0
TWO = [{"config": "nucleus", "exposure": 50}, {"config": "cytoplasm", "exposure": 80}]
PLANS = {
    "z-stacks": Sequence(
        time_plan={"interval": 2, "loops": 4},
        stage_positions=[(0, 0, 0), (300, 100, 5)],
        channels=TWO[:1],
        z_plan={"range": 10, "step": 1},
    ),
    "12 positions": Sequence(
        time_plan={"interval": 8, "loops": 5},
        stage_positions=[(150.0 * (place % 4), 200.0 * (place // 4), 0) for place in range(12)],
        channels=TWO[:1],
    ),
    "two channels with slow filters": Sequence(
        time_plan={"interval": 3, "loops": 10}, stage_positions=[(0, 0, 0), (200, 0, 0)], channels=TWO
    ),
    "12 positions, as fast as it goes": Sequence(
        stage_positions=[(150.0 * (place % 4), 200.0 * (place // 4), 0) for place in range(12)],
        channels=TWO,
    ),
}
SLOW_FILTERS = {
    "": {"nucleus": 0.4, "cytoplasm": 0.8},
    "nucleus": {"nucleus": 0.0, "cytoplasm": 0.4},
    "cytoplasm": {"nucleus": 0.4, "cytoplasm": 0.0},
}
CALL_S = 0.002
DECLARED = DeviceTimes(
    axes={
        "x": AxisTimes(speed_um_per_s=1000, fixed_s=CALL_S, poll_s=0.01),
        "y": AxisTimes(speed_um_per_s=1000, fixed_s=CALL_S, poll_s=0.01),
        "z": AxisTimes(speed_um_per_s=50, fixed_s=CALL_S, poll_s=0.01),
    },
    switch_s=SLOW_FILTERS,
    shade_s=0.005,
    light_s=0.005,
    before_s=CALL_S,
    after_s=0.03 + CALL_S,
)
"""As the instruments below declare it, and as long as a call took before the run."""


class SlowInstruments(MemoryInstruments):
    """Instruments that take their time: stages by distance, filters, shutters, a readout, calls.

    Parameters
    ----------
    truth : DeviceTimes
        What they take.
    call_s : float
        Each part takes up to so much more.
    """

    def __init__(self, clock, truth, call_s=0.004):
        super().__init__(clock)
        self._truth, self._at, self._channel = truth, {"x": 0.0, "y": 0.0, "z": 0.0}, ""
        self._random, self._call_s = random.Random(1), call_s

    def place(self, event):
        moves = any(self._at[name] != target for name, target in event.targets_um.items())
        switches = event.channel != self._channel
        if not moves and not switches:
            return PlacedParts()
        shade_s = self._take(self._truth.shade_s) if self.lit else None
        self.lit = False
        move_s = self._longer(self._truth.move_s(self._at, event.targets_um)) if moves else None
        switch_s = self._longer(self._truth.switch(self._channel, event.channel)) if switches else None
        self._clock.sleep(max(move_s or 0.0, switch_s or 0.0))  # both at once
        self._at |= event.targets_um
        self._channel = event.channel
        return PlacedParts(shade_s=shade_s, move_s=move_s, switch_s=switch_s)

    def expose(self, event, following=None):
        light_s = None if self.lit else self._take(self._truth.light_s)
        self._take(self._truth.before_s)
        exposed = super().expose(event, following)
        self._take(self._truth.after_s)
        return replace(exposed, light_s=light_s)

    def _take(self, seconds):
        began_ns = self._clock.monotonic_ns()
        self._clock.sleep(self._longer(seconds))
        return (self._clock.monotonic_ns() - began_ns) * 1e-9

    def _longer(self, seconds):
        return seconds + self._random.uniform(0, self._call_s)


def slowed(part):
    axes = {
        name: replace_struct(axis, speed_um_per_s=axis.speed_um_per_s * part)
        for name, axis in DECLARED.axes.items()
    }
    return replace_struct(DECLARED, axes=axes)


def carried_out(plan, measured, truth=DECLARED):
    """Run a plan with the times that are known by now; return the log of its events, and its final status."""
    rows = []
    clock = JumpClock()
    run = RunEngine(
        RunStart(run="run", plan={}),
        Schedule(plan),
        SlowInstruments(clock, truth),
        clock=clock,
        log=logging.getLogger("test predictions"),
        note=lambda done: rows.append(done.row),
        known=KnownTimes(
            declared=DECLARED,
            times=measured.over(DECLARED),
            at={"x": 0.0, "y": 0.0, "z": 0.0},
            measured=measured,
        ),
    )
    run.start()
    assert run.join(PATIENCE_S)
    assert run.status().outcome == "complete"
    return np.concatenate(rows), run.status()


def error_and_limit(rows):
    exposed = rows[np.isfinite(rows["started_s"])]
    error = np.abs(exposed["started_s"] - exposed["predicted_s"])
    return np.percentile(error / np.maximum(0.05, 0.1 * exposed["started_s"]), 95)


@pytest.mark.parametrize("name", PLANS)
def test_the_first_run_is_predicted_from_what_its_devices_declare(name):
    rows, _ = carried_out(PLANS[name], MeasuredTimes())
    assert len(rows) == len(Schedule(PLANS[name]))
    assert np.isfinite(rows["predicted_s"]).all()
    assert error_and_limit(rows) <= 1


@pytest.mark.parametrize("name", PLANS)
def test_the_second_run_is_predicted_from_what_the_first_has_measured(name):
    measured = MeasuredTimes()
    truth = replace_struct(DECLARED, shade_s=0.03, light_s=0.02, before_s=0.015, after_s=0.09)
    carried_out(PLANS[name], measured, truth)
    kept = MeasuredTimes(measured.measurements())  # by another process, which has read it
    assert error_and_limit(carried_out(PLANS[name], kept, truth)[0]) <= 1


def test_a_stage_twice_as_slow_as_declared_is_named_in_the_end_of_its_run_and_predicted_for_the_next():
    measured = MeasuredTimes()
    _, status = carried_out(PLANS["12 positions"], measured, slowed(0.5))
    assert status.reason.startswith("x moves at 0.5 of its declared speed")
    assert measured.slow_axes(DECLARED) == tuple(status.reason.split("; "))
    assert error_and_limit(carried_out(PLANS["12 positions"], measured, slowed(0.5))[0]) <= 1


def test_what_is_as_fast_as_it_declares_is_not_named():
    measured = MeasuredTimes()
    for plan in PLANS.values():
        assert carried_out(plan, measured)[1].reason == ""
    assert measured.slow_axes(DECLARED) == ()


def test_a_stage_that_moves_short_ways_among_slow_calls_is_not_named():
    measured = MeasuredTimes()
    hurried = random.Random(3)
    for _ in range(60):
        measured.saw_move({"z": hurried.choice((0.2, 0.5))}, hurried.uniform(0.01, 0.09), DECLARED)
    assert measured.slow_axes(DECLARED) == ()


def test_a_stage_of_another_speed_is_measured_anew():
    measured = MeasuredTimes()
    slow, fast = (replace_struct(DECLARED, kept_as={"x": f"xy.x at {speed} um/s"}) for speed in (500, 1000))
    for _ in range(5):
        measured.saw_move({"x": 500.0}, 1.0, slow)
    assert measured.over(slow).move_s({"x": 0.0}, {"x": 500.0}) == pytest.approx(1.0)
    assert measured.over(fast) == fast


def test_waits_and_what_follows_them_are_predicted():
    measured = MeasuredTimes()
    plan = combine(PLANS["12 positions"], wait(30), PLANS["12 positions"], axis="t")
    assert error_and_limit(carried_out(plan, measured)[0]) <= 1
    assert error_and_limit(carried_out(plan, measured)[0]) <= 1
    assert measured.over(DECLARED).after_s < 0.1  # a wait is not a time of the camera


def test_moves_that_took_no_time_refuse_no_run():
    measured = MeasuredTimes()
    for _ in range(3):
        measured.saw_move({"x": 150.0}, 0.0, DECLARED)
    assert math.isfinite(measured.over(DECLARED).move_s({"x": 0.0}, {"x": 150.0}))
