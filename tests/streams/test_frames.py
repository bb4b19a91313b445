"""What only streams of frames do: slots in place, leases, batches, take-overs."""

import errno
import itertools
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, StreamClosedError, StreamError, StreamTimeoutError
from parfocal.core.files import draft_of
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.processes import identity
from parfocal.streams import (
    HEADER_DTYPE,
    LosslessReader,
    StreamWriter,
    attached,
    doorbell,
    free_slots,
    layout,
    liveness,
    open_stream,
    reader_entry,
    reclaim,
)

SPEC = FrameSpec(shape=(2, 3), dtype="uint8")


def write(writer: StreamWriter, *numbers: int) -> None:
    for n in numbers:
        writer.write(np.full((2, 3), n, "u1"), FrameHeader(frame=n), timeout_s=0)


def test_a_slot_is_filled_in_place_or_abandoned(folder: Path) -> None:
    with StreamWriter(folder, "s", SPEC, 3) as writer, open_stream(folder, "s").lossless() as reader:
        with writer.slot() as slot:
            slot.data[...] = 7
            slot.header = FrameHeader(frame=1, time_ns=2, utc_ns=3, exposure_ns=4)
        with pytest.raises(ZeroDivisionError), writer.slot():
            raise ZeroDivisionError
        with pytest.raises(BadInputError, match=r"slot\.header"), writer.slot():
            pass
        frame = reader.read(timeout_s=0)
        assert frame.header == FrameHeader(frame=1, time_ns=2, utc_ns=3, exposure_ns=4)
        assert (frame.data == 7).all()
        status = open_stream(folder, "s").status()
        assert (status.produced, status.abandoned) == (1, 2)


def test_a_lease_is_a_read_only_view_that_nobody_overwrites(folder: Path) -> None:
    with StreamWriter(folder, "s", SPEC, 3) as writer, open_stream(folder, "s").lossless("drop") as reader:
        write(writer, 0)
        with reader.lease(timeout_s=0) as frame:
            write(writer, *range(1, 30))
            assert (frame.data == 0).all()
            with pytest.raises(ValueError, match="read-only"):
                frame.data[0, 0] = 1
            with pytest.raises(ValueError, match="WRITEABLE"):
                frame.data.setflags(write=True)
        (ledger,) = open_stream(folder, "s").status().readers
        assert ledger.delivered == 1
        assert ledger.dropped == {"overrun": 27}
        assert reader.read(timeout_s=0).header.frame == 28


def test_a_reader_that_is_one_frame_behind_has_the_same_two_slots_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(free_slots, "_WARM_BYTES", 0)
    wait, places = attached.AttachedReaders.wait_while, []

    def read_and_wait(readers: attached.AttachedReaders, *args: Any) -> None:
        with reader.lease(timeout_s=0) as frame:
            places.append(frame.data.ctypes.data)
        wait(readers, *args)

    monkeypatch.setattr(attached.AttachedReaders, "wait_while", read_and_wait)
    with StreamWriter(folder, "s", SPEC, 8) as writer, open_stream(folder, "s").lossless() as reader:
        write(writer, *range(20))
        assert len(places) == 18
        assert len(set(places)) == 2


def test_a_reader_that_stands_still_is_waited_for_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_slots, "_WARM_BYTES", 0)
    waits = []
    monkeypatch.setattr(attached.AttachedReaders, "wait_while", lambda *args: waits.append(args))
    with StreamWriter(folder, "s", SPEC, 8) as writer, open_stream(folder, "s").lossless() as reader:
        write(writer, *range(8))
        assert len(waits) == 1
        assert reader.read(timeout_s=0).header.frame == 0


