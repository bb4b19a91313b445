"""Any history of fast, slow, dying, returning workers: each frame once, in order, all accounted for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.analysis.beads.merge import FramePart, Merge, PartReader
from parfocal.analysis.beads.rows import PART_DTYPE, TRACK_DTYPE, part_rows, track_rows
from parfocal.core.frames import FrameHeader


def part(sequence, pid=1, ring_ns=0):
    return FramePart(ring_ns, sequence, pid, np.zeros(1, PART_DTYPE))


def given_by(merge):
    return [part.sequence for part in merge.ready()]


def rows_of(sequence, beads=(0, 1), frame=None):
    header = FrameHeader(frame=sequence if frame is None else frame)
    tracked = np.zeros(len(beads), TRACK_DTYPE)
    tracked["x_px"] = np.arange(len(beads)) + sequence
    return part_rows(tracked, header, beads, ring_ns=1, sequence=sequence, roi_version=1, worker_pid=7)


def test_two_workers_in_order():
    merge = Merge(2)
    merge.feed(1, [part(1), part(3)])
    assert given_by(merge) == []
    merge.feed(0, [part(0), part(2)])
    assert given_by(merge) == [0, 1, 2, 3]
    assert not merge.is_waiting()


def test_what_a_worker_skipped_was_overrun():
    merge = Merge(2)
    merge.feed(0, [part(0), part(4)])
    merge.feed(1, [part(1), part(3), part(5)])
    assert given_by(merge) == [0, 1, 3, 4, 5]
    assert merge.dropped["overrun"] == 1


def test_what_a_dead_worker_left_died_with_it():
    merge = Merge(2)
    merge.feed(0, [part(0, pid=10)])
    merge.feed(1, [part(1), part(3), part(5)])
    assert given_by(merge) == [0, 1]
    merge.give_up("worker died")
    assert given_by(merge) == [3, 5]
    assert merge.dropped["worker died"] == 2
    merge.feed(0, [part(2, pid=11), part(4, pid=11), part(10, pid=11)])
    merge.feed(1, [part(7), part(9), part(11)])
    assert given_by(merge) == [7, 9, 10, 11]
    assert merge.dropped["worker died"] == 4


def test_a_late_one_is_waited_for_again_when_it_is_back():
    merge = Merge(2)
    merge.feed(1, [part(1)])
    merge.give_up("late")
    assert given_by(merge) == [1]
    merge.feed(0, [part(0), part(2)])
    assert given_by(merge) == [2]
    merge.feed(1, [part(3), part(5)])
    assert given_by(merge) == [3]
    assert merge.dropped["late"] == 1


def test_rows_that_come_twice_are_given_once():
    merge = Merge(1)
    merge.feed(0, [part(0), part(1), part(1), part(2)])
    assert given_by(merge) == [0, 1, 2]
    merge.feed(0, [part(2), part(3)])
    assert given_by(merge) == [3]


def test_after_a_restart_of_the_front_the_gap_is_its_own():
    merge = Merge(1, start=10, resumed=True)
    merge.feed(0, [part(13), part(15)])
    assert given_by(merge) == [13, 15]
    assert merge.dropped["tracker restarted"] == 3
    assert merge.dropped["overrun"] == 1


def test_a_new_ring_begins_when_all_have_gone_on():
    merge = Merge(2, ring_ns=5)
    merge.feed(0, [part(0, ring_ns=5), part(0, ring_ns=9)])
    assert given_by(merge) == [0]
    assert merge.next_ring() is None
    merge.feed(1, [part(1, ring_ns=5), part(1, ring_ns=9)])
    assert given_by(merge) == [1]
    assert merge.next_ring() == 9
    merge.drop_until(3, "overrun")
    merge.begin_ring(9)
    assert given_by(merge) == [0, 1]
    assert merge.dropped["overrun"] == 1


def test_a_worker_says_where_it_begins():
    merge = Merge(2, ring_ns=5)
    begins = [
        FramePart(9, 4, 1, np.zeros(0, PART_DTYPE)),
        FramePart(9, 5, 1, np.zeros(0, PART_DTYPE)),
    ]
    merge.feed(0, [begins[0], part(4, ring_ns=9)])
    merge.feed(1, [begins[1]])
    assert given_by(merge) == []
    assert merge.next_ring() == 9
    merge.begin_ring(9)
    assert given_by(merge) == [4]
    assert merge.next == 5
    assert merge.dropped["stream restarted"] == 4
    merge.feed(1, [part(5, ring_ns=9)])
    assert given_by(merge) == [5]
    assert not merge.is_waiting()


def test_parts_are_cut_however_they_arrive():
    rows = np.concatenate([rows_of(4), rows_of(5, beads=()), rows_of(6, beads=(3, 1, 2))])
    for size in range(1, len(rows) + 1):
        reader = PartReader()
        parts = [p for start in range(0, len(rows), size) for p in reader.frames(rows[start : start + size])]
        assert [p.sequence for p in parts] == [4, 5, 6]
        assert [len(p.rows) for p in parts] == [3, 1, 4]
    tracks = track_rows(parts[2].rows[1:])
    assert tracks["bead"].tolist() == [3, 1, 2]
    assert tracks["x_px"].tolist() == [6.0, 7.0, 8.0]


def test_a_part_that_was_cut_off_by_death_is_left_out():
    rows = np.concatenate([rows_of(4), rows_of(6)[:2], rows_of(6), rows_of(8)])
    assert [p.sequence for p in PartReader().frames(rows)] == [4, 6, 8]


histories = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["track", "track", "track", "skip", "die", "give up", "again"]),
    ),
    max_size=200,
)


@given(histories, st.integers(1, 3))
def test_any_history_balances(history, workers):
    merge = Merge(workers)
    position, pid = list(range(workers)), [100 + n for n in range(workers)]
    seen = []
    for who, what in history:
        worker = who % workers
        if what == "track":
            merge.feed(worker, [part(position[worker], pid[worker])])
            position[worker] += workers
        elif what == "skip":
            position[worker] += workers
        elif what == "again" and position[worker] >= workers:
            merge.feed(worker, [part(position[worker] - workers, pid[worker])])
        elif what == "die":
            pid[worker] += 1000
        elif what == "give up":
            merge.give_up("late")
        seen += given_by(merge)
        assert merge.next == len(seen) + sum(merge.dropped.values())
    assert seen == sorted(set(seen))


def test_reasons_are_known():
    with pytest.raises(KeyError):
        Merge(1).drop_until(5, "no reason")
