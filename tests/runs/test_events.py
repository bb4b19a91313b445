"""Events of random plans: counted, taken from the middle, unique; useq-schema says the same."""

from __future__ import annotations

import tracemalloc
from collections import deque
from itertools import islice, pairwise

import pytest
import useq
from hypothesis import given
from hypothesis import strategies as st

from parfocal.runs import Sequence, combine, wait
from parfocal.testing import plans as random


def key(event):
    return event.number, event.kind, tuple(event.index.items()), event.min_start_time, event.z_um


@given(random.plans)
def test_as_many_as_counted_with_unique_indices_within_the_shape(plan):
    events = list(plan.events())
    assert [event.number for event in events] == list(range(len(plan)))
    places = [tuple(event.index.values()) for event in events if event.is_exposure]
    assert len(set(places)) == len(places)
    sizes = tuple(plan.shape.values())
    assert all(index < size for place in places for index, size in zip(place, sizes, strict=True))
    assert all(
        event.channel == plan.channel_names[event.index["c"]]
        for event in events
        if event.is_exposure and event.channel
    )


@given(random.plans, st.data())
def test_from_the_middle_as_from_the_begin(plan, data):
    first = data.draw(st.integers(0, len(plan)))
    assert list(map(key, plan.events(first))) == list(map(key, plan.events()))[first:]


@given(random.plans)
def test_times_never_go_back(plan):
    starts = [event.min_start_time or 0.0 for event in plan.events()]
    assert all(one <= two for one, two in pairwise(starts))


@given(st.lists(random.sequences, min_size=1, max_size=4), st.integers(0, 9), st.integers(0, 9))
def test_waits_claim_no_index(found, before, between):
    waiting = [wait(before), *(item for plan in found for item in (plan, wait(between)))]
    indices = [event.index for event in combine(*waiting).events() if event.is_placed]
    assert indices == [event.index for event in combine(*found).events()]


@given(st.lists(random.sequences, min_size=1, max_size=3))
def test_side_by_side_is_each_by_itself(found):
    whole, p = list(combine(*found, axis="p").events()), 0
    for plan in found:
        mine = [e for e in whole if p <= e.index["p"] < p + plan.shape["p"]]
        assert [
            (e.index["t"], e.index.get("z"), e.min_start_time, e.channel, e.x_um, e.z_um) for e in mine
        ] == [
            (e.index["t"], e.index.get("z"), e.min_start_time, e.channel, e.x_um, e.z_um)
            for e in plan.events()
        ]
        p += plan.shape["p"]


@pytest.mark.filterwarnings("ignore:Channels with skipped frames")
@given(random.fields_of_both)
def test_useq_schema_says_the_same(fields):
    ours = list(Sequence(**fields).events())
    theirs = list(useq.MDASequence(**fields))
    assert len(ours) == len(theirs)
    passes_begin = [0.0]
    for one, other in zip(ours, theirs, strict=True):
        index = {axis: one.index[axis] for axis in other.index}
        assert index == dict(other.index)
        assert (one.x_um, one.y_um) == (other.x_pos, other.y_pos)
        assert one.exposure_ms == other.exposure
        assert one.channel == (other.channel.config if other.channel else "")
        if fields.get("z_plan"):
            assert one.z_um == pytest.approx(other.z_pos)
        start = (one.min_start_time or 0.0) - other.min_start_time
        if start > passes_begin[-1] + 1e-3:
            passes_begin.append(start)  # axes outside t: useq-schema counts from 0 again
        assert start == pytest.approx(passes_begin[-1], abs=1e-3)
    if fields["axis_order"].startswith("t"):
        assert passes_begin == [0.0]


def test_a_hundred_thousand_events_take_no_memory():
    plan = combine(
        Sequence(
            time_plan={"interval": 1, "loops": 5_000},
            stage_positions=[(x, 0, 0) for x in range(10)],
            channels=["a", {"config": "b", "acquire_every": 3}],
            stim_channels=[{"config": "s", "exposure": 1}],
            stim_frames="every 7",
        ),
        wait(10),
        Sequence(time_plan={"interval": 1, "loops": 30_000}),
    )
    tracemalloc.start()
    try:
        assert len(plan) > 100_000
        deque(islice(plan.events(len(plan) - 2000), 2000), maxlen=1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 200_000
    last = next(plan.events(len(plan) - 1))
    assert (last.number, last.index["t"]) == (len(plan) - 1, 34_999)
    assert len(deque(plan.events(), maxlen=1)) == 1
