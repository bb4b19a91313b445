"""Frames and rows through shared memory: one writer, many readers, and a ledger that always balances."""

from parfocal.streams.layout import HEADER_DTYPE
from parfocal.streams.pixels import FrameBatch
from parfocal.streams.reader import LatestReader, LosslessReader
from parfocal.streams.stream import Stream, open_stream, reclaim, stream_names
from parfocal.streams.writer import Slot, StreamWriter

__all__ = [
    "HEADER_DTYPE",
    "FrameBatch",
    "LatestReader",
    "LosslessReader",
    "Slot",
    "Stream",
    "StreamWriter",
    "open_stream",
    "reclaim",
    "stream_names",
]
