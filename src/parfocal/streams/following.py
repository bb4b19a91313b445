"""What both kinds of readers share: attach to a ring, wait for new frames in it, go on with the next ring.

After the writer has closed a ring, or died, a reader that follows looks for the next one fifty times a second
while a caller waits for frames.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import (
    BadInputError,
    StreamClosedError,
    StreamError,
    StreamNotFoundError,
    StreamRemovedError,
    StreamTimeoutError,
)
from parfocal.core.frames import FrameSpec, StreamSpec
from parfocal.streams import layout as at
from parfocal.streams.attaching import leave_expected
from parfocal.streams.reader_entry import ReaderEntry
from parfocal.streams.segment import Segment
from parfocal.streams.slots import FrameSlots, RowBuffer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from parfocal.streams.attaching import AttachRequest

_SEEK_S = 0.02


@dataclass(slots=True)
class RingLocation:
    """Where a reader finds the ring of a stream, and whether it goes on with the next one."""

    path: Path
    first: Segment | None
    follows: bool


class ReaderPlace(NamedTuple):
    """Where a reader is: which ring it reads, its position there, and how much was written into that ring."""

    created_ns: int
    position: int
    produced: int


class RingFollower:
    """The ring that a reader reads, and the reader's entry in it; base of both readers."""

    def __init__(
        self, rings: RingLocation, request: AttachRequest, on_attach: Callable[[Self], None] | None
    ) -> None:
        self._rings = rings
        self._request = request
        self._on_attach = on_attach
        self._closed = False
        self._entry: ReaderEntry | None = None
        self._segment: Segment | None = None
        self._words = memoryview(b"")
        self._capacity = 0
        self._frames: FrameSlots | None = None
        self._rows: RowBuffer | None = None
        if rings.first is not None:
            self._attach(rings.first, request)
        rings.first = None

    @property
    def spec(self) -> StreamSpec:
        """What the frames or rows look like in the ring that is read, or was read last.

        Raises
        ------
        StreamNotFoundError
            If there was no ring yet, for a reader that follows.
        """
        return self._ring().layout.spec

    @property
    def generation(self) -> int:
        """Which one it is of the rings that have had the stream's name, one after another."""
        return int(self._ring().words[at.GENERATION])

    @property
    def created_ns(self) -> int:
        """When the ring that is read was made, on the monotonic clock; no two rings have the same time."""
        return int(self._ring().words[at.CREATED])

    @property
    def produced(self) -> int:
        """How many frames or rows were written so far into the ring that is read."""
        return int(self._ring().words[at.HEAD])

    @property
    def next_number(self) -> int:
        """Number that the producer would give its next frame, as it tells; -1 if it does not."""
        return self._ring().next_number

    @property
    def position(self) -> int:
        """Sequence number of the next frame or row that is offered, in the ring that is read."""
        return 0 if self._entry is None else self._entry.position

    def place(self) -> ReaderPlace:
        """Return where the reader is, all of one ring; any thread, also while it goes on with the next ring.

        Raises
        ------
        StreamNotFoundError
            If there was no ring yet, for a reader that follows.
        """
        entry = self._entry
        if entry is None:
            raise StreamNotFoundError(f"there has been no stream {self._rings.path.stem!r} yet")
        return ReaderPlace(entry.created_ns, entry.position, entry.produced)

    def attached(self) -> bool:
        """Return whether there is a ring to read from; False between two of them."""
        return self._entry is not None and not self._entry.closed

    def _wait(self, deadline: float | None, least: int = 1) -> None:
        """Block until there may be something; raises like `ReaderEntry.wait`, unless it follows."""
        entry = self._entry
        if entry is None or entry.closed:
            self._seek(deadline)
            return
        try:
            entry.wait(deadline, least)
        except (StreamClosedError, StreamRemovedError):
            if not self._rings.follows:
                raise
            entry.close()

    async def _wait_async(self) -> None:
        entry = self._entry
        if entry is None or entry.closed:
            import asyncio

            self._check_open()
            await asyncio.sleep(_SEEK_S)
            return
        try:
            await entry.wait_async()
        except (StreamClosedError, StreamRemovedError):
            if not self._rings.follows:
                raise
            entry.close()

    def _look(self) -> None:
        """Do what `_wait` does, as far as that needs no waiting."""
        entry = self._entry
        if entry is None or entry.closed:
            self._attach_next()
            return
        try:
            entry.check_source()
        except (StreamClosedError, StreamRemovedError):
            if not self._rings.follows:
                raise
            entry.close()

    def _seek(self, deadline: float | None) -> None:
        """Attach to the next ring of this name, if it comes soon."""
        if self._attach_next():
            return
        left = _SEEK_S if deadline is None else min(_SEEK_S, deadline - SYSTEM_CLOCK.monotonic_s())
        if left <= 0:
            raise StreamTimeoutError(
                f"there was no stream {self._rings.path.stem!r} in time: is its writer running?"
            )
        SYSTEM_CLOCK.sleep(left)

    def _attach_next(self) -> bool:
        """Attach to the ring that has the stream's name now; return False if there is no new one."""
        self._check_open()
        try:
            segment = Segment.attach(self._rings.path)
        except StreamNotFoundError:
            return False
        last = self._segment
        if segment.words[at.CLOSED] != at.OPEN:
            return False
        request = self._request._replace(since="start")
        if last is not None and self._entry is not None:
            if segment.words[at.IDENTITY] == last.words[at.IDENTITY]:
                return False
            if segment.words[at.ORIGIN] == last.words[at.ORIGIN]:
                missed = segment.words[at.BEFORE] - last.words[at.BEFORE] - last.words[at.HEAD]
                mine = self._entry
                request = request._replace(expected=mine.number, before=mine.left, missed=missed)
        self._attach(segment, request)
        return True

    def _attach(self, segment: Segment, request: AttachRequest) -> None:
        segment.bring_in()
        entry = ReaderEntry(segment, request)
        self._entry = entry
        self._segment = segment
        self._words = segment.words
        self._capacity = segment.layout.slots
        frames = isinstance(segment.layout.spec, FrameSpec)
        self._frames = FrameSlots(segment) if frames else None
        self._rows = None if frames else RowBuffer(segment)
        try:
            self._check_open()  # another thread may have closed the entry that it had until now
            if self._on_attach is not None:
                self._on_attach(self)  # type: ignore[arg-type]
        except BaseException:
            entry.close()
            raise

    def _let_go(self) -> None:
        """Keep what the ring tells, and nothing that keeps its memory in use: the reader was closed.

        Whoever still closes its entry does that instead.
        """
        if self._entry is not None and not self._entry.has_left:
            return
        self._frames = self._rows = None
        if self._segment is not None and self._entry is not None:
            self._segment = self._segment.without_memory()
            self._words = self._segment.words
            self._entry.let_go(self._segment)

    def _leave_next(self) -> None:
        """Give up the entry that it has in the next ring already, if it was to go on there."""
        entry, segment = self._entry, self._segment
        if entry is None or segment is None or not self._rings.follows or entry.is_inherited:
            return
        if segment.words[at.CLOSED] == at.SUPERSEDED:
            # the ring may be gone by now; or its lock is held, and it is as if this process had been killed
            with suppress(StreamError):
                leave_expected(Segment.attach(self._rings.path), entry.number)

    def _check_open(self) -> None:
        if self._closed:
            raise StreamError(f"this reader of {self._rings.path.stem!r} was closed")

    def _ring(self) -> Segment:
        if self._segment is None:
            raise StreamNotFoundError(f"there has been no stream {self._rings.path.stem!r} yet")
        return self._segment

    def _frame_slots(self) -> FrameSlots:
        """Return the slots of the ring; raises `BadInputError` if it holds rows."""
        if self._frames is None:
            raise BadInputError(
                f"stream {self._rings.path.stem!r} holds rows: lease_rows() or read() copies them"
            )
        return self._frames

    def _row_buffer(self) -> RowBuffer:
        """Return the rows of the ring; raises `BadInputError` if it holds frames."""
        if self._rows is None:
            raise BadInputError(f"stream {self._rings.path.stem!r} holds frames: lease() lends them")
        return self._rows
