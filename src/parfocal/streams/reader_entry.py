"""A reader's own entry in one ring: its position, its counts, its lease and its sleep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamClosedError, StreamError, StreamTimeoutError, WriterDiedError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.attaching import AttachRequest, attach
from parfocal.streams.doorbell import Ringer
from parfocal.streams.reader_table import read_account, read_record, write_record
from parfocal.streams.words import fence

if TYPE_CHECKING:
    from parfocal.streams.segment import Segment

_BACKSTOP_S = 0.5  # a writer killed between its store and its ring wakes nobody
_LOOK_S = 0.25

_let_others_run = getattr(os, "sched_yield", lambda: SYSTEM_CLOCK.sleep(0))  # Windows has no other way


class ReaderEntry:
    """One reader's place at a ring. One thread at a time.

    Attributes
    ----------
    number : int
        Which entry it is.
    position : int
        Sequence number of the next frame or row that it is offered.
    closed, has_left : bool
        Whether it leaves, and whether it has: then it uses the ring no more.
    left : Record or None
        The account with which it left.
    """

    def __init__(self, segment: Segment, request: AttachRequest) -> None:
        self._segment = segment
        self._words = segment.words
        self._wants_all = request.policy != ledger.LATEST
        self._follows = request.follows
        self.number, self._doorbell = attach(segment, request)
        self._base = at.entry_base(self.number)
        record = read_record(self._words, self.number)
        self.position = self._told = record.position
        self._delivered = record.delivered
        self._skipped = record.skipped
        self._overrun = record.overrun
        self._sampled = record.sampled
        self._version = self._words[self._base + at.ACCOUNT_VERSION]
        self._sleeps = 0
        self._looked_s = 0.0
        self._writer_doorbell: Ringer | None = None
        self.closed = self.has_left = False
        self.left: ledger.Record | None = None

    @property
    def created_ns(self) -> int:
        """When its ring was made."""
        return int(self._words[at.CREATED])

    @property
    def produced(self) -> int:
        """How many frames or rows were written into its ring."""
        return int(self._words[at.HEAD])

    def move(
        self, position: int, *, delivered: int = 0, skipped: int = 0, overrun: int = 0, sampled: int = 0
    ) -> None:
        """Go on to `position`, and count what became of what lies between."""
        words = self._words
        self.position = position
        self._delivered += delivered
        self._skipped += skipped
        self._overrun += overrun
        self._sampled += sampled
        version = self._version + 1
        first = self._base + at.ACCOUNT_BUFFERS[version & 1] + _POSITION
        words[first] = position
        words[first + 1] = self._delivered
        words[first + 2] = self._skipped
        words[first + 3] = self._overrun
        words[first + 4] = self._sampled
        words[self._base + at.ACCOUNT_VERSION] = self._version = version
        if self._wants_all:
            words[self._base + at.CURSOR] = position

    def lease(self, first: int, count: int) -> bool:
        """Hold `count` frames from `first` on; return False if the ring may have let go of one already."""
        self._words[self._base + at.LEASE] = at.pack_lease(first, count)
        fence()
        return bool(self._words[at.TAIL] <= first)

    def end_lease(self) -> None:
        """Hold nothing any more."""
        self._words[self._base + at.LEASE] = 0
        self.notify_writer(self.position)

    def wait(self, deadline: float | None, least: int = 1) -> None:
        """Sleep until something lies beyond the position; for up to half a second, until there is `least`.

        Raises
        ------
        StreamClosedError, StreamRemovedError
            If nothing will.
        WriterDiedError
            If nothing will before another process takes over; a reader that follows goes on waiting.
        StreamTimeoutError
            If nothing did before `deadline`, in seconds of the clock.
        """
        self.notify_writer(self.position)  # of what was passed over
        words = self._words
        wanted = self.position + least
        words[self._base + at.WANTED] = wanted
        _let_others_run()  # on a busy machine the next frame is often there then, which saves sleep and ring
        if words[at.HEAD] >= wanted:
            return
        try:
            while self.must_sleep(least):
                left = (
                    _BACKSTOP_S
                    if deadline is None
                    else min(_BACKSTOP_S, deadline - SYSTEM_CLOCK.monotonic_s())
                )
                if left <= 0:
                    name = self._segment.path.stem
                    raise StreamTimeoutError(f"nothing new came in stream {name!r} in time")
                try:
                    self._doorbell.wait(left)
                except OSError:
                    if not self.closed:
                        raise
                    return  # another thread has closed this reader, and its doorbell, meanwhile
                least = 1  # enough has been waited for more
        finally:
            if not self.closed:
                words[self._base + at.WAITING] = 0

    async def wait_async(self) -> None:
        """Wait as `wait` does, for half a second at most, without holding up the event loop."""
        self.notify_writer(self.position)
        try:
            if self.must_sleep(1):
                await self._doorbell.wait_async(_BACKSTOP_S)
        finally:
            if not self.closed:
                self._words[self._base + at.WAITING] = 0

    def must_sleep(self, least: int) -> bool:
        """Ask to be woken once there are `least`; return False if there is something already.

        Raises like `wait`. Each sleep has its number, so that one ring ends it.
        """
        if self.closed:
            raise StreamError(f"this reader of {self._segment.path.stem!r} was closed while it waited")
        words = self._words
        words[self._base + at.WANTED] = self.position + least
        self._sleeps += 1
        words[self._base + at.WAITING] = self._sleeps
        fence()
        ended = words[at.CLOSED]
        available = words[at.HEAD] - self.position
        if available >= least or (ended and available > 0):
            return False
        if ended:
            raise StreamClosedError(self._why_ended(ended))
        self._look_at_writer()
        return True

    def check_source(self) -> None:
        """Raise like `wait` if nothing lies beyond the position and nothing will. Never blocks."""
        words = self._words
        ended = words[at.CLOSED]
        if words[at.HEAD] > self.position:
            return
        if ended:
            raise StreamClosedError(self._why_ended(ended))
        self._look_at_writer()

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy that a fork has of the entry of another process."""
        return self._doorbell.is_inherited

    def close(self) -> None:
        """Leave: what lies unread is counted as such. A fork only lets go of its copy. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if not self.is_inherited:
            self._leave()
        self._doorbell.close()
        if self._writer_doorbell is not None:
            self._writer_doorbell.close()
        self.has_left = True

    def let_go(self, told: Segment) -> None:
        """Go by what its ring told when it had left: it uses the ring's memory no more."""
        self._segment, self._words = told, told.words

    def notify_writer(self, position: int) -> None:
        """Wake the writer if it waits for this step: from where it was told of last to `position`."""
        fence()
        words = self._words
        wanted = words[at.WRITER_WAITING]
        told, self._told = self._told, position
        if wanted != at.ANY_STEP and not told < wanted <= position:
            return
        if self._writer_doorbell is None:
            self._writer_doorbell = Ringer(self._segment.doorbell_path("w"), words[at.WRITER_PORT])
        if not self._writer_doorbell.ring():
            self._told = told

    def _leave(self) -> None:
        words = self._words
        words[self._base + at.LEASE] = 0
        record, cursors = read_account(words, self.number)
        frozen = ledger.freeze(record, cursors)
        self.left = frozen._replace(phase=ledger.LEFT)
        write_record(words, self.number, self.left)
        words[self._base + at.CURSOR] = at.NEVER
        words[self._base + at.BLOCKS] = 0
        words[self._base + at.WAITING] = 0
        self.notify_writer(at.NEVER)

    def _look_at_writer(self) -> None:
        """Four times a second, while nothing comes, see whether something still can. Raises like `wait`."""
        now = SYSTEM_CLOCK.monotonic_s()
        if now - self._looked_s < _LOOK_S:
            return
        self._looked_s = now
        self._segment.check_current()
        if self._follows or self._segment.writer_alive():
            return
        words = self._words
        if words[at.HEAD] <= self.position and words[at.CLOSED] == at.OPEN:
            pid = self._segment.writer().pid
            name = self._segment.path.stem
            raise WriterDiedError(
                f"process {pid}, which wrote stream {name!r}, has ended without closing it; all that it "
                "published was read; a reader with follow=True waits for its successor"
            )

    def _why_ended(self, ended: int) -> str:
        name = self._segment.path.stem
        if ended == at.SUPERSEDED:
            return f"stream {name!r} was replaced by one of another kind; open it again, or follow it"
        return f"stream {name!r} has ended, and everything in it was read"


_POSITION = ledger.Record._fields.index("position")
