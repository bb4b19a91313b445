"""Which slots the writer may overwrite, and when.

A frame leaves the ring in two steps. The tail passes it, so that no reader takes it any more; then its slot
is free, unless a reader still holds a lease on it: that slot is retired while the writer goes on with others.
So a view is never overwritten, and a slow reader never holds the writer up unless its policy is "block".
"""

from __future__ import annotations

import contextlib
import heapq
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamTimeoutError
from parfocal.streams import layout as at
from parfocal.streams.words import fence

if TYPE_CHECKING:
    from parfocal.streams.attached import AttachedReaders
    from parfocal.streams.segment import Segment


_WARM_BYTES = 8 << 20
_WARM_SLOTS = 2
_MOMENT_S = 0.001


def pass_tail(words: memoryview, readers: AttachedReaders, target: int, timeout_s: float | None) -> None:
    """Let everything below sequence number `target` leave the ring, once no blocking reader wants it.

    The intent is announced first: a reader that attaches at this moment either sees it or is seen.
    """
    if target <= words[at.TAIL]:
        return
    if words[at.INTENT] < target:
        words[at.INTENT] = target
        fence()
    if readers.held_up(target):
        readers.wait_while(lambda: readers.held_up(target), timeout_s, target)
    words[at.TAIL] = target
    fence()


class SlotPool:
    """Slots for frames: which ones are free, and which ones wait for the end of a lease.

    The free slot with the lowest number is the one that is taken, so as long as the readers keep up, the same
    few are used over and over, and the caches hold them; the others are the reserve for readers that lag.
    """

    def __init__(self, segment: Segment, readers: AttachedReaders) -> None:
        self._words = segment.words
        self._readers = readers
        self._slots = segment.layout.slots
        self._index = segment.layout.index // 8
        self._sequences = segment.layout.headers // 8
        self._warm_slots = max(_WARM_SLOTS, _WARM_BYTES // segment.layout.stride)
        self._free: list[int] = []  # a heap
        self._rested_at = -1
        used = {self._slot_of(sequence) for sequence in range(self._words[at.TAIL], self._words[at.HEAD])}
        self._retired = [slot for slot in range(self._slots) if slot not in used]
        self._sort_retired()

    def claim(self, most: int, timeout_s: float | None) -> tuple[int, int]:
        """Return a free slot, and how many from there on are free, too, up to `most`."""
        if self._retired:
            self._readers.look_after()
            self._sort_retired()
        if not self._is_warm():
            self._let_go_of_read()
            if not self._is_warm():
                self._rest(timeout_s)
            if not self._free:
                self._make_room(most, timeout_s)
        first = heapq.heappop(self._free)
        count = 1
        while count < most and self._free and self._free[0] == first + count:
            heapq.heappop(self._free)
            count += 1
        return first, count

    def give_back(self, first: int, count: int) -> None:
        """Take slots back that were claimed and not committed."""
        self._retired += range(first, first + count)
        self._sort_retired()

    def _is_warm(self) -> bool:
        return bool(self._free) and self._free[0] < self._warm_slots

    def _let_go_of_read(self) -> None:
        """Let everything leave the ring that all readers have passed, except for the newest frame."""
        target = self._readers.first_wanted(self._words[at.HEAD] - 1)
        if target > self._words[at.TAIL]:
            self._let_go(target, None)

    def _rest(self, timeout_s: float | None) -> None:
        """Leave blocking readers that are at work a moment, rather than take memory that no cache holds."""
        words = self._words
        tail = words[at.TAIL]
        wanted = min(tail + max(1, self._warm_slots // 2), words[at.HEAD] - 1)
        if tail == self._rested_at or not self._readers.held_up(wanted):
            return
        self._rested_at = tail  # a reader that gets no further meanwhile is not waited for again
        with contextlib.suppress(StreamTimeoutError):
            moment_s = _MOMENT_S if timeout_s is None else min(_MOMENT_S, timeout_s)
            self._readers.wait_while(lambda: self._readers.held_up(wanted), moment_s, wanted)
        self._let_go_of_read()

    def _make_room(self, most: int, timeout_s: float | None) -> None:
        """Let the oldest leave the ring, though a reader may want them, until a slot is free."""
        words = self._words
        self._readers.look_after()
        while not self._free:
            target = min(words[at.TAIL] + max(1, min(most, self._slots // 2)), words[at.HEAD])
            if target == words[at.TAIL]:
                self._readers.wait_while(self._all_leased, timeout_s)
            else:
                self._let_go(target, timeout_s)

    def _let_go(self, target: int, timeout_s: float | None) -> None:
        tail = self._words[at.TAIL]
        pass_tail(self._words, self._readers, target, timeout_s)
        self._retired += [self._slot_of(sequence) for sequence in range(tail, target)]
        self._sort_retired()

    def _all_leased(self) -> bool:
        self._sort_retired()
        return not self._free

    def _sort_retired(self) -> None:
        leases = self._readers.leases()
        waiting: list[int] = []
        for slot in self._retired:
            if leases and self._is_leased(slot, leases):
                waiting.append(slot)
            else:
                heapq.heappush(self._free, slot)
        self._retired = waiting

    def _is_leased(self, slot: int, leases: list[tuple[int, int]]) -> bool:
        sequence = self._words[self._sequences + slot * at.SLOT_WORDS]
        return any(first <= sequence < after for first, after in leases)

    def _slot_of(self, sequence: int) -> int:
        return int(self._words[self._index + sequence % self._slots])
