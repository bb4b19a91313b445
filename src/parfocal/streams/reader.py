"""The reading ends: one that may skip, and one that may not. Two types, for two promises."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, ReaderOverrunError, StreamError
from parfocal.core.frames import Frame, FrameSpec, StreamSpec
from parfocal.streams import layout as at
from parfocal.streams.pixels import FrameBatch, FrameShelf, RowShelf
from parfocal.streams.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from parfocal.streams.segment import Segment


class AttachedReader:
    """What both readers share: a seat at the ring that is left at the end."""

    def __init__(self, segment: Segment, name: str, policy: str) -> None:
        self.name = name
        self.spec: StreamSpec = segment.layout.spec
        self._segment = segment
        segment.bring_in()
        self._words = segment.words
        self._frames = FrameShelf(segment) if isinstance(self.spec, FrameSpec) else None
        self._rows = None if self._frames else RowShelf(segment)
        self._seat = Seat(segment, name, policy)

    @property
    def position(self) -> int:
        """Sequence number of the next frame or row that is offered."""
        return self._seat.position

    def writer_alive(self) -> bool:
        """Return whether the writing process lives; if it doesn't, another one may take over."""
        return self._segment.writer_alive()

    def close(self) -> None:
        """Leave the stream; what is unread is counted as "left". Idempotent.

        A fork only lets go of its copy of the reader.
        """
        self._seat.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        seat = getattr(self, "_seat", None)
        if seat is not None and not seat.closed:
            if not seat.is_inherited:
                message = f"a reader of {self._segment.path.stem!r} was not closed"
                warnings.warn(message, ResourceWarning, stacklevel=2)
            seat.close()

    def _check_open(self) -> None:
        if self._seat.closed:
            raise StreamError(f"this reader of {self._segment.path.stem!r} was closed")

    def _slots(self) -> FrameShelf:
        self._check_open()
        if self._frames is None:
            raise BadInputError(
                f"stream {self._segment.path.stem!r} holds rows: lease_rows() or read() copies them"
            )
        return self._frames


class LatestReader(AttachedReader):
    """Reads the newest frame, counts what it skipped, and never holds the writer up. See `Stream.latest`."""

    def __init__(self, segment: Segment, name: str = "") -> None:
        super().__init__(segment, name, "latest")

    def read(self, timeout_s: float | None = None, most: int | None = None) -> Any:
        """Return a copy of the newest `Frame` not yet seen; of a stream of rows, all rows not yet seen.

        Parameters
        ----------
        timeout_s : float or None
            How long to wait for something new; None waits for ever.
        most : int or None
            Of rows, only the newest so many.

        Raises
        ------
        StreamTimeoutError
            If nothing new came within `timeout_s`.
        StreamClosedError
            If nothing new will come.
        """
        self._check_open()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if self._words[at.HEAD] <= self._seat.position:
                self._seat.wait(deadline)
            taken = self._take_frame() if self._frames else self._take_rows(most)
            if taken is not None:
                return taken

    def _take_frame(self) -> Frame | None:
        seat = self._seat
        shelf = self._slots()
        newest = self._words[at.HEAD] - 1
        slot, _ = shelf.find(newest, 1) if seat.lease(newest, 1) else (0, 0)
        tail = self._words[at.TAIL]
        if tail > newest:
            seat.move(tail, skipped=tail - seat.position)
            seat.end_lease()
            return None
        if newest > seat.position:
            seat.move(newest, skipped=newest - seat.position)
        frame = Frame(shelf.view(slot).copy(), shelf.header(slot))
        seat.move(newest + 1)
        seat.end_lease()
        return frame

    def _take_rows(self, most: int | None) -> Any | None:
        assert self._rows is not None
        seat = self._seat
        head = self._words[at.HEAD]
        first = max(seat.position, self._words[at.TAIL], head - (most or head))
        rows = self._rows.copy(first, head - first)
        if self._words[at.TAIL] > first:
            return None
        seat.move(head, skipped=first - seat.position)
        return rows


