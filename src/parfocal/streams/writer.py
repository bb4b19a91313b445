"""The writer of a stream: makes its ring, or takes over that of a dead process, and writes frames or rows."""

from __future__ import annotations

import contextlib
import re
import warnings
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import (
    BadInputError,
    StreamError,
    StreamTimeoutError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec, StreamSpec
from parfocal.streams import layout as at
from parfocal.streams.generations import next_generation, take_ring
from parfocal.streams.reader_table import read_ledgers, unread_by_recorders
from parfocal.streams.slots import Slot
from parfocal.streams.written_ring import WrittenRing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from parfocal.core.status import ReaderLedger

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class StreamWriter:
    """The single writer of a stream. One thread at a time; close it, or use it in a ``with``.

    Nothing here waits for a reader, except for one with policy "block": if it lags a whole ring behind; and
    for up to a millisecond at a time if it is at work, but lags by more than the caches hold.

    Parameters
    ----------
    folder : Path
        Where the stream lives; made if it isn't there.
    name : str
        Letters, digits, "-" and "_".
    spec : FrameSpec or RowSpec
        What every frame or row looks like.
    slots : int
        How many frames or rows the ring holds.

    Raises
    ------
    StreamInUseError
        If a living process writes this stream.
    StreamError
        If there is no room for the ring.

    Notes
    -----
    A ring whose writer died is taken over if it has the same `spec` and `slots`: sequence numbers and
    readers go on, and what the dead one had begun is abandoned and counted. Otherwise that ring ends for
    its readers (`StreamClosedError`), and the next generation takes its name; see `reopen`.
    """

    def __init__(self, folder: Path, name: str, spec: StreamSpec, slots: int = 64) -> None:
        if not _NAME.fullmatch(name):
            raise BadInputError(
                f"a stream can't be called {name!r}: use up to 64 letters, digits, '-' or '_'"
            )
        self.name = name
        layout = at.Layout.of(spec, slots)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._spec = spec
        self._ring: WrittenRing | None = WrittenRing(take_ring(folder / f"{name}.ring", layout))
        self._lent = False

    def readers(self) -> tuple[ReaderLedger, ...]:
        """Return the ledger of each reader: whom a change would meet, such as a recorder, before `reopen`."""
        return read_ledgers(self._open().words)

    def unread_by_recorders(self) -> tuple[int, bool]:
        """Return how much a recording has not read yet, and whether its process is dead.

        A writer that has the time can leave that in the ring: the process that is started in its place comes
        back for it.
        """
        return unread_by_recorders(self._open().words)

    @property
    def spec(self) -> StreamSpec:
        """What every frame or row looks like."""
        return self._spec

    def set_next_number(self, number: int) -> None:
        """Tell everybody which number the next frame would have, as its producer counts.

        So the first and the last frames that a camera loses are known, too. To be told before the frame with
        that number is written, and whenever frames were lost.
        """
        self._open().words[at.NEXT_NUMBER] = number + 1

    def reopen(self, spec: StreamSpec, slots: int | None = None, *, timeout_s: float | None = None) -> None:
        """Go on with the stream's next generation: a new ring, of other frames or rows, under the same name.

        Readers that follow read the old ring to its end and go on with the first frame of the new one; others
        get `StreamClosedError` there. With the same `spec` and `slots` nothing happens.

        Parameters
        ----------
        spec : FrameSpec or RowSpec
            What every frame or row looks like from now on.
        slots : int or None
            How many of them the new ring holds; None for as many as the old one.
        timeout_s : float or None
            How long to wait for a blocking reader that has not got to the present generation yet: it would
            lose this one. None waits as long as it lives.

        Raises
        ------
        StreamTimeoutError
            If one has not got there in time; names it. Nothing has changed then.
        StreamError
            If there is no room for the new ring; nothing has changed then.
        """
        ring = self._open()
        if self._lent:
            raise StreamError(f"stream {self.name!r}: give the slot back that is being filled, then reopen")
        layout = at.Layout.of(spec, ring.slots if slots is None else slots)
        if layout == ring.segment.layout:
            return
        new = next_generation(ring.segment, layout, timeout_s)
        ring.leave()
        self._ring, self._spec = WrittenRing(new), spec

    def write(self, data: NDArray[Any], header: FrameHeader, *, timeout_s: float | None = None) -> None:
        """Copy one frame into the ring.

        Raises
        ------
        BadInputError
            If `data` has another shape or dtype than the stream.
        StreamTimeoutError
            If a blocking reader held the writer for `timeout_s`; nothing was written.
        """
        ring = self._open_frames(data.shape, data.dtype)
        slot, _ = ring.claim(1, timeout_s)
        try:
            np.copyto(ring.frames.view(slot), data)
            ring.frames.set_header(slot, header)
        except BaseException:
            ring.abandon(slot, 1)
            raise
        ring.commit(slot, 1)

    @contextlib.contextmanager
    def slot(self, *, timeout_s: float | None = None) -> Iterator[Slot]:
        """Lend a slot to be filled in place; committed at the end, abandoned and counted on an exception.

        Raises
        ------
        BadInputError
            If its header was not set.
        """
        ring = self._open_of(FrameSpec)
        number, _ = ring.claim(1, timeout_s)
        slot = Slot(ring.frames.view(number))
        self._lent = True
        try:
            yield slot
            if slot.header is None:
                raise BadInputError(f"stream {self.name!r}: set slot.header before the slot is committed")
            ring.frames.set_header(number, slot.header)
        except BaseException:
            ring.abandon(number, 1)
            raise
        finally:
            self._lent = False
        ring.commit(number, 1)

    def write_many(
        self,
        frames: NDArray[Any],
        headers: NDArray[Any] | Sequence[FrameHeader],
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Copy frames (n, y, x) into the ring, with a header for each, or an array of `HEADER_DTYPE`.

        Readers see them in portions of up to half a ring.

        Raises
        ------
        StreamTimeoutError
            If a blocking reader held the writer for `timeout_s`: go on behind those that were `written`.
        """
        ring = self._open_frames(frames.shape[1:], frames.dtype)
        table = headers if isinstance(headers, np.ndarray) else _header_table(headers)
        if len(table) != len(frames):
            raise BadInputError(f"{len(frames)} frames came with {len(table)} headers")
        done = 0
        while done < len(frames):
            try:
                slot, count = ring.claim(len(frames) - done, timeout_s)
            except StreamTimeoutError as error:
                raise _cut_short(error, done, len(frames)) from error
            try:
                np.copyto(ring.frames.views(slot, count), frames[done : done + count])
                ring.frames.set_headers(slot, table[done : done + count])
            except BaseException:
                ring.abandon(slot, count)
                raise
            ring.commit(slot, count)
            done += count

    def write_rows(self, rows: NDArray[Any], *, timeout_s: float | None = None) -> None:
        """Copy rows, a structured array of the stream's columns, into the ring.

        Readers see them in portions of up to half a ring.

        Raises
        ------
        StreamTimeoutError
            If a blocking reader held the writer for `timeout_s`: go on behind those that were `written`.
        """
        ring = self._open_of(RowSpec)
        if rows.dtype != ring.dtype or rows.ndim != 1:
            wanted = ring.dtype
            raise BadInputError(f"stream {self.name!r} takes rows of {wanted}, not {rows.dtype} {rows.shape}")
        portion = ring.slots // 2
        for start in range(0, len(rows), portion):
            try:
                ring.put(rows[start : start + portion], timeout_s)
            except StreamTimeoutError as error:
                raise _cut_short(error, start, len(rows)) from error

    def close(self) -> None:
        """End the stream: readers read what is there and then get `StreamClosedError`. Idempotent.

        Its memory goes with the last one who uses it. A fork only lets go of its copy of the writer.
        """
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        ring = getattr(self, "_ring", None)
        if ring is not None:
            if not ring.readers.is_inherited:
                message = f"the writer of stream {self.name!r} was not closed"
                warnings.warn(message, ResourceWarning, stacklevel=2)
            self.close()

    def _open(self) -> WrittenRing:
        """Return the ring that is written. Whoever writes keeps it to the end: it may be closed meanwhile."""
        ring = self._ring
        if ring is None:
            raise StreamError(f"stream {self.name!r} was closed by this writer")
        return ring

    def _open_of(self, kind: type) -> WrittenRing:
        """Return the ring that is written, if it holds frames, or rows."""
        ring = self._open()
        if not isinstance(ring.spec, kind):
            raise BadInputError(f"stream {self.name!r} holds {_kind(ring.spec)}: write those")
        return ring

    def _open_frames(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> WrittenRing:
        """Return the ring that is written, if it takes frames like these."""
        ring = self._open_of(FrameSpec)
        if shape != ring.shape or dtype != ring.dtype:
            raise BadInputError(
                f"stream {self.name!r} takes frames of {ring.shape} {ring.dtype}, not {shape} {dtype}"
            )
        return ring


def _header_table(headers: Sequence[FrameHeader]) -> NDArray[Any]:
    return np.array([msgspec.structs.astuple(header) for header in headers], dtype=at.HEADER_DTYPE)


def _cut_short(error: StreamTimeoutError, written: int, wanted: int) -> StreamTimeoutError:
    return StreamTimeoutError(f"{error}; {written} of {wanted} were written", written=written)


def _kind(spec: StreamSpec) -> str:
    return "rows" if isinstance(spec, RowSpec) else "frames"
