"""Collects frames in memory until their shard is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parfocal.streams import HEADER_DTYPE, FrameBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameSpec


class PlacedFrames(NamedTuple):
    """Frames, and for each of them its index in the run and its sequence number in the stream."""

    indices: NDArray[np.int64]
    sequences: NDArray[np.int64]
    batch: FrameBatch

    def part(self, start: int, stop: int) -> PlacedFrames:
        """Return those from place `start` to `stop`, as views."""
        some = slice(start, stop)
        return PlacedFrames(self.indices[some], self.sequences[some], self.batch[some])

    def header_rows(self) -> NDArray[np.int64]:
        """Return what is kept beside the pixels, (n, columns); see `HEADER_COLUMNS`."""
        headers = self.batch.headers
        return np.stack([*(headers[name] for name in headers.dtype.names or ()), self.sequences], axis=1)


class FrameBuffer:
    """Copies of up to `size` frames, `taken` so far; their memory is used again after `clear`."""

    def __init__(self, spec: FrameSpec, size: int) -> None:
        self._pixels = np.empty((size, *spec.shape), spec.dtype)
        self._headers = np.empty(size, HEADER_DTYPE)
        self._indices = np.empty(size, np.int64)
        self._sequences = np.empty(size, np.int64)
        self.taken = 0

    @property
    def room(self) -> int:
        """How many more it takes."""
        return len(self._headers) - self.taken

    @property
    def content(self) -> PlacedFrames:
        """Everything in it; a view."""
        n = self.taken
        return PlacedFrames(
            self._indices[:n], self._sequences[:n], FrameBatch(self._pixels[:n], self._headers[:n])
        )

    def add(self, placed: PlacedFrames) -> None:
        """Copy frames, no more than there is room for."""
        where = slice(self.taken, self.taken + len(placed.batch))
        np.copyto(self._pixels[where], placed.batch.data)
        self._headers[where] = placed.batch.headers
        self._indices[where] = placed.indices
        self._sequences[where] = placed.sequences
        self.taken = where.stop

    def clear(self) -> None:
        """Forget everything in it."""
        self.taken = 0
