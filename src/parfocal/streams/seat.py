"""A reader's own seat: its position, its counts, its lease and its sleep."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamClosedError, StreamTimeoutError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import Ringer
from parfocal.streams.seats import read_account, read_record, sit_down, write_record
from parfocal.streams.segment import fence

if TYPE_CHECKING:
    from parfocal.streams.segment import Segment

_BACKSTOP_S = 0.5  # a writer killed between its store and its ring wakes nobody

_let_others_run = getattr(os, "sched_yield", lambda: time.sleep(0))  # Windows has no other way


class Seat:
    """One reader's place at a ring. One thread at a time.

    Attributes
    ----------
    position : int
        Sequence number of the next frame or row that it is offered.
    """

    def __init__(self, segment: Segment, name: str, policy: str) -> None:
        self._segment = segment
        self._words = segment.words
        self._wants_all = policy != "latest"
        self._number, self._bell = sit_down(segment, name, ledger.POLICIES.index(policy))
        self._base = at.seat_base(self._number)
        record = read_record(self._words, self._number)
        self.position = record.position
        self._skipped = record.skipped
        self._overrun = record.overrun
        self._sampled = record.sampled
        self._turn = self._words[self._base + at.TURN]
        self._sleeps = 0
        self._writer_bell: Ringer | None = None
        self.closed = False

    def move(self, position: int, *, skipped: int = 0, overrun: int = 0, sampled: int = 0) -> None:
        """Go on to `position`; what lies between and isn't named here was delivered."""
        words = self._words
        self.position = position
        self._skipped += skipped
        self._overrun += overrun
        self._sampled += sampled
        turn = self._turn + 1
        bank = self._base + at.BANKS[turn & 1]
        words[bank + _POSITION] = position
        words[bank + _SKIPPED] = self._skipped
        words[bank + _OVERRUN] = self._overrun
        words[bank + _SAMPLED] = self._sampled
        words[self._base + at.TURN] = self._turn = turn
        if self._wants_all:
            words[self._base + at.CURSOR] = position

    def lease(self, first: int, count: int) -> bool:
        """Hold `count` frames from `first` on; return False if the ring may have let go of one already."""
        self._words[self._base + at.PIN] = at.pack_pin(first, count)
        fence()
        return bool(self._words[at.TAIL] <= first)

    def end_lease(self) -> None:
        """Hold nothing any more."""
        self._words[self._base + at.PIN] = 0
        self._tell_writer(self.position)

    def wait(self, deadline: float | None, least: int = 1) -> None:
        """Sleep until something lies beyond the position; for up to half a second, until there is `least`.

        Raises
        ------
        StreamClosedError
            If nothing will.
        StreamTimeoutError
            If nothing did before `deadline`, on `time.monotonic`.
        """
        self._tell_writer(self.position)  # of what was passed over
        words = self._words
        waiting = self._base + at.WAITING
        wanted = self.position + least
        words[self._base + at.WANTED] = wanted
        _let_others_run()  # on a busy machine the next frame is often there then, which saves sleep and ring
        if words[at.HEAD] >= wanted:
            return
        try:
            while True:
                self._sleeps += 1
                words[waiting] = self._sleeps  # each sleep has its number, so that one ring ends it
                fence()
                ended = words[at.CLOSED]
                if words[at.HEAD] >= wanted:
                    return
                if ended:
                    if words[at.HEAD] > self.position:
                        return
                    raise StreamClosedError(self._why_ended(ended))
                left = _BACKSTOP_S if deadline is None else min(_BACKSTOP_S, deadline - time.monotonic())
                if left <= 0:
                    raise StreamTimeoutError(
                        f"nothing new came in stream {self._segment.path.stem!r} in time"
                    )
                self._bell.wait(left)
                wanted = self.position + 1  # enough has been waited for more
        finally:
            words[waiting] = 0

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy that a fork has of the seat of another process."""
        return self._bell.is_inherited

    def close(self) -> None:
        """Leave: what lies unread is counted as such. A fork only lets go of its copy. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if not self.is_inherited:
            self._leave()
        self._bell.close()
        if self._writer_bell is not None:
            self._writer_bell.close()

    def _leave(self) -> None:
        words = self._words
        words[self._base + at.PIN] = 0
        record, cursors = read_account(words, self._number)
        frozen = ledger.freeze(record, cursors)
        write_record(words, self._number, frozen._replace(phase=ledger.LEFT))
        words[self._base + at.CURSOR] = at.NEVER
        words[self._base + at.BLOCKS] = 0
        words[self._base + at.WAITING] = 0
        self._tell_writer(at.NEVER)

    def _tell_writer(self, position: int) -> None:
        """Wake the writer if it waits for this reader to be at `position`, or anywhere before."""
        fence()
        words = self._words
        if not 0 < words[at.WRITER_WAITING] <= position:
            return
        if self._writer_bell is None:
            self._writer_bell = Ringer(self._segment.bell_path("w"), words[at.WRITER_PORT])
        self._writer_bell.ring()

    def _why_ended(self, ended: int) -> str:
        name = self._segment.path.stem
        if ended == at.SUPERSEDED:
            return f"stream {name!r} was replaced by one of another kind; open it again"
        return f"stream {name!r} has ended, and everything in it was read"


_POSITION, _SKIPPED, _OVERRUN, _SAMPLED = (
    ledger.Record._fields.index(field) for field in ("position", "skipped", "overrun", "sampled")
)
