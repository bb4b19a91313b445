"""The writer of a stream: makes its ring, or takes over that of a dead process, and writes frames or rows."""

from __future__ import annotations

import contextlib
import re
import warnings
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import (
    BadInputError,
    StreamError,
    StreamTimeoutError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec, StreamSpec
from parfocal.streams import layout as at
from parfocal.streams.attached import AttachedReaders
from parfocal.streams.free_slots import SlotPool, pass_tail
from parfocal.streams.generations import next_generation, take_ring
from parfocal.streams.liveness import Owner
from parfocal.streams.reader_table import read_ledgers, unread_by_recorders
from parfocal.streams.slots import FrameSlots, RowBuffer, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from parfocal.core.status import ReaderLedger
    from parfocal.streams.segment import Segment

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CHECK_FILE_S = 0.5


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
        self._check_due_s = SYSTEM_CLOCK.monotonic_s() + _CHECK_FILE_S
        self._write_into(take_ring(folder / f"{name}.ring", layout))
        self._lent = False
        self._closed = False

    def readers(self) -> tuple[ReaderLedger, ...]:
        """Return the ledger of each reader: whom a change would meet, such as a recorder, before `reopen`."""
        self._check_open()
        return read_ledgers(self._words)

    def unread_by_recorders(self) -> tuple[int, bool]:
        """Return how much a recording has not read yet, and whether its process is dead.

        A writer that has the time can leave that in the ring: the process that is started in its place comes
        back for it.
        """
        self._check_open()
        return unread_by_recorders(self._words)

    @property
    def spec(self) -> StreamSpec:
        """What every frame or row looks like."""
        return self._segment.layout.spec

    def set_next_number(self, number: int) -> None:
        """Tell everybody which number the next frame would have, as its producer counts.

        So the first and the last frames that a camera loses are known, too. To be told before the frame with
        that number is written, and whenever frames were lost.
        """
        self._words[at.NEXT_NUMBER] = number + 1

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
        self._check_open()
        if self._lent:
            raise StreamError(f"stream {self.name!r}: give the slot back that is being filled, then reopen")
        old = self._segment
        layout = at.Layout.of(spec, self._slots if slots is None else slots)
        if layout == old.layout:
            return
        new = next_generation(old, layout, timeout_s)
        self._readers.ring(at.NEVER)
        self._readers.close()
        old.note_writer(Owner(0, 0))
        self._write_into(new)

    def write(self, data: NDArray[Any], header: FrameHeader, *, timeout_s: float | None = None) -> None:
        """Copy one frame into the ring.

        Raises
        ------
        BadInputError
            If `data` has another shape or dtype than the stream.
        StreamTimeoutError
            If a blocking reader held the writer for `timeout_s`; nothing was written.
        """
        self._check_frames(data.shape, data.dtype)
        slot = self._begin(timeout_s)
        try:
            np.copyto(self._frames.view(slot), data)
            self._frames.set_header(slot, header)
        except BaseException:
            self._abandon(slot, 1)
            raise
        self._commit(slot, 1)

    @contextlib.contextmanager
    def slot(self, *, timeout_s: float | None = None) -> Iterator[Slot]:
        """Lend a slot to be filled in place; committed at the end, abandoned and counted on an exception.

        Raises
        ------
        BadInputError
            If its header was not set.
        """
        self._check_kind(FrameSpec)
        number = self._begin(timeout_s)
        slot = Slot(self._frames.view(number))
        self._lent = True
        try:
            try:
                yield slot
                if slot.header is None:
                    raise BadInputError(f"stream {self.name!r}: set slot.header before the slot is committed")
                self._frames.set_header(number, slot.header)
            except BaseException:
                self._abandon(number, 1)
                raise
            self._commit(number, 1)
        finally:
            self._lent = False
            if self._closed:  # meanwhile
                self._let_go()

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
        self._check_frames(frames.shape[1:], frames.dtype)
        table = headers if isinstance(headers, np.ndarray) else _header_table(headers)
        if len(table) != len(frames):
            raise BadInputError(f"{len(frames)} frames came with {len(table)} headers")
        done = 0
        while done < len(frames):
            try:
                slot, count = self._pool.claim(len(frames) - done, timeout_s)
            except StreamTimeoutError as error:
                raise _cut_short(error, done, len(frames)) from error
            self._words[at.BEGUN] += count
            try:
                np.copyto(self._frames.views(slot, count), frames[done : done + count])
                self._frames.set_headers(slot, table[done : done + count])
            except BaseException:
                self._abandon(slot, count)
                raise
            self._commit(slot, count)
            done += count

    def write_rows(self, rows: NDArray[Any], *, timeout_s: float | None = None) -> None:
        """Copy rows, a structured array of the stream's columns, into the ring.

        Readers see them in portions of up to half a ring.

        Raises
        ------
        StreamTimeoutError
            If a blocking reader held the writer for `timeout_s`: go on behind those that were `written`.
        """
        self._check_kind(RowSpec)
        if rows.dtype != self._dtype or rows.ndim != 1:
            wanted = self._dtype
            raise BadInputError(f"stream {self.name!r} takes rows of {wanted}, not {rows.dtype} {rows.shape}")
        words = self._words
        portion = self._slots // 2
        for start in range(0, len(rows), portion):
            part = rows[start : start + portion]
            head = words[at.HEAD]
            try:
                pass_tail(words, self._readers, head + len(part) - self._slots, timeout_s)
            except StreamTimeoutError as error:
                raise _cut_short(error, start, len(rows)) from error
            words[at.BEGUN] += len(part)
            self._rows.put(head, part)
            words[at.HEAD] = head + len(part)
            self._readers.ring(head + len(part))
        if SYSTEM_CLOCK.monotonic_s() > self._check_due_s:
            self._check_file()

    def close(self) -> None:
        """End the stream: readers read what is there and then get `StreamClosedError`. Idempotent.

        Its memory goes with the last one who uses it. A fork only lets go of its copy of the writer.
        """
        if self._closed:
            return
        self._closed = True
        if not self._readers.is_inherited:
            self._end()
        self._readers.close()
        if not self._lent:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if not self._readers.is_inherited:
                message = f"the writer of stream {self.name!r} was not closed"
                warnings.warn(message, ResourceWarning, stacklevel=2)
            self.close()

    def _end(self) -> None:
        self._words[at.CLOSED] = at.ENDED
        self._readers.ring(at.NEVER)
        self._segment.note_writer(Owner(0, 0))
        if self._segment.is_current():
            with contextlib.suppress(PermissionError):  # Windows keeps files that readers have open
                self._segment.path.unlink(missing_ok=True)

    def _begin(self, timeout_s: float | None) -> int:
        slot, _ = self._pool.claim(1, timeout_s)
        self._words[at.BEGUN] += 1
        return slot

    def _commit(self, slot: int, count: int) -> None:
        head = self._words[at.HEAD]
        self._frames.enter(head, slot, count)
        self._words[at.HEAD] = head + count
        self._readers.ring(head + count)
        if SYSTEM_CLOCK.monotonic_s() > self._check_due_s:
            self._check_file()

    def _abandon(self, slot: int, count: int) -> None:
        self._words[at.ABANDONED] = self._words[at.BEGUN] - self._words[at.HEAD]
        self._pool.give_back(slot, count)

    def _write_into(self, segment: Segment) -> None:
        """Take a ring that this process writes, or will write, as the one to write into."""
        segment.bring_in()
        layout = segment.layout
        self._segment = segment
        self._words = segment.words
        self._readers = AttachedReaders(segment)
        self._slots = layout.slots
        self._dtype = layout.item_dtype
        self._shape = layout.spec.shape if isinstance(layout.spec, FrameSpec) else ()
        if isinstance(layout.spec, FrameSpec):
            self._frames = FrameSlots(segment)
            self._pool = SlotPool(segment, self._readers)
        else:
            self._rows = RowBuffer(segment)

    def _let_go(self) -> None:
        """Keep what the ring tells, and nothing that keeps its memory in use."""
        self._segment = self._segment.without_memory()
        self._words = self._segment.words
        if isinstance(self.spec, FrameSpec):
            del self._frames, self._pool
        else:
            del self._rows
        del self._readers

    def _check_file(self) -> None:
        """See that the ring still has its name; raises `StreamRemovedError` if not. Due twice a second."""
        self._check_due_s = SYSTEM_CLOCK.monotonic_s() + _CHECK_FILE_S
        self._segment.check_current()

    def _check_open(self) -> None:
        if self._closed:
            raise StreamError(f"stream {self.name!r} was closed by this writer")

    def _check_kind(self, kind: type) -> None:
        self._check_open()
        if not isinstance(self.spec, kind):
            raise BadInputError(f"stream {self.name!r} holds {_kind(self.spec)}: write those")

    def _check_frames(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._check_kind(FrameSpec)
        if shape != self._shape or dtype != self._dtype:
            raise BadInputError(
                f"stream {self.name!r} takes frames of {self._shape} {self._dtype}, not {shape} {dtype}"
            )


def _header_table(headers: Sequence[FrameHeader]) -> NDArray[Any]:
    return np.array([msgspec.structs.astuple(header) for header in headers], dtype=at.HEADER_DTYPE)


def _cut_short(error: StreamTimeoutError, written: int, wanted: int) -> StreamTimeoutError:
    return StreamTimeoutError(f"{error}; {written} of {wanted} were written", written=written)


def _kind(spec: StreamSpec) -> str:
    return "rows" if isinstance(spec, RowSpec) else "frames"
