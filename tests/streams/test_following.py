"""Readers through the end of a writer: what they are told, within which time, and how they go on."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parfocal.core.errors import (
    StreamClosedError,
    StreamError,
    StreamNotFoundError,
    StreamRemovedError,
    StreamTimeoutError,
    WriterDiedError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import (
    LosslessReader,
    StreamWriter,
    follow_latest,
    follow_lossless,
    open_stream,
    reader_entry,
    written_ring,
)

from .conftest import Start, heard

SMALL = FrameSpec(shape=(2, 3), dtype="uint8")
LARGE = FrameSpec(shape=(4, 6), dtype="uint16")
ROWS = RowSpec(columns=(("n", "<i8"),))
LONG_S = 30.0


def write(stream: StreamWriter, *numbers: int) -> None:
    for n in numbers:
        spec = stream.spec
        assert isinstance(spec, FrameSpec)
        stream.write(np.full(spec.shape, n, spec.dtype), FrameHeader(frame=n, event=n + 100), timeout_s=0)


def numbers_of(reader: LosslessReader, count: int) -> list[int]:
    return [reader.read(timeout_s=LONG_S).header.frame for _ in range(count)]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("asleep", [False, True], ids=["polls", "sleeps"])
def test_a_reader_learns_within_a_second_that_its_writer_died(
    folder: Path, start: Start, asleep: bool
) -> None:
    actor = start("write", 0)
    stream = open_stream(folder, "s")
    died: list[str] = []

    def read(reader: LosslessReader) -> None:
        try:
            while True:
                if asleep:
                    reader.read()
                else:
                    reader.poll()
                    time.sleep(0.01)
        except WriterDiedError as error:
            died.append(str(error))

    with stream.lossless("drop") as reader:
        thread = threading.Thread(target=read, args=(reader,))
        thread.start()
        actor.kill()
        actor.wait()
        thread.join(LONG_S)
        assert f"process {actor.pid}" in died[0]
        assert reader_entry._BACKSTOP_S + reader_entry._LOOK_S < 1.0, "between two looks"
        assert not reader.writer_alive()
        with pytest.raises(WriterDiedError):
            reader.read()
        actor = start("write", 1)
        assert actor.stdin is not None
        actor.stdin.write("go\n")
        actor.stdin.flush()
        assert reader.read(timeout_s=LONG_S).header.frame == 0  # the successor's


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_who_follows_goes_on_with_the_frames_of_the_successor(folder: Path, start: Start) -> None:
    actor = start("write", 0)
    with open_stream(folder, "s").lossless(follow=True) as reader:
        actor.kill()
        actor.wait()
        with pytest.raises(StreamTimeoutError):
            reader.read(timeout_s=1.0)
        second = start("write", 3)
        assert second.stdin is not None
        second.stdin.write("go\n")
        second.stdin.flush()
        assert numbers_of(reader, 3) == [0, 1, 2]


def test_a_removed_stream_is_named_by_reader_and_writer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written_ring, "_CHECK_FILE_S", 0.0)
    with StreamWriter(folder, "s", SMALL, 4) as first:
        stream = open_stream(folder, "s")
        with stream.latest() as reader, stream.latest(follow=True) as follower:
            (folder / "s.ring").unlink()
            assert stream.ended()
            with pytest.raises(StreamRemovedError, match="RemoveIPC"):
                reader.read()
            with pytest.raises(StreamRemovedError, match=r"s\.ring was removed"):
                write(first, 1)
            first.close()
            with StreamWriter(folder, "s", SMALL, 4) as second:
                follower.read(timeout_s=LONG_S)  # what the first one had still written
                write(second, 2)
                assert follower.read(timeout_s=LONG_S).header.frame == 2


def test_a_reader_may_come_before_its_stream(folder: Path) -> None:
    rings: list[int] = []
    with (
        follow_latest(folder, "s") as latest,
        follow_lossless(folder, "s", on_attach=lambda reader: rings.append(reader.generation)) as lossless,
    ):
        assert not lossless.attached()
        with pytest.raises(StreamNotFoundError):
            _ = lossless.spec
        assert latest.poll() is None
        with pytest.raises(StreamTimeoutError, match="no stream 's'"):
            lossless.read(timeout_s=0)
        for _ in range(2):
            with StreamWriter(folder, "s", SMALL, 4) as first:
                write(first, 0, 1, 2)
                assert numbers_of(lossless, 3) == [0, 1, 2], "from its first frame on"
                assert latest.read(timeout_s=LONG_S).header == FrameHeader(frame=2, event=102)
                assert lossless.spec == SMALL
    assert rings == [1, 1]


def test_the_newest_frame_is_there_at_once_and_costs_no_wait(folder: Path) -> None:
    with StreamWriter(folder, "s", SMALL, 4) as first:
        write(first, *range(7))
        with open_stream(folder, "s").latest(newest=True) as reader:
            out = np.zeros((2, 3), "u1")
            frame = reader.poll(out)
            assert frame.data is out
            assert (out == 6).all()
            assert reader.poll(out) is None
            write(first, 7)
            with pytest.raises(TypeError):
                reader.poll(np.zeros((2, 3), "f4"))
        with open_stream(folder, "s").latest() as reader:
            assert reader.poll() is None


def test_a_reopened_stream_shows_another_shape_to_who_follows(folder: Path) -> None:
    specs: list[object] = []
    with StreamWriter(folder, "s", SMALL, 4) as stream:
        opened = open_stream(folder, "s")
        with (
            opened.lossless(follow=True, on_attach=lambda reader: specs.append(reader.spec)) as follower,
            opened.lossless("drop") as other,
        ):
            write(stream, 0, 1)
            with pytest.raises(StreamError, match="slot"), stream.slot():
                stream.reopen(LARGE)
            stream.reopen(SMALL)  # as it is
            stream.reopen(LARGE)
            write(stream, 2, 3, 4, 5)
            with pytest.raises(StreamTimeoutError, match="held its writer"):
                write(stream, 6)  # held by the reader that has not even come to this ring
            with pytest.raises(StreamTimeoutError, match=rf"\(process {os.getpid()}\) still reads what was"):
                stream.reopen(SMALL, timeout_s=0)
            assert numbers_of(other, 2) == [0, 1]
            with pytest.raises(StreamClosedError, match="replaced"):
                other.read(timeout_s=0)
            assert numbers_of(follower, 6) == list(range(6))
            assert specs == [SMALL, LARGE]
            assert follower.spec == LARGE
            now = open_stream(folder, "s")
            assert (now.generation, now.produced, now.produced_before) == (2, 4, 2)
            stream.reopen(SMALL, timeout_s=0)
            write(stream, 6)
            assert numbers_of(follower, 1) == [6]


@given(
    st.lists(st.one_of(st.integers(1, 3), st.sampled_from(["reopen", "read", "block", "block"])), max_size=40)
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_through_any_generations_each_frame_is_read_once_or_counted(folder: Path, history: list) -> None:
    """A reader that drops may miss whole generations: it counts their frames all the same."""
    made: list[int] = [0]  # in each generation
    got: list[int] = []
    everything: list[int] = []
    with StreamWriter(folder, "s", SMALL, 4) as stream:
        blocking = open_stream(folder, "s").lossless(follow=True)
        dropping = open_stream(folder, "s").lossless("drop", follow=True)
        with blocking, dropping:

            def read(reader: LosslessReader, into: list[int]) -> None:
                for _ in range(4):  # an empty poll may have been the step to the next ring
                    while (frame := reader.poll()) is not None:
                        into.append(frame.header.frame)

            for step in [*history, "read"]:
                if step == "reopen":
                    shape = (2, 2 + stream.spec.shape[1] % 5)  # type: ignore[union-attr]
                    try:
                        stream.reopen(FrameSpec(shape=shape, dtype="uint8"), timeout_s=0)
                    except StreamTimeoutError:
                        continue
                    made.append(0)
                elif step in ("read", "block"):
                    read(blocking, everything)
                    if step == "read":
                        read(dropping, got)
                else:
                    for _ in range(step):
                        try:
                            write(stream, sum(made))
                        except StreamTimeoutError:
                            break
                        made[-1] += 1
            assert everything == list(range(sum(made)))
            assert got == sorted(set(got))
            ledgers = {reader.policy: reader for reader in open_stream(folder, "s").status().readers}
            for policy, numbers in (("block", everything), ("drop", got)):
                ledger = ledgers[policy]
                assert ledger.offered == sum(made), "an account goes on from ring to ring"
                assert ledger.delivered == len(numbers)
                assert ledger.balances, ledger.imbalance


def test_readers_that_have_gone_stay_in_the_ledger_of_the_next_generation(folder: Path) -> None:
    with StreamWriter(folder, "s", SMALL, 4) as stream:
        with open_stream(folder, "s").lossless() as first, open_stream(folder, "s").latest() as second:
            write(stream, 0, 1, 2)
            assert numbers_of(first, 1) == [0]
            second.read(timeout_s=0)
        stream.reopen(LARGE)
        (former,) = open_stream(folder, "s").status().readers
        assert (former.name, former.offered, former.delivered) == ("2 former readers", 6, 2)
        assert former.dropped == {"left": 2, "skipped": 2}
        assert former.balances


@pytest.mark.parametrize("there", [False, True], ids=["no stream", "a stream"])
def test_a_reader_that_another_thread_closes_attaches_no_more(folder: Path, there: bool) -> None:
    told: list[str] = []

    def read() -> None:
        try:
            reader.read()
        except StreamError as error:
            told.append(str(error))

    with contextlib.ExitStack() as stack:
        if there:
            stack.enter_context(StreamWriter(folder, "s", SMALL, 4))
        reader = follow_lossless(folder, "s")
        thread = threading.Thread(target=read)
        thread.start()
        while not reader._busy.locked():
            time.sleep(0)
        reader.close()
        thread.join(LONG_S)
        assert "was closed" in told[0]
        if there:
            assert not any(ledger.alive for ledger in open_stream(folder, "s").status().readers)


def test_one_lease_at_a_time_and_a_failed_one_is_no_delivery(folder: Path) -> None:
    with StreamWriter(folder, "s", SMALL, 4) as stream, open_stream(folder, "s").lossless() as reader:
        write(stream, 0, 1)
        with reader.lease(timeout_s=0) as frame:
            for second in (reader.read, reader.poll, lambda: reader.lease(0).__enter__()):
                with pytest.raises(StreamError, match="end its lease first"):
                    second()
            assert frame.header.frame == 0
        with pytest.raises(ZeroDivisionError), reader.lease(timeout_s=0):
            raise ZeroDivisionError
        (ledger,) = open_stream(folder, "s").status().readers
        assert (ledger.delivered, ledger.in_flight) == (1, 1)
        assert reader.read(timeout_s=0).header.frame == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_stopped_in_the_lock_costs_a_named_error(folder: Path, start: Start) -> None:
    with StreamWriter(folder, "s", SMALL, 4) as stream:
        opened = open_stream(folder, "s")
        with opened.lossless() as reader:
            stopped = start("lock")
            os.waitpid(stopped.pid, os.WUNTRACED)
            with pytest.raises(StreamTimeoutError, match=f"kill -CONT {stopped.pid}"):
                opened.latest()
            write(stream, 0)
            assert reader.read(timeout_s=0).header.frame == 0
            stopped.send_signal(signal.SIGCONT)
            assert heard(stopped) == "going on"
            with opened.latest():
                pass


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_dead_reader_behind_a_stopped_lock_costs_a_named_error(folder: Path, start: Start) -> None:
    def write_ten(timeout_s: float | None) -> None:
        for number in range(10):
            stream.write(np.zeros((64, 64), "u4"), FrameHeader(frame=number), timeout_s=timeout_s)

    with StreamWriter(folder, "s", FrameSpec(shape=(64, 64), dtype="uint32"), 4) as stream:
        holder = start("hold", "block")
        stopped = start("lock")
        os.waitpid(stopped.pid, os.WUNTRACED)
        holder.kill()
        holder.wait()
        with pytest.raises(StreamTimeoutError, match=f"process {stopped.pid} has held the lock"):
            write_ten(None)
        stopped.send_signal(signal.SIGCONT)
        assert heard(stopped) == "going on"
        write_ten(LONG_S)


@pytest.mark.parametrize("kind", ["frames", "rows"])
def test_frames_and_rows_in_an_event_loop(folder: Path, kind: str) -> None:
    async def watch() -> list[int]:
        got: list[int] = []
        async with open_stream(folder, "s").lossless() as reader:
            started.set()
            async for taken in reader:
                got += [taken.header.frame] if kind == "frames" else taken["n"].tolist()
        return got

    async def both() -> list[int]:
        watching = asyncio.create_task(watch())
        await started.wait()
        for number in range(5):
            await asyncio.sleep(0)
            if kind == "frames":
                write(stream, number)
            else:
                stream.write_rows(np.array([(number,)], ROWS.numpy_dtype))
        stream.close()
        return await asyncio.wait_for(watching, LONG_S)

    started = asyncio.Event()
    with StreamWriter(folder, "s", SMALL if kind == "frames" else ROWS, 8) as stream:
        assert asyncio.run(both()) == [0, 1, 2, 3, 4]


def test_a_cancelled_wait_in_an_event_loop_loses_nothing(folder: Path) -> None:
    async def cancelled_once(reader: LosslessReader) -> int:
        waiting = asyncio.create_task(anext(reader))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        write(stream, 7)
        return (await anext(reader)).header.frame

    with StreamWriter(folder, "s", SMALL, 8) as stream, open_stream(folder, "s").lossless() as reader:
        assert asyncio.run(cancelled_once(reader)) == 7
        (ledger,) = open_stream(folder, "s").status().readers
        assert (ledger.offered, ledger.delivered) == (1, 1)


def test_a_processor_that_reorders_stores_is_refused_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(StreamError, match=r"x86-64.*'aarch64'"):
        StreamWriter(folder, "s", SMALL, 4)
    with pytest.raises(StreamError, match="aarch64"):
        open_stream(folder, "s")
    assert list(folder.iterdir()) == []