def test_frames_in_batches(folder: Path) -> None:
    headers = np.zeros(10, HEADER_DTYPE)
    headers["frame"] = np.arange(10)
    frames = np.arange(10, dtype="u1")[:, None, None] * np.ones((1, 2, 3), "u1")
    with StreamWriter(folder, "s", SPEC, 16) as writer, open_stream(folder, "s").lossless() as reader:
        got: list[int] = []
        for round_ in range(5):
            writer.write_many(frames, headers)
            while reader.position < 10 * (round_ + 1):
                with reader.lease_many(4, timeout_s=0) as batch:
                    assert (batch.data == batch.headers["frame"][:, None, None]).all()
                    assert [frame.header.frame for frame in batch] == batch.headers["frame"].tolist()
                    got += batch[:].headers["frame"].tolist()
        assert got == list(range(10)) * 5
        writer.write_many(frames[:2], [FrameHeader(frame=0), FrameHeader(frame=1)])
        assert len(reader.read_many(5, timeout_s=0)) == 2
        with pytest.raises(BadInputError, match="2 frames came with 3 headers"):
            writer.write_many(frames[:2], headers[:3])


@pytest.mark.parametrize("kind", ["rows", "frames"])
def test_what_was_written_before_a_reader_held_the_writer_is_told(folder: Path, kind: str) -> None:
    rows = np.arange(12).astype([("n", "<i8")])
    frames = np.zeros((12, 2, 3), "u1")
    headers = [FrameHeader(frame=number) for number in range(12)]
    spec = SPEC if kind == "frames" else RowSpec.of(rows.dtype)
    with StreamWriter(folder, "s", spec, 8) as writer, open_stream(folder, "s").lossless("block") as reader:

        def put(start: int) -> None:
            if kind == "rows":
                writer.write_rows(rows[start:], timeout_s=0)
            else:
                writer.write_many(frames[start:], headers[start:], timeout_s=0)

        with pytest.raises(StreamTimeoutError, match="8 of 12 were written") as caught:
            put(0)
        written = caught.value.written
        del caught  # and with its traceback what holds the ring
        while reader.position < written:
            reader.read(timeout_s=0)
        put(written)
        assert open_stream(folder, "s").status().produced == 12


def test_wrong_frames_are_refused_before_anything_is_touched(folder: Path) -> None:
    with StreamWriter(folder, "s", SPEC, 3) as writer:
        with pytest.raises(BadInputError, match=r"takes frames of \(2, 3\) uint8, not \(3, 2\) uint8"):
            writer.write(np.zeros((3, 2), "u1"), FrameHeader(frame=0))
        with pytest.raises(BadInputError, match="float64"):
            writer.write(np.zeros((2, 3)), FrameHeader(frame=0))
        with pytest.raises(BadInputError, match="holds frames"):
            writer.write_rows(np.zeros(1, [("a", "<i4")]))
        assert open_stream(folder, "s").status().produced == 0


def test_another_kind_takes_the_name_of_a_dead_writers_ring(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StreamWriter(folder, "s", SPEC, 3)
    stream = open_stream(folder, "s")
    reader = stream.lossless()
    write(first, 0)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "start_mark", lambda _pid: "0" * 15)  # all that came before is dead
        with StreamWriter(folder, "s", SPEC, 4) as second:
            again = open_stream(folder, "s")
            assert (stream.generation, again.generation) == (1, 2)
            with again.latest():
                write(second, 5)
                assert reader.read(timeout_s=0).header.frame == 0
                with pytest.raises(StreamClosedError, match="replaced"):
                    reader.read(timeout_s=30)
                reader.close()
                write(second, 6)
        first.close()
    assert list(folder.iterdir()) == []


