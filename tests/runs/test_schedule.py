"""What a run still has to do, while it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.runs import Schedule, Sequence, combine, wait
from parfocal.testing import plans as random

A = Sequence(time_plan={"interval": 10, "loops": 3}, stage_positions=[(0, 0), (1, 1)], channels=["a"])


@given(random.plans, random.plans)
def test_extended_is_combined(plan, more):
    longer = Schedule(plan).extended(more)
    assert list(longer.events()) == list(combine(plan, more).events())
    assert len(longer) == len(plan) + len(more)


@given(random.plans, st.lists(st.tuples(st.integers(0, 100), random.plans), max_size=3), st.data())
def test_what_was_done_stays_and_what_follows_is_the_new_plan(plan, changes, data):
    schedule, expected = Schedule(plan), len(plan)
    for part, other in changes:
        first = min(part, len(schedule))
        before = schedule
        schedule = schedule.with_future(first, other)
        expected = first + len(other)
        kept = list(schedule.events())[:first]
        assert kept == list(before.events())[:first]
        new = list(schedule.events(first))
        assert [(e.kind, e.channel, e.x_um, e.z_um) for e in new] == [
            (e.kind, e.channel, e.x_um, e.z_um) for e in other.events()
        ]
        times = [event.index["t"] for event in kept if event.index]
        assert all(e.index["t"] > max(times, default=-1) for e in new if e.index)
    assert len(schedule) == expected == len(list(schedule.events()))
    k = data.draw(st.integers(0, len(schedule) - 1)) if len(schedule) else None
    if k is not None:
        assert schedule.event(k) == list(schedule.events())[k]
    places = [tuple(event.index.values()) for event in schedule.events() if event.is_exposure]
    assert len(set(places)) == len(places)
    sizes = tuple(schedule.shape.values())
    assert all(index < size for place in places for index, size in zip(place, sizes, strict=True))


def test_a_new_future_begins_with_the_next_time_point():
    other = Schedule(A).with_future(3, Sequence(stage_positions=[(1, 1), (5, 5)], channels=["b"]))
    assert [(e.min_start_time, *e.index.values(), e.channel) for e in other.events()] == [
        (0, 0, 0, 0, 0, "a"),
        (0, 0, 1, 0, 0, "a"),
        (10, 1, 0, 0, 0, "a"),
        (20, 2, 1, 1, 0, "b"),
        (20, 2, 2, 1, 0, "b"),
    ]
    assert other.shape == {"t": 3, "p": 3, "c": 2, "z": 1}
    assert other.channel_names == ("a", "b")


def test_a_new_future_may_be_a_wait_or_begin_during_one():
    waiting = Schedule(A).with_future(4, combine(wait(50), A))
    assert [e.min_start_time for e in waiting.events(4)][:3] == [10, 60, 60]
    after = Schedule(combine(A, wait(10), A)).with_future(7, A)
    assert next(after.events(7)).min_start_time == 30
    assert next(after.events(7)).index["t"] == 3


def test_from_the_first_event_and_behind_the_last():
    assert [e.min_start_time for e in Schedule(A).with_future(0, A).events()] == [
        e.min_start_time for e in A.events()
    ]
    behind = Schedule(A).with_future(len(A), A)
    assert list(behind.events()) == list(Schedule(A).extended(A).events())


def test_numbers_that_are_none_are_refused():
    with pytest.raises(BadInputError, match="event 7 is none of the 6"):
        Schedule(A).with_future(7, A)
    with pytest.raises(BadInputError, match="there is no event 6; there are 6"):
        Schedule(A).event(6)
