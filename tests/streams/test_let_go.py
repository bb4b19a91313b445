"""What is closed keeps no memory of its ring in use, though the object itself is kept."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import StreamError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import StreamWriter, follow_latest, follow_lossless, open_stream
from parfocal.streams.segment import Segment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FRAMES = FrameSpec(shape=(4, 5), dtype="uint16")
ROWS = RowSpec.of(np.dtype([("time_ns", "<i8"), ("power", "<f8")]))
HEADER = FrameHeader(frame=0, time_ns=1, utc_ns=2)


def mappings(folder: Path) -> int:
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    return sum(f"{folder}/" in line for line in maps.splitlines())


def write(writer: StreamWriter) -> None:
    if isinstance(writer.spec, FrameSpec):
        writer.write(np.ones((4, 5), np.uint16), HEADER)
    else:
        writer.write_rows(np.zeros(1, ROWS.numpy_dtype))


@pytest.mark.parametrize("spec", [FRAMES, ROWS], ids=["frames", "rows"])
@pytest.mark.parametrize("follow", [follow_latest, follow_lossless])
def test_a_closed_reader_and_a_closed_writer_keep_no_memory_in_use(folder, spec, follow):
    with StreamWriter(folder, "s", spec, 8) as writer:
        reader = follow(folder, "s")
        write(writer)
        reader.read(timeout_s=10.0)
        place = reader.place()
        assert mappings(folder) > 0
        reader.close()
    assert mappings(folder) == 0
    assert (reader.spec, reader.place(), reader.position) == (spec, place, 1)
    assert writer.spec == spec
    reader.close()
    writer.close()
    with pytest.raises(StreamError, match="was closed"):
        reader.poll()
    for use in (
        writer.readers,
        writer.unread_by_recorders,
        lambda: writer.set_next_number(1),
        lambda: write(writer),
    ):
        with pytest.raises(StreamError, match="was closed by this writer"):
            use()


def test_a_reader_that_is_closed_within_its_lease_lets_go_at_the_end_of_it(folder):
    with StreamWriter(folder, "s", FRAMES, 8) as writer:
        reader = open_stream(folder, "s").lossless("drop")
        write(writer)
    with reader.lease(timeout_s=10.0) as frame:
        reader.close()
        assert frame.data.sum() == 20
    del frame
    assert mappings(folder) == 0


def test_a_writer_that_is_closed_while_a_slot_is_lent_lets_go_when_it_has_it_back(folder):
    writer = StreamWriter(folder, "s", FRAMES, 8)
    with writer.slot() as slot:
        writer.close()
        slot.data[:] = 1
        slot.header = HEADER
    del slot
    assert mappings(folder) == 0


def test_a_stream_outlives_its_readers(folder):
    with StreamWriter(folder, "s", FRAMES, 8) as writer:
        stream = open_stream(folder, "s")
        with stream.latest() as reader:
            write(writer)
            assert reader.read(timeout_s=10.0).header == HEADER
        assert stream.status().produced == 1
        assert stream.find_frame(HEADER) is not None
    assert stream.ended()


def test_a_reader_that_is_closed_as_it_goes_on_to_the_next_ring_leaves_that_too(folder, monkeypatch):
    with StreamWriter(folder, "s", FRAMES, 8) as writer:
        reader = follow_lossless(folder, "s", "block")
        write(writer)
        reader.read(timeout_s=10.0)
        writer.reopen(FrameSpec(shape=(4, 5), dtype="uint8"))
        attach, closers = Segment.bring_in, []

        def closed_meanwhile(segment: Segment) -> None:
            closers.append(threading.Thread(target=reader.close))
            closers[-1].start()
            closers[-1].join()
            attach(segment)

        monkeypatch.setattr(Segment, "bring_in", closed_meanwhile)
        with pytest.raises(StreamError, match="was closed"):
            reader.read(timeout_s=10.0)
        assert closers
        for frame in range(20):
            writer.write(np.zeros((4, 5), np.uint8), FrameHeader(frame=frame), timeout_s=0.0)
    assert mappings(folder) == 0


def test_a_reader_that_is_closed_between_two_rings_holds_nobody_up_in_the_next_one(folder):
    with StreamWriter(folder, "s", FRAMES, 8) as writer:
        reader = follow_lossless(folder, "s", "block")
        writer.reopen(FrameSpec(shape=(4, 5), dtype="uint8"))
        reader.close()
        for frame in range(20):
            writer.write(np.zeros((4, 5), np.uint8), FrameHeader(frame=frame), timeout_s=0.0)
        assert [one.alive for one in open_stream(folder, "s").status().readers] == [False]


def test_a_writer_that_has_gone_on_to_rows_keeps_no_frames(folder):
    with StreamWriter(folder, "s", FRAMES, 8) as writer:
        write(writer)
        writer.reopen(ROWS)
        write(writer)
    assert mappings(folder) == 0