def test_a_named_reader_goes_on_where_it_died(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer:
        stream = open_stream(folder, "s")
        died = stream.lossless("drop", "recorder")
        write(writer, 0, 1, 2)
        assert died.read(timeout_s=0).header.frame == 0
        died._entry.closed = True
        died._entry._doorbell.close()
        alive = identity.start_mark
        monkeypatch.setattr(identity, "start_mark", lambda pid: f"{int(alive(pid), 16) ^ 1:015x}")
        with stream.lossless("block", "recorder") as back:
            assert back.position == 1
            assert [back.read(timeout_s=0).header.frame for _ in range(2)] == [1, 2]
            (ledger,) = stream.status().readers
            assert (ledger.offered, ledger.delivered, ledger.policy) == (3, 3, "block")


def test_doorbells_fall_back_to_the_loopback_interface(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_PATH_LIMIT", 0)
    with StreamWriter(folder, "s", SPEC, 3) as writer, open_stream(folder, "s").latest() as reader:
        assert sorted(os.listdir(folder)) == ["s.ring"]
        bell = reader._entry._doorbell
        assert bell.port > 0
        ringer = doorbell.Ringer(folder / "none", bell.port)
        assert ringer.ring()
        ringer.close()
        assert bell.wait(30.0)
        write(writer, 3)
        assert reader.read(timeout_s=30).header.frame == 3


def test_a_doorbell_that_nobody_holds_says_so(folder: Path) -> None:
    bell = doorbell.Doorbell(folder / "b.bell")
    ringer = doorbell.Ringer(folder / "b.bell", bell.port)
    assert ringer.ring()
    bell.close()
    assert not ringer.ring()
    again = doorbell.Doorbell(folder / "b.bell")
    assert ringer.ring()
    assert again.wait(30.0)
    for end in (again, ringer):
        end.close()


def test_foreign_files_are_named_and_left_alone(folder: Path) -> None:
    (folder / "s.ring").write_bytes(b"short")
    with pytest.raises(StreamError, match="5 bytes"):
        open_stream(folder, "s")
    (folder / "s.ring").write_bytes(bytes(100_000))
    with pytest.raises(StreamError, match="no ring of format"):
        StreamWriter(folder, "s", SPEC, 3)
    (folder / "t.999999999.new").write_bytes(b"")
    assert reclaim(folder) == ()
    assert os.listdir(folder) == ["s.ring"]


def test_no_entry_is_left(folder: Path) -> None:
    rows = RowSpec(columns=(("a", "<i4"),))
    with StreamWriter(folder, "s", rows, 4):
        stream = open_stream(folder, "s")
        readers = [stream.latest() for _ in range(64)]
        with pytest.raises(StreamError, match="64 reader entries"):
            stream.latest()
        readers.pop().close()
        readers.append(stream.latest())
        for reader in readers:
            reader.close()
        with stream.lossless() as last, pytest.raises(StreamTimeoutError):
            last.read(timeout_s=0)


def test_forgetting_to_close_warns(folder: Path) -> None:
    writer = StreamWriter(folder, "s", SPEC, 3)
    reader = open_stream(folder, "s").latest()
    with pytest.warns(ResourceWarning, match="a reader of 's' was not closed"):
        del reader
    with pytest.warns(ResourceWarning, match="the writer of stream 's' was not closed"):
        del writer
    assert list(folder.iterdir()) == []


def test_a_ring_that_came_for_nothing_costs_no_wake_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_entry, "_BACKSTOP_S", 1000.0)
    got: queue.Queue[int] = queue.Queue()
    with StreamWriter(folder, "s", SPEC, 8) as writer, open_stream(folder, "s").lossless() as reader:
        base = layout.entry_base(reader._entry.number)

        def read() -> None:
            for _ in range(3):
                got.put(reader.read(timeout_s=60).header.frame)

        thread = threading.Thread(target=read)
        thread.start()
        for n in range(3):
            while not writer._ring.words[base + layout.WAITING]:
                time.sleep(0)
            for _ in range(3):
                # as a late writer does, who finds the reader asleep again
                writer._ring.readers.ring(layout.NEVER)
            write(writer, n)
            assert got.get(timeout=30) == n
        thread.join()


def test_the_writer_is_woken_once_by_each_reader_that_gets_where_it_waits_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    heard = [False, True, True, True]
    with StreamWriter(folder, "s", SPEC, 8) as writer, open_stream(folder, "s").lossless() as reader:

        def ring(_: doorbell.Ringer) -> bool:
            rung.append(reader.position)
            return heard.pop(0)

        monkeypatch.setattr(doorbell.Ringer, "ring", ring)
        write(writer, *range(8))
        writer._ring.words[layout.WRITER_WAITING] = 3
        for _ in range(6):
            reader.read(timeout_s=0)
        assert rung == [3, 4]  # again, since nobody heard the first one
        writer._ring.words[layout.WRITER_WAITING] = layout.ANY_STEP
        for _ in range(2):
            reader.read(timeout_s=0)
        assert rung == [3, 4, 7, 8]
        writer._ring.words[layout.WRITER_WAITING] = 0


@pytest.mark.parametrize("slots", [2, 3, 8])
def test_no_ring_that_the_writer_waits_for_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    monkeypatch.setattr(attached, "_LOOK_S", 1000.0)
    monkeypatch.setattr(reader_entry, "_BACKSTOP_S", 1000.0)
    monkeypatch.setattr(free_slots, "_WARM_BYTES", 0)
    count = 500
    with StreamWriter(folder, "s", SPEC, slots) as writer:
        readers = [open_stream(folder, "s").lossless() for _ in range(3)]

        def read(reader: LosslessReader, pause_every: int) -> None:
            for number in range(count):
                with reader.lease(timeout_s=60):
                    if number % pause_every == 0:
                        time.sleep(0.001)

        pauses = (5, 7, 11)
        threads = [threading.Thread(target=read, args=pair) for pair in zip(readers, pauses, strict=True)]
        for thread in threads:
            thread.start()
        for n in range(count):
            writer.write(np.full((2, 3), n % 256, "u1"), FrameHeader(frame=n), timeout_s=60)
        for thread in threads:
            thread.join()
        assert [reader.position for reader in readers] == [count] * 3
        for reader in readers:
            reader.close()


def test_a_reader_of_the_newest_sleeps_while_there_is_none(folder: Path) -> None:
    """One of two slots is leased and the other one is being filled: the ring is empty for this reader."""
    with (
        StreamWriter(folder, "s", SPEC, 2) as writer,
        open_stream(folder, "s").lossless("drop") as holder,
        open_stream(folder, "s").latest() as reader,
    ):
        write(writer, 0, 1)
        with holder.lease(timeout_s=0), writer.slot(timeout_s=0) as slot:
            with pytest.raises(StreamTimeoutError):
                reader.read(timeout_s=0.01)
            slot.data[:] = 2
            slot.header = FrameHeader(frame=2)
        assert reader.read(timeout_s=0).header.frame == 2
        ledgers = {ledger.policy: ledger for ledger in open_stream(folder, "s").status().readers}
        assert ledgers["latest"].dropped == {"skipped": 2}


def test_a_full_bell_of_any_system_holds_nobody_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullSocket(socket.socket):
        def send(self, *_: object) -> int:
            raise OSError(errno.ENOBUFS, "No buffer space available")

    bell = doorbell.Doorbell(folder / "b.bell")
    monkeypatch.setattr(doorbell.socket, "socket", FullSocket)
    ringer = doorbell.Ringer(folder / "b.bell", bell.port)
    assert ringer.ring()
    ringer.close()
    bell.close()


def test_a_half_made_ring_goes_unless_its_maker_lives(folder: Path) -> None:
    me = liveness.this_process()
    half_made = folder / f"s.{me.pid}-{me.started}.new"
    left_behind = folder / f"s.{me.pid}-{me.started + 1}.new"  # by an earlier process of that number
    half_made.touch()
    left_behind.touch()
    reclaim(folder)
    assert list(folder.iterdir()) == [half_made]
    half_made.unlink()


def test_a_draft_of_another_file_in_the_folder_of_streams_stays(folder: Path) -> None:
    draft = draft_of(folder / "tracker.regions")
    draft.touch()
    reclaim(folder)
    assert list(folder.iterdir()) == [draft]
    draft.unlink()


def mapped_kb(path: Path) -> int:
    """Return how much of a file this process has in its own page tables."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    ends = str(path)
    return sum(
        int(line.split()[1])
        for head in lines
        if head.endswith(ends)
        for line in itertools.islice(lines, 12)
        if line.startswith("Rss:")
    )


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_look_at_a_stream_brings_in_no_pixels(folder: Path) -> None:
    spec = FrameSpec(shape=(256, 256), dtype="uint8")
    with StreamWriter(folder, "s", spec, 64) as writer:
        writer.write(np.zeros((256, 256), "u1"), FrameHeader(frame=0))
        before = mapped_kb(folder / "s.ring")
        stream = open_stream(folder, "s")
        assert stream.produced == stream.status().produced == 1
        assert mapped_kb(folder / "s.ring") - before < 1024
        with stream.lossless():
            assert mapped_kb(folder / "s.ring") - before >= 4096
