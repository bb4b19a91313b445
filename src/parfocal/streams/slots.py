"""Arrays over a ring's memory: frames in slots, and rows that wrap around at the end."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from parfocal.core.frames import Frame, FrameHeader, FrameSpec
from parfocal.streams import layout as at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.streams.segment import Segment

_HEADER = struct.Struct(f"<{len(at.HEADER_DTYPE.fields or ())}q")
_AFTER_HEADER = 1 + len(at.HEADER_DTYPE.fields or ())


@dataclass(frozen=True, slots=True)
class FrameBatch(Sequence[Frame]):
    """Frames that follow one another; also a sequence of `Frame`.

    Attributes
    ----------
    data : ndarray
        Pixels, (n, y, x). A view into the ring, read-only, while leased; a copy of its own otherwise.
    headers : ndarray
        One row for each frame, columns as in `HEADER_DTYPE`. Always a copy.
    """

    data: NDArray[Any]
    headers: NDArray[Any]

    def __len__(self) -> int:
        return len(self.headers)

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> FrameBatch: ...

    def __getitem__(self, index: int | slice) -> Frame | FrameBatch:
        if isinstance(index, slice):
            return FrameBatch(self.data[index], self.headers[index])
        return Frame(self.data[index], _header_of(self.headers[index].item()))


def _header_of(words: Sequence[int]) -> FrameHeader:
    frame, time_ns, utc_ns, exposure_ns, event = words
    return FrameHeader(frame=frame, time_ns=time_ns, utc_ns=utc_ns, exposure_ns=exposure_ns, event=event)


class FrameSlots:
    """The slots of a ring of frames, as arrays."""

    def __init__(self, segment: Segment) -> None:
        layout = segment.layout
        if not isinstance(layout.spec, FrameSpec):
            raise TypeError("rows have no slots")
        self._words = segment.words
        self._control = segment.control
        self._headers_start = layout.headers + 8  # behind the sequence number
        self._slots = layout.slots
        self._first_index = layout.index // 8
        self._first_header = layout.headers // 8
        self._index = np.frombuffer(segment.control, "<i8", layout.slots, layout.index)
        headers = np.frombuffer(segment.control, "<i8", layout.slots * at.SLOT_WORDS, layout.headers)
        self._headers = headers.reshape(layout.slots, at.SLOT_WORDS)[:, 1:_AFTER_HEADER]
        dtype = layout.item_dtype
        inner = tuple(np.empty(layout.spec.shape, np.dtype("u1")).strides)
        strides = (layout.stride, *(step * dtype.itemsize for step in inner))
        shape = (layout.slots, *layout.spec.shape)
        self._pixels: NDArray[Any] = np.ndarray(shape, dtype, segment.data, 0, strides)

    def views(self, slot: int, count: int) -> NDArray[Any]:
        """Return the pixels of `count` neighbouring slots, (n, y, x)."""
        return self._pixels[slot : slot + count]

    def view(self, slot: int) -> NDArray[Any]:
        """Return the pixels of one slot, (y, x)."""
        pixels: NDArray[Any] = self._pixels[slot]
        return pixels

    def header(self, slot: int) -> FrameHeader:
        """Return what travels with the frame in `slot`."""
        return _header_of(_HEADER.unpack_from(self._control, self._headers_start + slot * at.SLOT_WORDS * 8))

    def batch(self, slot: int, count: int, step: slice) -> FrameBatch:
        """Return those of `count` neighbouring slots that `step` selects."""
        headers = self._headers[slot : slot + count][step].copy().view(at.HEADER_DTYPE).reshape(-1)
        return FrameBatch(self.views(slot, count)[step], headers)

    def set_header(self, slot: int, header: FrameHeader) -> None:
        """Write what travels with the frame in `slot`."""
        start = self._headers_start + slot * at.SLOT_WORDS * 8
        _HEADER.pack_into(
            self._control,
            start,
            header.frame,
            header.time_ns,
            header.utc_ns,
            header.exposure_ns,
            header.event,
        )

    def set_headers(self, slot: int, headers: NDArray[Any]) -> None:
        """Write what travels with the frames in neighbouring slots."""
        table = np.ascontiguousarray(headers, at.HEADER_DTYPE)
        self._headers[slot : slot + len(headers)] = table.view("<i8").reshape(len(headers), -1)

    def enter(self, sequence: int, slot: int, count: int) -> None:
        """Note in the index that `count` frames from `sequence` on lie in neighbouring slots."""
        words = self._words
        for offset in range(count):
            words[self._first_header + (slot + offset) * at.SLOT_WORDS] = sequence + offset
            words[self._first_index + (sequence + offset) % self._slots] = slot + offset

    def find(self, sequence: int, most: int) -> tuple[int, int]:
        """Return the slot of frame `sequence`, and how many of `most` lie side by side from there."""
        start = sequence % self._slots
        if most == 1:
            return self._words[self._first_index + start], 1
        run = self._index[start : start + most].copy()
        straight = np.flatnonzero(np.diff(run) != 1)
        return int(run[0]), int(straight[0]) + 1 if len(straight) else len(run)


class Slot:
    """A slot that is being filled in place.

    Attributes
    ----------
    data : ndarray
        The pixels to fill, in the shape and dtype of the stream; holds anything before that.
    header : FrameHeader or None
        Set it before the end of the block.
    """

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = data
        self.header: FrameHeader | None = None


class RowBuffer:
    """The rows of a ring, as arrays. They are copied as bytes: ten times as fast as field by field."""

    def __init__(self, segment: Segment) -> None:
        self._dtype = segment.layout.item_dtype
        self._bytes = np.frombuffer(segment.data, np.uint8)

    def copy(self, sequence: int, count: int) -> NDArray[Any]:
        """Return a copy of `count` rows from number `sequence` on."""
        rows = np.empty(count, self._dtype)
        taken, ring = rows.view(np.uint8), self._bytes
        start = sequence * self._dtype.itemsize % len(ring)
        straight = min(len(taken), len(ring) - start)
        taken[:straight] = ring[start : start + straight]
        if straight < len(taken):
            taken[straight:] = ring[: len(taken) - straight]
        return rows

    def put(self, sequence: int, rows: NDArray[Any]) -> None:
        """Write `rows` at number `sequence`."""
        given, ring = np.ascontiguousarray(rows).view(np.uint8), self._bytes
        start = sequence * self._dtype.itemsize % len(ring)
        straight = min(len(given), len(ring) - start)
        ring[start : start + straight] = given[:straight]
        if straight < len(given):
            ring[: len(given) - straight] = given[straight:]