class LosslessReader(AttachedReader):
    """Reads every frame or row in order, and says of each one it did not get why. Made by `Stream.lossless`.

    Parameters
    ----------
    policy : {"block", "fail", "drop"}
        What happens when it lags a whole ring behind: the writer waits for it; its next call raises
        `ReaderOverrunError`; or the lost ones are counted and it goes on with the oldest one there is.
    every, offset : int
        Take only the sequence numbers s with ``s % every == offset``; the others are counted as sampled.
    """

    def __init__(
        self, segment: Segment, name: str = "", policy: str = "block", every: int = 1, offset: int = 0
    ) -> None:
        if policy not in ("block", "fail", "drop"):
            raise BadInputError(f"policy {policy!r} is unknown; write 'block', 'fail' or 'drop'")
        if not (every >= 1 and 0 <= offset < every):
            raise BadInputError(f"every={every}, offset={offset}: needs every >= 1 and 0 <= offset < every")
        self._policy = policy
        self._every = every
        self._offset = offset
        super().__init__(segment, name, policy)

    def read(self, timeout_s: float | None = None, most: int | None = None) -> Any:
        """Return a copy of the next `Frame`; of a stream of rows, all there are, from one up to `most`.

        Raises
        ------
        StreamTimeoutError
            If none came within `timeout_s`; None waits for ever.
        StreamClosedError
            If the stream has ended and everything was read.
        ReaderOverrunError
            With policy "fail", once for each loss; the next call goes on behind it.
        """
        if self._frames is not None:
            with self.lease(timeout_s) as frame:
                return Frame(frame.data.copy(), frame.header)
        with self.lease_rows(timeout_s, most) as rows:
            return rows

    def read_many(self, most: int, timeout_s: float | None = None, least: int = 1) -> FrameBatch:
        """Return copies of the next frames, from one up to `most`. Raises like `read`; see `lease_many`."""
        with self.lease_many(most, timeout_s, least) as batch:
            return FrameBatch(batch.data.copy(), batch.headers)

    @contextlib.contextmanager
    def lease(self, timeout_s: float | None = None) -> Iterator[Frame]:
        """Lend the next frame as a read-only view, valid until the end of the block. Raises like `read`.

        The ring goes on without that slot meanwhile, whatever the policy. Afterwards the slot is filled
        anew: copy what you keep.
        """
        shelf = self._slots()
        first, slot, _ = self._hold(shelf, 1, timeout_s, 1)
        try:
            yield Frame(shelf.view(slot), shelf.header(slot))
        finally:
            self._give_back(first, 1)

    @contextlib.contextmanager
    def lease_many(self, most: int, timeout_s: float | None = None, least: int = 1) -> Iterator[FrameBatch]:
        """Lend the next frames as one read-only view (n, y, x), from one up to `most`. Raises like `read`.

        They lie side by side, so there may be fewer than are available. A reader that doesn't block may
        hold a quarter of the ring at most. With `least`, it is woken once there are so many, or after half
        a second: fewer wake-ups for the writer to give, at the price of their age.
        """
        shelf = self._slots()
        if most < 1:
            raise BadInputError(f"most must be at least 1, not {most}")
        first, slot, count = self._hold(shelf, most, timeout_s, min(least, most))
        try:
            yield shelf.batch(slot, count, slice(None, None, self._every))
        finally:
            self._give_back(first, count)

    @contextlib.contextmanager
    def lease_rows(self, timeout_s: float | None = None, most: int | None = None) -> Iterator[Any]:
        """Lend a copy of the next rows, of all there are or of up to `most`. Raises like `read`.

        They count as delivered at the end of the block, not before: after an exception in it they are
        offered again, and so they are to a named reader that died in it, if the ring still holds them.
        """
        self._check_open()
        if self._rows is None:
            raise BadInputError(f"stream {self._segment.path.stem!r} holds frames: lease() lends them")
        rows, first = self._hold_rows(self._rows, most or at.PIN_LIMIT, timeout_s)
        after = first
        try:
            yield rows[:: self._every]
            after = first + len(rows)
        finally:
            self._give_back(first, after - first)

    def _hold(
        self, shelf: FrameShelf, most: int, timeout_s: float | None, least: int
    ) -> tuple[int, int, int]:
        """Lease the next frames: return the first one's number and slot, and how many there are."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        limit = (
            self._segment.layout.slots if self._policy == "block" else max(1, self._segment.layout.slots // 4)
        )
        while True:
            available = self._advance(deadline, least)
            first = self._seat.position
            count = min((most - 1) * self._every + 1, available, limit)
            if self._seat.lease(first, count):
                slot, run = shelf.find(first, count)
                if self._words[at.TAIL] <= first:
                    if run < count:
                        self._seat.lease(first, run)
                    return first, slot, run
            self._seat.end_lease()

    def _give_back(self, first: int, count: int) -> None:
        if self._seat.closed:
            return
        self._seat.move(first + count, sampled=count - -(-count // self._every))
        self._seat.end_lease()

    def _hold_rows(self, shelf: RowShelf, most: int, timeout_s: float | None) -> tuple[Any, int]:
        """Lease the next rows: return a copy, in which are unwanted ones, too, and the first one's number."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            available = self._advance(deadline)
            first = self._seat.position
            count = min((most - 1) * self._every + 1, available, at.PIN_LIMIT)
            if self._seat.lease(first, count):
                rows = shelf.copy(first, count)
                if self._words[at.TAIL] <= first:
                    return rows, first
            self._seat.end_lease()

    def _advance(self, deadline: float | None, least: int = 1) -> int:
        """Wait until there is something to take at the position; return how much is there from it on."""
        waited = False
        words = self._words
        seat = self._seat
        while True:
            tail = words[at.TAIL]
            head = words[at.HEAD]
            if tail > seat.position:
                self._count_lost(tail)
            unwanted = (self._offset - seat.position) % self._every
            if unwanted and head > seat.position:
                unwanted = min(unwanted, head - seat.position)
                seat.move(seat.position + unwanted, sampled=unwanted)
            if head - seat.position >= (1 if waited else least):
                return int(head - seat.position)
            seat.wait(deadline, 1 if waited else least)
            waited = True

    def _count_lost(self, tail: int) -> None:
        lost = tail - self._seat.position
        self._seat.move(tail, overrun=lost)
        if self._policy == "fail":
            raise ReaderOverrunError(
                f"stream {self._segment.path.stem!r}: {lost} were overwritten before this reader came; "
                f"read faster, use more slots, or choose policy 'block' or 'drop'",
                lost=lost,
            )
