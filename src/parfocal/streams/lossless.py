"""The reader of every frame or row in order; each one that it did not get is counted with its reason."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, ReaderOverrunError, StreamTimeoutError
from parfocal.core.frames import Frame
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.attaching import AttachRequest
from parfocal.streams.doorbell import deadline_of
from parfocal.streams.reader import AttachedReader
from parfocal.streams.slots import FrameBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parfocal.streams.attaching import Since
    from parfocal.streams.following import RingLocation
    from parfocal.streams.slots import FrameSlots


class LosslessReader(AttachedReader):
    """Reads every frame or row in order, and says of each one it did not get why. Made by `Stream.lossless`.

    Parameters
    ----------
    policy : {"block", "fail", "drop"}
        What happens when it lags a whole ring behind: the writer waits for it; its next call raises
        `ReaderOverrunError`; or the lost ones are counted and it goes on with the oldest one there is.
    every, offset : int
        Take only the sequence numbers s with ``s % every == offset``; the others are counted as sampled.
    since : {"now", "newest", "start"}
        Where it begins: with the next one, the one that is there, or the oldest that is still there.
    """

    def __init__(
        self,
        rings: RingLocation,
        name: str = "",
        policy: Literal["block", "fail", "drop"] = "block",
        every: int = 1,
        offset: int = 0,
        on_attach: Callable[[LosslessReader], None] | None = None,
        since: Since = "now",
    ) -> None:
        if policy not in ("block", "fail", "drop"):
            raise BadInputError(f"policy {policy!r} is unknown; write 'block', 'fail' or 'drop'")
        if not (every >= 1 and 0 <= offset < every):
            raise BadInputError(f"every={every}, offset={offset}: needs every >= 1 and 0 <= offset < every")
        self._policy = policy
        self._every = every
        self._offset = offset
        number = ledger.POLICIES.index(policy)
        super().__init__(rings, AttachRequest(name, number, since, rings.follows), on_attach)

    def read(self, timeout_s: float | None = None, most: int | None = None) -> Any:
        """Return a copy of the next `Frame`; of a stream of rows, all there are, from one up to `most`.

        Raises
        ------
        StreamTimeoutError
            If none came within `timeout_s`; None waits for ever.
        StreamClosedError, StreamRemovedError
            If the stream has ended and everything was read.
        WriterDiedError
            Within a second of the writer's death, if everything was read and no successor writes by then.
            None of the three for a reader that follows.
        ReaderOverrunError
            With policy "fail", once for each loss; the next call goes on behind it.
        """
        if self._segment is None:
            timeout_s = self._first_ring(timeout_s)
        if self._frames is not None:
            with self.lease(timeout_s) as frame:
                return Frame(frame.data.copy(), frame.header)
        rows, first = self._hold_rows(most, timeout_s)
        wanted = rows[:: self._every]
        self._give_back(first + len(rows), len(wanted))  # without a block: as long as half of the copying
        return wanted

    def poll(self) -> Any | None:
        """Return what `read` would, or None if there is nothing now. Never waits; raises like `read`."""
        self._begin()
        try:
            if not self._available(1):
                self._look()
                return None
        finally:
            self._end()
        with contextlib.suppress(StreamTimeoutError):  # it left the ring in between
            return self.read(timeout_s=0)
        return None

    def read_many(self, most: int, timeout_s: float | None = None, least: int = 1) -> FrameBatch:
        """Return copies of the next frames, from one up to `most`. Raises like `read`; see `lease_many`."""
        with self.lease_many(most, timeout_s, least) as batch:
            return FrameBatch(batch.data.copy(), batch.headers)

    @contextlib.contextmanager
    def lease(self, timeout_s: float | None = None) -> Iterator[Frame]:
        """Lend the next frame as a read-only view, valid until the end of the block. Raises like `read`.

        The ring goes on without that slot meanwhile, whatever the policy. Afterwards the slot is filled
        anew: copy what you keep. After an exception in the block the frame counts as not delivered and is
        offered again, if the ring still holds it.
        """
        slots, first, slot, _ = self._hold(1, timeout_s, 1)
        delivered = 0
        try:
            yield Frame(slots.view(slot), slots.header(slot))
            delivered = 1
        finally:
            self._give_back(first + delivered, delivered)

    @contextlib.contextmanager
    def lease_many(self, most: int, timeout_s: float | None = None, least: int = 1) -> Iterator[FrameBatch]:
        """Lend the next frames as one read-only view (n, y, x), from one up to `most`. Raises like `read`.

        They lie side by side, so there may be fewer than are available. A reader that doesn't block may
        hold a quarter of the ring at most. With `least`, it is woken once there are so many, or after half
        a second: fewer wake-ups for the writer to give, at the price of their age. An exception in the block
        counts as with `lease`.
        """
        if most < 1:
            raise BadInputError(f"most must be at least 1, not {most}")
        slots, first, slot, count = self._hold(most, timeout_s, min(least, most))
        after, delivered = first, 0
        try:
            batch = slots.batch(slot, count, slice(None, None, self._every))
            yield batch
            after, delivered = first + count, len(batch)
        finally:
            self._give_back(after, delivered)

    @contextlib.contextmanager
    def lease_rows(self, timeout_s: float | None = None, most: int | None = None) -> Iterator[Any]:
        """Lend a copy of the next rows, of all there are or of up to `most`. Raises like `read`.

        They count as delivered at the end of the block, not before: after an exception in it they are
        offered again, and so they are to a named reader that died in it, if the ring still holds them.
        """
        rows, first = self._hold_rows(most, timeout_s)
        after, delivered = first, 0
        try:
            wanted = rows[:: self._every]
            yield wanted
            after, delivered = first + len(rows), len(wanted)
        finally:
            self._give_back(after, delivered)

    def _hold(self, most: int, timeout_s: float | None, least: int) -> tuple[FrameSlots, int, int, int]:
        """Lease the next frames: return where they lie, the first one's number and slot, and how many.

        The reader is in use until they are given back.
        """
        self._begin()
        try:
            if self._rows is not None:
                self._frame_slots()
            deadline = deadline_of(timeout_s)
            while True:
                available = self._available(least) or self._advance(deadline, least)
                slots, entry = self._frames or self._frame_slots(), self._entry
                assert entry is not None
                first = entry.position
                limit = self._capacity if self._policy == "block" else max(1, self._capacity // 4)
                count = min((most - 1) * self._every + 1, available, limit)
                if entry.lease(first, count):
                    slot, run = slots.find(first, count)
                    if self._words[at.TAIL] <= first:
                        if run < count:
                            entry.lease(first, run)
                        return slots, first, slot, run
                entry.end_lease()
        except BaseException:
            self._end()
            raise

    def _hold_rows(self, most: int | None, timeout_s: float | None) -> tuple[Any, int]:
        """Lease the next rows: return a copy, in which are unwanted ones, too, and the first one's number.

        The reader is in use until they are given back.
        """
        if most is not None and most < 1:
            raise BadInputError(f"most must be at least 1, not {most}")
        limit = at.LEASE_LIMIT if most is None else (most - 1) * self._every + 1
        self._begin()
        try:
            if self._frames is not None:
                self._row_buffer()
            deadline = deadline_of(timeout_s)
            while True:
                available = self._available(1) or self._advance(deadline, 1)
                rows, entry = self._row_buffer(), self._entry
                assert entry is not None
                first = entry.position
                count = min(limit, available, at.LEASE_LIMIT)
                if entry.lease(first, count):
                    taken = rows.copy(first, count)
                    if self._words[at.TAIL] <= first:
                        return taken, first
                entry.end_lease()
        except BaseException:
            self._end()
            raise

    def _first_ring(self, timeout_s: float | None) -> float | None:
        """Wait for the first ring, which tells frames from rows; return what is left of `timeout_s`."""
        deadline = deadline_of(timeout_s)
        self._begin()
        try:
            while self._segment is None:
                self._wait(deadline)
        finally:
            self._end()
        return None if deadline is None else max(0.0, deadline - SYSTEM_CLOCK.monotonic_s())

    def _give_back(self, after: int, delivered: int) -> None:
        """End a lease: everything before number `after` is dealt with, and `delivered` of it were wanted."""
        entry = self._entry
        assert entry is not None
        if not entry.closed:
            passed = after - entry.position
            if passed:
                entry.move(after, delivered=delivered, sampled=passed - delivered)
            entry.end_lease()
        self._end()

    def _advance(self, deadline: float | None, least: int) -> int:
        """Wait until there is something to take at the position, for up to half a second until `least`.

        Returns how much there is from it on.
        """
        while True:
            self._wait(deadline, least)
            least = 1
            if available := self._available(least):
                return available

    def _available(self, least: int) -> int:
        """Return how much there is to take at the position; 0 if less than `least`."""
        entry = self._entry
        if entry is None or entry.closed:
            return 0
        words = self._words
        tail = words[at.TAIL]
        head = words[at.HEAD]
        if tail > entry.position:
            self._count_lost(tail)
        unwanted = (self._offset - entry.position) % self._every
        if unwanted and head > entry.position:
            unwanted = min(unwanted, head - entry.position)
            entry.move(entry.position + unwanted, sampled=unwanted)
        available = int(head - entry.position)
        return available if available >= least else 0

    def _count_lost(self, tail: int) -> None:
        entry = self._entry
        assert entry is not None
        lost = tail - entry.position
        entry.move(tail, overrun=lost)
        if self._policy == "fail":
            raise ReaderOverrunError(
                f"stream {self._rings.path.stem!r}: {lost} were overwritten before this reader came; "
                f"read faster, use more slots, or choose policy 'block' or 'drop'",
                lost=lost,
            )
