"""The writer's view of its readers: whom to wake, who holds it up, who leases what."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamTimeoutError
from parfocal.streams import layout as at
from parfocal.streams.doorbell import Bell, Ringer
from parfocal.streams.ledger import ATTACHED, DIED
from parfocal.streams.seats import give_up_if_dead, read_name, read_record
from parfocal.streams.segment import fence

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.streams.segment import Segment

_LOOK_S = 0.2


@dataclass(slots=True)
class _Guest:
    seat: int
    base: int
    ringer: Ringer
    rung: int = 0  # the sleep that it was woken from last


class Roster:
    """Readers that the writer has to mind. One thread at a time."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._words = segment.words
        self._bell = Bell(segment.bell_path("w"))
        self._words[at.WRITER_PORT] = self._bell.port
        self._guests: list[_Guest] = []
        self._registry = -1
        self._looked = time.monotonic()

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy that a fork has of the roster of another process."""
        return self._bell.is_inherited

    def ring(self, upto: int) -> None:
        """Wake the readers that sleep until there is what lies below `upto`; it was stored before."""
        fence()
        words = self._words
        for guest in self._current():
            sleep = words[guest.base + at.WAITING]
            if sleep and sleep != guest.rung and words[guest.base + at.WANTED] <= upto:
                guest.rung = sleep
                if not guest.ringer.ring():
                    guest.rung = 0
                    self.look_after()

    def held_up(self, target: int) -> bool:
        """Return whether a blocking reader still wants something below sequence number `target`."""
        words = self._words
        return any(
            words[guest.base + at.CURSOR] < target and words[guest.base + at.BLOCKS]
            for guest in self._current()
        )

    def first_wanted(self, newest: int) -> int:
        """Return the lowest sequence number that a reader still wants, or that of the newest frame."""
        words = self._words
        for guest in self._current():
            newest = min(newest, words[guest.base + at.CURSOR])
        return newest

    def leases(self) -> list[tuple[int, int]]:
        """Return the ranges of sequence numbers that readers hold."""
        words = self._words
        pins = [words[guest.base + at.PIN] for guest in self._current()]
        return [at.unpack_pin(pin) for pin in pins if pin]

    def wait_while(self, blocked: Callable[[], bool], timeout_s: float | None, upto: int = 1) -> None:
        """Sleep until a reader's step ends what `blocked` tells; the dead are given up meanwhile.

        Readers wake the writer only with steps to or beyond sequence number `upto`.

        Raises
        ------
        StreamTimeoutError
            If it still holds after `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._words[at.WRITER_WAITING] = upto
        try:
            while True:
                fence()
                if not blocked():
                    return
                if self.look_after():
                    continue
                left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
                if left <= 0:
                    name = self._segment.path.stem
                    raise StreamTimeoutError(f"readers of stream {name!r} held its writer for {timeout_s} s")
                self._bell.wait(left)
        finally:
            self._words[at.WRITER_WAITING] = 0

    def look_after(self) -> bool:
        """Give up readers whose process is gone, at most every 0.2 s; return whether there were any."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return False
        self._looked = now
        given_up = False
        with contextlib.suppress(StreamTimeoutError), self._segment.locked(patience_s=0):
            for guest in self._current():
                given_up |= give_up_if_dead(self._segment, guest.seat)
        return given_up

    def close(self) -> None:
        """Let go of all bells. Idempotent."""
        for guest in self._guests:
            guest.ringer.close()
        self._guests = []
        self._bell.close()

    def _current(self) -> list[_Guest]:
        words = self._words
        if words[at.REGISTRY] != self._registry:
            for guest in self._guests:
                guest.ringer.close()
            self._registry = words[at.REGISTRY]
            seats = [seat for seat in range(at.SEATS) if _minds(words, seat)]
            self._guests = [self._guest(seat) for seat in seats]
        return self._guests

    def _guest(self, seat: int) -> _Guest:
        base = at.seat_base(seat)
        return _Guest(seat, base, Ringer(self._segment.bell_path(seat), self._words[base + at.PORT]))


def _minds(words: memoryview, seat: int) -> bool:
    phase = read_record(words, seat).phase
    return (
        bool(words[at.seat_base(seat) + at.BLOCKS])
        or phase == ATTACHED
        or (phase == DIED and read_name(words, seat) != "")
    )
