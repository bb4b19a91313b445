"""Frames and rows through shared memory: one writer, many readers, and a ledger for each of them."""

from parfocal.streams.images import ImageFolder, ImageToken
from parfocal.streams.latest import LatestReader
from parfocal.streams.layout import HEADER_DTYPE
from parfocal.streams.lossless import LosslessReader
from parfocal.streams.reclaiming import reclaim
from parfocal.streams.slots import FrameBatch, Slot
from parfocal.streams.stream import (
    Stream,
    follow_latest,
    follow_lossless,
    open_stream,
    stream_names,
)
from parfocal.streams.writer import StreamWriter

__all__ = [
    "HEADER_DTYPE",
    "FrameBatch",
    "ImageFolder",
    "ImageToken",
    "LatestReader",
    "LosslessReader",
    "Slot",
    "Stream",
    "StreamWriter",
    "follow_latest",
    "follow_lossless",
    "open_stream",
    "reclaim",
    "stream_names",
]
