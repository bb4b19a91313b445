"""What was predicted beside what happened, for runs on a clock that jumps."""

import logging
import math
import random

import numpy as np
import pytest

from parfocal.runs import Sequence, combine, wait
from parfocal.runs.engine import RunEngine
from parfocal.runs.event_log import row_of
from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes, slow_axes
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
}
DECLARED = DeviceTimes(
    axes={
        "x": AxisTimes(speed_um_per_s=1000),
        "y": AxisTimes(speed_um_per_s=1000),
        "z": AxisTimes(speed_um_per_s=50),
    }
)


class SlowInstruments(MemoryInstruments):
    """Instruments that take their time: stages by distance, filters, and some milliseconds more or less."""

    def __init__(self, clock, truth):
        super().__init__(clock)
        self._truth, self._at, self._channel = truth, {"x": 0.0, "y": 0.0, "z": 0.0}, ""
        self._random = random.Random(1)

    def place(self, event):
        took_s = self._truth.move_s(self._at, event.targets_um)
        if event.channel != self._channel:
            took_s += self._truth.switch_s[event.channel]
        self._at |= event.targets_um
        self._channel = event.channel
        self._move_s = took_s + self._random.uniform(0, 0.004)
        super().place(event)


def slowed(part):
    axes = {
        name: AxisTimes(speed_um_per_s=axis.speed_um_per_s * part, fixed_s=0.03)
        for name, axis in DECLARED.axes.items()
    }
    return DeviceTimes(axes=axes, switch_s={"nucleus": 0.4, "cytoplasm": 0.25})


def carried_out(plan, measured, part=1.0):
    """Run a plan with the times that are known by now; return the log of its events."""
    rows = []
    clock = JumpClock()
    run = RunEngine(
        RunStart(run="run", plan={}),
        Schedule(plan),
        SlowInstruments(clock, slowed(part)),
        clock=clock,
        log=logging.getLogger("test predictions"),
        note=lambda done: rows.append(row_of(done)),
        known=KnownTimes(times=measured.over(DECLARED), at={"x": 0.0, "y": 0.0, "z": 0.0}, measured=measured),
    )
    run.start()
    assert run.join(PATIENCE_S)
    assert run.status().outcome == "complete"
    return np.concatenate(rows)


def error_and_limit(rows):
    exposed = rows[np.isfinite(rows["started_s"])]
    error = np.abs(exposed["started_s"] - exposed["predicted_s"])
    return np.percentile(error / np.maximum(0.05, 0.1 * exposed["started_s"]), 95)


@pytest.mark.parametrize("name", PLANS)
def test_the_second_run_is_predicted_from_what_the_first_has_measured(name):
    measured = MeasuredTimes()
    carried_out(PLANS[name], measured)
    rows = carried_out(PLANS[name], measured)
    assert len(rows) == len(Schedule(PLANS[name]))
    assert np.isfinite(rows["predicted_s"]).all()
    assert error_and_limit(rows) <= 1


def test_a_stage_twice_as_slow_as_declared_is_named_and_predicted():
    measured = MeasuredTimes()
    carried_out(PLANS["12 positions"], measured, part=0.5)
    told = slow_axes(DECLARED, measured.over(DECLARED))
    assert told
    assert all(text.endswith("moves at 0.5 of its declared speed") for text in told)
    assert error_and_limit(carried_out(PLANS["12 positions"], measured, part=0.5)) <= 1


def test_what_is_as_fast_as_it_declares_is_not_named():
    measured = MeasuredTimes()
    for plan in PLANS.values():
        carried_out(plan, measured)
    assert slow_axes(DECLARED, measured.over(DECLARED)) == ()


def test_waits_and_what_follows_them_are_predicted():
    measured = MeasuredTimes()
    plan = combine(PLANS["12 positions"], wait(30), PLANS["12 positions"], axis="t")
    carried_out(plan, measured)
    assert error_and_limit(carried_out(plan, measured)) <= 1


def test_moves_that_were_lost_in_the_time_of_a_filter_refuse_no_run():
    measured = MeasuredTimes()
    for _ in range(3):
        measured.saw_placing({}, "nucleus", 0.5, DECLARED)
    for _ in range(3):
        measured.saw_placing({"x": 150.0}, "nucleus", 0.4, DECLARED)
    assert math.isfinite(measured.over(DECLARED).move_s({"x": 0.0}, {"x": 150.0}))
