"""The writer's view of its readers: which ones sleep, which ones block it, which slots they lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamTimeoutError
from parfocal.streams import layout as at
from parfocal.streams.doorbell import Doorbell, Ringer, deadline_of
from parfocal.streams.ledger import ATTACHED, DIED
from parfocal.streams.liveness import is_alive
from parfocal.streams.reader_table import give_up_if_dead, read_name, read_record
from parfocal.streams.words import fence

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.streams.segment import Segment

_LOOK_S = 0.2
_LOCK_TIMEOUT_S = 1.0


@dataclass(slots=True)
class _Reader:
    entry: int
    base: int
    ringer: Ringer
    rung: int = 0  # the sleep that it was woken from last


class AttachedReaders:
    """Readers that the writer wakes, or waits for. One thread at a time."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._words = segment.words
        self._doorbell = Doorbell(segment.doorbell_path("w"))
        self._words[at.WRITER_PORT] = self._doorbell.port
        self._readers: list[_Reader] = []
        self._registry = -1
        self._looked_s = SYSTEM_CLOCK.monotonic_s()
        self._locked_out_s: float | None = None

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy that a fork has, of what belongs to another process."""
        return self._doorbell.is_inherited

    def ring(self, upto: int) -> None:
        """Wake the readers that sleep until there is what lies below `upto`; it was stored before."""
        fence()
        words = self._words
        for reader in self._current():
            sleep = words[reader.base + at.WAITING]
            if sleep and sleep != reader.rung and words[reader.base + at.WANTED] <= upto:
                reader.rung = sleep
                if not reader.ringer.ring():
                    reader.rung = 0
                    self.look_after()

    def held_up(self, target: int) -> bool:
        """Return whether a blocking reader still wants something below sequence number `target`."""
        words = self._words
        return any(
            words[reader.base + at.CURSOR] < target and words[reader.base + at.BLOCKS]
            for reader in self._current()
        )

    def first_wanted(self, newest: int) -> int:
        """Return the lowest sequence number that a reader still wants, or that of the newest frame."""
        words = self._words
        for reader in self._current():
            newest = min(newest, words[reader.base + at.CURSOR])
        return newest

    def leases(self) -> list[tuple[int, int]]:
        """Return the ranges of sequence numbers that readers hold."""
        words = self._words
        leases = [words[reader.base + at.LEASE] for reader in self._current()]
        return [at.unpack_lease(lease) for lease in leases if lease]

    def wait_while(
        self, blocked: Callable[[], bool], timeout_s: float | None, upto: int = at.ANY_STEP
    ) -> None:
        """Sleep until a reader's step ends what `blocked` tells; the dead are given up meanwhile.

        Each reader wakes the writer once, with the step that takes it to sequence number `upto` or beyond; so
        no reader may hold the writer up from there on. With `ANY_STEP` it does so with each step.

        Raises
        ------
        StreamTimeoutError
            If it still holds after `timeout_s`; or if a dead reader can't be given up for a second, because a
            process that was stopped holds the lock that this takes.
        """
        deadline = deadline_of(timeout_s)
        self._words[at.WRITER_WAITING] = upto
        try:
            while True:
                fence()
                if not blocked():
                    return
                if self.look_after():
                    continue
                left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - SYSTEM_CLOCK.monotonic_s())
                if left <= 0:
                    name = self._segment.path.stem
                    raise StreamTimeoutError(f"readers of stream {name!r} held its writer for {timeout_s} s")
                self._doorbell.wait(left)
        finally:
            self._words[at.WRITER_WAITING] = 0

    def look_after(self) -> bool:
        """Give up readers whose process is gone, at most every 0.2 s; return whether there were any.

        Raises
        ------
        StreamTimeoutError
            If one of them can't be given up for a second.
        """
        now = SYSTEM_CLOCK.monotonic_s()
        if now - self._looked_s < _LOOK_S:
            return False
        self._looked_s = now
        try:
            with self._segment.locked(patience_s=0):
                self._locked_out_s = None
                given_up = [give_up_if_dead(self._segment, reader.entry) for reader in self._current()]
        except StreamTimeoutError:
            self._check_locked_out(now)
            return False
        return any(given_up)

    def close(self) -> None:
        """Let go of all doorbells. Idempotent."""
        for reader in self._readers:
            reader.ringer.close()
        self._readers = []
        self._doorbell.close()

    def _check_locked_out(self, now: float) -> None:
        """Raise if the lock has been another's for a second, though a dead reader has to be given up."""
        if self._locked_out_s is None:
            self._locked_out_s = now
        if now - self._locked_out_s < _LOCK_TIMEOUT_S:
            return
        records = [read_record(self._words, reader.entry) for reader in self._current()]
        if any(record.phase == ATTACHED and not is_alive(record.owner) for record in records):
            with self._segment.locked(patience_s=0):  # names the process that holds it
                self._locked_out_s = None

    def _current(self) -> list[_Reader]:
        words = self._words
        if words[at.REGISTRY] != self._registry:
            for reader in self._readers:
                reader.ringer.close()
            self._registry = words[at.REGISTRY]
            self._readers = [self._reader(entry) for entry in range(at.ENTRIES) if _minds(words, entry)]
        return self._readers

    def _reader(self, entry: int) -> _Reader:
        base = at.entry_base(entry)
        return _Reader(entry, base, Ringer(self._segment.doorbell_path(entry), self._words[base + at.PORT]))


def _minds(words: memoryview, entry: int) -> bool:
    phase = read_record(words, entry).phase
    return (
        bool(words[at.entry_base(entry) + at.BLOCKS])
        or phase == ATTACHED
        or (phase == DIED and read_name(words, entry) != "")
    )
