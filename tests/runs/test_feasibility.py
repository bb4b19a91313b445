import math

import pytest

from parfocal.runs import Sequence, acquire, combine, confirm, wait
from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes
from parfocal.runs.forecast.feasibility import feasibility_of, greatest_batch
from parfocal.runs.forecast.prediction import Prediction

SLOW = DeviceTimes(
    axes={"x": AxisTimes(speed_um_per_s=100, fixed_s=0.25), "y": AxisTimes(speed_um_per_s=100)},
    switch_s={"": {"slow": 0.5}, "fast": {"slow": 0.5}},
    exposure_ms={"": 100, "slow": 400},
    before_s=0.01,
    after_s=0.04,
    frame_s=0.02,
)


def starts(plan, times=SLOW, at=None):
    prediction = Prediction(times, at or {"x": 0.0, "y": 0.0})
    return [round(prediction.of(event).starts_s, 6) for event in plan.events()]


def test_axes_move_and_filters_switch_at_once_before_each_exposure():
    plan = Sequence(
        stage_positions=[(0, 0), (100, 150)],
        channels=[{"config": "slow"}, {"config": "fast"}],
        axis_order="tpcz",
    )
    # slow 0.01; fast after 0.4 + 0.04; then 1.5 s of y, beside 1.25 s of x and 0.5 s of the filter
    assert starts(plan) == [0.01, 0.46, 2.11, 2.56]


def test_what_is_early_begins_on_time_and_what_is_late_follows_the_rule_of_the_run():
    on_time = Sequence(time_plan={"interval": 1, "loops": 3})
    assert starts(on_time) == [0.01, 1.01, 2.01]
    late = Sequence(time_plan={"interval": 0.1, "loops": 3})
    assert starts(late) == [0.01, 0.16, 0.31]


def test_waits_hold_and_questions_are_taken_as_answered():
    twice = Sequence(time_plan={"interval": 2, "loops": 2})
    assert starts(combine(twice, wait(10), twice, axis="t")) == [0.01, 2.01, 2.15, 12.01, 14.01]
    assert starts(combine(confirm("well?"), twice, axis="t")) == [0.0, 0.01, 2.01]


def test_frames_of_a_camera_that_runs_by_itself_take_their_time():
    plan = combine(acquire(100), Sequence(), axis="t")
    first, after = starts(plan)
    assert after - first == pytest.approx(100 * 0.02 + 0.04 + 0.01)


@pytest.mark.parametrize(("interval_s", "batch"), [(6.0, 6), (4.0, 4), (0.5, 0)])
def test_both_remedies_help(interval_s, batch):
    times = DeviceTimes(exposure_ms={"": 990}, after_s=0.01)
    places = [(float(place), 0.0) for place in range(12)]
    plan = Sequence(time_plan={"interval": interval_s, "loops": 20}, stage_positions=places)
    found = feasibility_of(plan.events(), times, {})
    assert found.late is not None
    assert (found.late.position, found.late.time_point, found.late.batch) == (0, 1, batch)
    assert found.late.late_s == pytest.approx(12 - interval_s)
    assert ("batches of" in found.text) == bool(batch)
    assert found.text.endswith("an interval of 12 s")
    longer = Sequence(time_plan={"interval": 12, "loops": 20}, stage_positions=places)
    assert feasibility_of(longer.events(), times, {}).text == ""
    if batch:
        fewer = Sequence(time_plan={"interval": interval_s, "loops": 20}, stage_positions=places[:batch])
        assert feasibility_of(fewer.events(), times, {}).text == ""


def test_a_single_position_gets_no_batches():
    plan = Sequence(time_plan={"interval": 0.5, "loops": 3})
    text = feasibility_of(plan.events(), DeviceTimes(exposure_ms={"": 990}, after_s=0.01), {}).text
    assert text.endswith("s: an interval of 1 s")


def test_a_plan_without_times_is_never_late_and_one_without_events_takes_no_time():
    assert feasibility_of(Sequence(stage_positions=[(0, 0), (9, 9)]).events(), SLOW, {}).late is None
    assert feasibility_of(iter(()), SLOW, {}).duration_s == 0.0


def test_the_duration_ends_with_the_last_exposure():
    found = feasibility_of(Sequence(time_plan={"interval": 1, "loops": 3}).events(), SLOW, {})
    assert found.duration_s == pytest.approx(2.11)


def test_an_axis_that_is_not_known_takes_no_time():
    assert DeviceTimes().move_s({"x": 0.0}, {"x": 1e6}) == 0.0
    assert AxisTimes().seconds_for(math.pi) == 0.0


def test_a_batch_is_as_large_as_its_slowest_group():
    assert greatest_batch([1, 1, 5, 1], 6) == 2
    assert greatest_batch([1, 1, 5, 5], 6) == 1


def test_the_times_of_batches_are_watched_each_for_itself():
    times = DeviceTimes(exposure_ms={"": 990}, after_s=0.01)
    plan = Sequence(
        time_plan={"interval": 10, "loops": 2},
        stage_positions=[(float(place), 0.0) for place in range(4)],
        batch={"time_per_position": 4},
    )
    assert feasibility_of(plan.events(), times, {}).text == ""
