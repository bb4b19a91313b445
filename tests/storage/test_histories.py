"""Any history of appends, losses, repetitions and crashes: the stores hold each item once, at its place."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.storage import FrameSink, PartLimits, RowSink, open_frames, read_headers, read_rows
from parfocal.streams import HEADER_DTYPE, FrameBatch

SPEC = FrameSpec(shape=(2, 3), dtype="uint16")
ROW = np.dtype([("n", "<i8")])
LIMITS = PartLimits(rows=20)

steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "hold", "crash"]),
        st.integers(1, 12),  # how many
        st.integers(0, 3),  # lost before them
        st.integers(0, 5),  # of those before, offered again
    ),
    min_size=1,
    max_size=12,
)
History = list[tuple[str, int, int, int]]


def frames(first: int, count: int) -> FrameBatch:
    numbers = np.arange(first, first + count)
    headers = np.zeros(count, HEADER_DTYPE)
    headers["frame"] = numbers + 1000
    return FrameBatch(np.broadcast_to(numbers[:, None, None] + 1, (count, 2, 3)).astype("u2"), headers)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_frames(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FrameSink.create(Path(folder, "a"), SPEC, most_per_shard=4)
        expected: set[int] = set()
        held: set[int] = set()
        position = 0
        for action, count, lost, again in history:
            if action == "crash":
                store.abandon()
                store = FrameSink.resume(store.folder)
                survived = held & set(read_headers(store.folder)["sequence"].tolist())
                expected |= survived
                assert store.stored == len(expected)
                held = set()
                position = store.numbering.next_sequence
                continue
            first = position + lost if lost else max(0, position - again)
            until = max(position, first) + count
            store.append(frames(first, until - first), first, more=action == "hold")
            fresh = set(range(max(position, first), until))
            position = until
            if action == "append":
                expected |= held | fresh
                held = set()
            else:
                held |= fresh
        store.close()
        expected |= held
        stored = open_frames(store.folder).read().result()[:, 0, 0]
        headers = read_headers(store.folder)
        there = np.flatnonzero(headers["frame"] >= 0)
        assert there.tolist() == sorted(expected)
        assert stored[there].tolist() == [n + 1 for n in sorted(expected)]
        assert headers["sequence"][there].tolist() == sorted(expected)
        assert store.stored == len(expected)
        assert store.count(position).lost == position - len(expected)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_rows(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RowSink.create(Path(folder, "a"), RowSpec.of(ROW), limits=LIMITS)
        expected: list[int] = []
        position = 0
        for action, count, lost, again in history:
            if action == "crash":
                store.abandon()
                store = RowSink.resume(store.folder, RowSpec.of(ROW), limits=LIMITS)
                assert (store.stored, store.next_sequence) == (len(expected), position)
                continue
            first = position + lost if lost else max(0, position - again)
            until = max(position, first) + count
            rows = np.zeros(until - first, ROW)
            rows["n"] = np.arange(first, until)
            store.append(rows, first)
            expected += range(max(position, first), until)
            position = until
        store.close()
        assert store.count(position).lost == position - len(expected)
        assert read_rows(store.folder)["n"].to_pylist() == expected
