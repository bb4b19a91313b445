"""Streams that are written without waiting: what finds no room is kept, within bounds, and goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamTimeoutError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import StreamWriter

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout

_ROW_SLOTS = 1 << 15
_COMES_BACK_S = 60.0
"""How long a recorder that died is waited for."""
_FRAME_BYTES = 128 << 20
_FEWEST, _MOST = 4, 64
"""How many frames a ring holds: as many as fit into `_FRAME_BYTES`, within these bounds."""


class _Room:
    """How much may be written while a recorder is dead: another one comes back for what it has not read.

    Parameters
    ----------
    writer : StreamWriter
        Of the stream.
    slots : int
        How much its ring holds.
    """

    def __init__(self, writer: StreamWriter, slots: int) -> None:
        self._writer, self._slots = writer, slots
        self._unread = 0  # at most
        self._refused_s: float | None = None

    def for_next(self, wanted: int) -> int:
        """Return how many of those that are `wanted` may be written now; they count as written."""
        if self._unread + wanted > self._slots:
            self._unread, is_dead = self._writer.unread_by_recorders()
            if is_dead and self._unread <= self._slots and self._waits():
                wanted = min(wanted, self._slots - self._unread)
            else:
                self._refused_s = None
        self._unread += wanted
        return wanted

    def _waits(self) -> bool:
        """Whether a recorder that is dead may still come back."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        self._refused_s = now_s if self._refused_s is None else self._refused_s
        return now_s - self._refused_s < _COMES_BACK_S


class RowLog:
    """Writes rows into a stream; keeps what finds no room, as much as the ring holds. One thread at a time.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    name : str
        Of the stream.
    dtype : dtype
        Of its rows.

    Attributes
    ----------
    dtype : dtype
        As given.
    """

    def __init__(self, streams: Path, name: str, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._writer = StreamWriter(streams, name, RowSpec.of(dtype), slots=_ROW_SLOTS)
        self._room = _Room(self._writer, _ROW_SLOTS)
        self._waiting: NDArray[np.void] = np.empty(0, dtype)
        self._given_up = 0

    @property
    def lost(self) -> int:
        """How many rows were given up, because more than a ring's worth of them waited; or wait just now."""
        return self._given_up + len(self._waiting)

    def take(self, rows: NDArray[np.void]) -> None:
        """Write rows, after those that wait."""
        if self.settle(0.0):
            self._waiting = self._written(rows, 0.0)
        elif len(self._waiting) + len(rows) <= _ROW_SLOTS:
            self._waiting = np.concatenate([self._waiting, rows])
        else:
            self._given_up += len(rows)

    def settle(self, timeout_s: float | None) -> bool:
        """Write what waits; return False if there is still no room for all of it after `timeout_s`."""
        if self._waiting.size:
            self._waiting = self._written(self._waiting, timeout_s)
        return not self._waiting.size

    def close(self) -> None:
        """End the stream; what waits is lost."""
        self._given_up = self.lost
        self._waiting = self._waiting[:0]
        self._writer.close()

    def _written(self, rows: NDArray[np.void], timeout_s: float | None) -> NDArray[np.void]:
        """Write rows; return those that found no room."""
        written = self._room.for_next(len(rows))
        try:
            self._writer.write_rows(rows[:written], timeout_s=timeout_s)
        except StreamTimeoutError as error:
            written = error.written
        return rows[written:]


class FrameLog:
    """Writes frames into a stream, numbered in the order in which they come. One thread at a time.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    name : str
        Of the stream.
    spec : FrameSpec
        Of its frames.
    """

    def __init__(self, streams: Path, name: str, spec: FrameSpec) -> None:
        slots = min(max(_FRAME_BYTES // spec.nbytes, _FEWEST), _MOST)
        self._writer = StreamWriter(streams, name, spec, slots=slots)
        self._room = _Room(self._writer, slots)
        self._writer.set_next_number(0)
        self._number = self._given_up = 0
        self._waiting: tuple[NDArray[Any], FrameHeader] | None = None

    @property
    def lost(self) -> int:
        """How many frames were given up: one that waited at the end; or waits just now."""
        return self._given_up + int(self._waiting is not None)

    def take(self, image: NDArray[Any], source: FrameHeader, event: int) -> None:
        """Write what was made from the frame `source`, or keep a copy; to be called when all is settled.

        It has the times of that frame, and `event` for its place in the record.
        """
        header = FrameHeader(
            frame=self._number,
            time_ns=source.time_ns,
            utc_ns=source.utc_ns,
            exposure_ns=source.exposure_ns,
            event=event,
        )
        self._number += 1
        if not self._is_written(image, header, 0.0):
            self._waiting = image.copy(), header

    def settle(self, timeout_s: float | None) -> bool:
        """Write what was kept; return False if there is still no room for it after `timeout_s`."""
        if self._waiting is not None and self._is_written(*self._waiting, timeout_s):
            self._waiting = None
        return self._waiting is None

    def relayout(self, before: EventLayout, after: EventLayout) -> None:
        """Have what waits lie, in the layout of a plan that has grown, where it lay before."""
        if self._waiting is not None:
            image, header = self._waiting
            event = after.number_of(before.index_of(header.event))
            self._waiting = image, msgspec.structs.replace(header, event=event)

    def close(self) -> None:
        """End the stream; what waits is lost."""
        self._given_up = self.lost
        self._waiting = None
        self._writer.close()

    def _is_written(self, image: NDArray[Any], header: FrameHeader, timeout_s: float | None) -> bool:
        if not self._room.for_next(1):
            return False
        try:
            self._writer.write(image, header, timeout_s=timeout_s)
        except StreamTimeoutError:
            return False
        self._writer.set_next_number(header.frame + 1)
        return True
