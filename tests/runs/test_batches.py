"""Positions that do not fit into one interval."""

from __future__ import annotations

import tracemalloc
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from msgspec.structs import replace

from parfocal.runs import Schedule, Sequence, combine, wait
from parfocal.testing import plans as random

FOUR = {
    "time_plan": {"interval": 10, "loops": 2},
    "stage_positions": [(0, 0), (1, 0), (2, 0), {"name": "last", "x": 3, "y": 0}],
}


def starts(plan, first=0):
    return [event.min_start_time for event in plan.events(first)]


@pytest.mark.parametrize("batch", [{"time_per_position": 4}, {"positions": 2, "time_per_position": 4}])
def test_four_positions_of_four_seconds_in_ten(batch):
    plan = Sequence(**FOUR, batch=batch)
    assert starts(plan) == [0, 4, 10, 14, 18, 22, 28, 32]
    assert [(event.index["t"], event.index["p"], event.x_um) for event in plan.events()] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 0),
        (1, 1, 1),
        (0, 2, 2),
        (0, 3, 3),
        (1, 2, 2),
        (1, 3, 3),
    ]
    assert [event.position for event in plan.events(4)] == ["p2", "last", "p2", "last"]
    assert plan.duration_s == 32


def test_a_number_of_positions_shares_the_interval():
    assert starts(Sequence(**FOUR, batch={"positions": 4})) == [0, 2.5, 5, 7.5, 10, 12.5, 15, 17.5]
    assert starts(Sequence(**FOUR, batch={"positions": 3})) == pytest.approx(
        [0, 10 / 3, 20 / 3, 10, 40 / 3, 50 / 3, 20, 30]
    )


def test_the_shortest_interval_counts():
    phases = [{"interval": 10, "loops": 2}, {"interval": 4, "loops": 2}, {"interval": 1, "loops": 1}]
    plan = Sequence(time_plan=phases, stage_positions=[(0, 0), (1, 0)], batch={"time_per_position": 3})
    assert starts(plan) == [0, 10, 14, 17, 27, 31]


def test_what_follows_begins_one_interval_after_the_last_time_point():
    plan, one = Sequence(**FOUR, batch={"time_per_position": 4}), Sequence()
    assert starts(combine(plan, one))[-1] == 38
    assert starts(combine(plan, wait(5), one))[-2:] == [32, 37]
    assert starts(Schedule(plan).extended(plan), 8) == [38 + start for start in starts(plan)]
    assert [event.index["t"] for event in combine(plan, plan).events(8)][:2] == [2, 2]


def test_its_future_is_replaced_within_a_batch():
    plan = Schedule(Sequence(**FOUR, batch={"time_per_position": 4}))
    assert starts(plan.with_future(3, Sequence()), 2) == [10, 14]
    assert starts(plan.with_future(4, Sequence()), 3) == [14, 18]
    assert starts(plan.with_future(6, Sequence()), 5) == [22, 28]
    assert next(plan.with_future(5, Sequence()).events(5)).index["t"] == 2


@given(random.batched)
def test_every_event_once_and_in_time(fields):
    plan = Sequence(**fields)
    events = list(plan.events())
    assert all(one.min_start_time <= other.min_start_time for one, other in pairwise(events))

    def without_its_turn(event):
        return replace(event, number=0, min_start_time=0.0)

    together = Sequence(**{name: value for name, value in fields.items() if name != "batch"})
    places = sorted(tuple(event.index.values()) for event in events)
    assert places == sorted(tuple(event.index.values()) for event in together.events())
    by_place = {tuple(event.index.values()): without_its_turn(event) for event in together.events()}
    assert all(by_place[tuple(event.index.values())] == without_its_turn(event) for event in events)
    assert (plan.shape, plan.positions) == (together.shape, together.positions)


@given(random.batched)
def test_each_position_keeps_the_interval(fields):
    plan = Sequence(**fields)
    begins = {}
    for event in plan.events():
        begins.setdefault((event.index["p"], event.index["t"]), event.min_start_time)
    for (p, t), begin in begins.items():
        if (p, 0) in begins:
            assert begin - begins[p, 0] == pytest.approx(plan.times.start_s(t))


def test_a_hundred_thousand_events_in_batches_take_no_memory():
    plan = Sequence(
        time_plan={"interval": 10, "loops": 2500},
        stage_positions=[(x, 0) for x in range(10)],
        channels=["a", "b", "c", "d"],
        batch={"positions": 3},
    )
    assert len(plan) == 100_000
    tracemalloc.start()
    try:
        deque(plan.events(90_000), maxlen=1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 200_000
