"""Streams that nobody closed, found by the collector of cycles, which ends their parts in any order."""

import gc
from pathlib import Path

import pytest

from parfocal.core.frames import FrameSpec
from parfocal.streams import StreamWriter, open_stream


class Keeper:
    """Holds itself, and with it what it is given."""

    def __init__(self, *kept: object) -> None:
        self.kept = (self, *kept)


def test_in_a_cycle_a_writer_and_a_reader_are_closed_in_order(folder: Path) -> None:
    writer = StreamWriter(folder, "s", FrameSpec(shape=(2, 3), dtype="uint8"), 4)
    stream = open_stream(folder, "s")
    keeper = Keeper(writer, stream.lossless())
    del writer, keeper
    with pytest.warns(ResourceWarning) as warned:
        gc.collect()
    messages = sorted(str(warning.message) for warning in warned)
    assert messages == ["a reader of 's' was not closed", "the writer of stream 's' was not closed"]
    assert stream.ended()
    assert list(folder.iterdir()) == []
