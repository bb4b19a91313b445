"""A stream as its recorder reads it: one numbering through any restart of its writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from parfocal.core.errors import StreamError, StreamNotFoundError
from parfocal.core.frames import FrameSpec
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from parfocal.core.status import StreamStatus
    from parfocal.streams import LosslessReader, Stream
    from parfocal.streams.following import ReaderPlace

Policy = Literal["block", "drop", "fail"]
"""When the disk is slower than a stream: its writer waits; or what was missed is counted as lost; or the
recording of that stream ends there."""

FIND_S = 1.0
_RING_SHARE = 4
"""A reader that doesn't block may hold this part of a ring, and it leaves time for a slow disk."""


class RingPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ring of a stream lies in the numbers of the run.

    Attributes
    ----------
    created_ns : int
        When the ring was made: tells it from a later one of the same name.
    base : int
        How many frames or rows came before its first one, in rings of which the run knows.
    ring : int
        Which ring of the run it is, from 1.
    """

    created_ns: int
    base: int = 0
    ring: int = 1


class RingTotal(NamedTuple):
    """What a ring told when it was looked at last: how many it holds, and the number that comes next."""

    produced: int
    next_number: int


class LentBatch(NamedTuple):
    """Frames or rows on loan: `sequence` is the number of the first; `is_all` if there are no more now."""

    items: Any
    sequence: int
    is_all: bool


class Source:
    """Reads a stream in order, through any restart of its writer: each next ring from its first frame on.

    One thread at a time, but for `produced`, `next_number` and `status`: these go on after `close`, and until
    `let_go` keep the memory of the newest ring in use.

    Parameters
    ----------
    folder : Path
        Of the rig's streams.
    stream : Stream
        To begin with.
    policy : "block", "drop" or "fail"
        What happens when the disk is slower.
    reader : str
        Name of the reader, under which a successor of this process comes back.
    place : RingPlace, optional
        Of the stream's ring, for such a successor.

    Attributes
    ----------
    name : str
        Of the stream.
    spec : FrameSpec or RowSpec
        What it held when the run began; something else ends its recording.
    slots : int
        How many frames or rows its ring holds back.
    """

    def __init__(
        self, folder: Path, stream: Stream, policy: Policy, reader: str, place: RingPlace | None = None
    ) -> None:
        self.name = stream.name
        self.spec = stream.spec
        self._folder = folder
        before = stream.produced, stream.next_number
        self._reader: LosslessReader = stream.lossless(policy, name=reader, follow=True)
        self._found: Stream | None = stream
        self._totals: dict[int, RingTotal] = {}  # of rings that have ended, by when they were made
        self._is_over = False
        self._noticing = threading.Lock()
        self._place = place or RingPlace(created_ns=stream.created_ns)
        self._seen = self._reader.position
        exact = before[0] == self._reader.position
        self.first_number = before[1] if exact else -1
        self.slots = stream.status().slots
        self.batch = max(1, self.slots // _RING_SHARE)

    @property
    def place(self) -> RingPlace:
        """Which ring is read, or was read last."""
        return self._place

    @property
    def position(self) -> int:
        """Number of the next frame or row; goes on through all rings."""
        ring, reader = self._look()
        return ring.base + reader.position

    @property
    def produced(self) -> int:
        """How many there are by now, in the same numbers."""
        ring, reader = self._look()
        return ring.base + sum(self._produced_by_ring(reader, self._newest()).values())

    @property
    def newest_place(self) -> RingPlace:
        """Which ring there is now, though nothing of it may have been read yet."""
        ring, reader = self._look()
        newest = self._newest()
        if newest is None or newest.created_ns == ring.created_ns:
            return ring
        made_ns, produced = newest.created_ns, self._produced_by_ring(reader, newest)
        base = ring.base + sum(number for before_ns, number in produced.items() if before_ns < made_ns)
        return RingPlace(created_ns=made_ns, base=base, ring=ring.ring + 1)

    @property
    def next_number(self) -> int:
        """Number that the producer would give its next frame, as it tells; -1 if it does not, and of rows."""
        newest = self._newest()
        if newest is not None:
            return newest.next_number
        last_ns = max(tuple(self._totals), default=None)
        return self._reader.next_number if last_ns is None else self._totals[last_ns].next_number

    def renumber(self, following: int) -> None:
        """Have the next frame or row be number `following`: for a run that goes on after it had ended."""
        ring, reader = self._look()
        base = following - reader.position
        self._place = msgspec.structs.replace(ring, base=base)

    @contextmanager
    def lease(self, most: int, timeout_s: float) -> Iterator[LentBatch]:
        """Lend the next ones, up to `most`, for the length of the block.

        Raises
        ------
        StreamTimeoutError
            If none came within `timeout_s`.
        ReaderOverrunError
            With the policy "fail", if some were lost.
        StreamError
            If the stream holds something else by now.
        """
        self._look()
        if isinstance(self.spec, FrameSpec):
            with self._reader.lease_many(most, timeout_s) as batch:
                yield self._lent(batch)
        else:
            with self._reader.lease_rows(timeout_s, most) as rows:
                yield self._lent(rows)

    def status(self) -> StreamStatus | None:
        """Return the newest ring and its readers; None if there is none."""
        newest = self._newest()
        return None if newest is None else newest.status()

    def close(self) -> None:
        """Leave the stream. Idempotent."""
        self._reader.close()

    def let_go(self) -> None:
        """Leave the stream, and keep nothing of it in use, but what it tells now. Idempotent."""
        self.close()
        self._is_over = True
        self._note(self._newest())
        self._found = None

    def _lent(self, items: Any) -> LentBatch:
        sequence = self.position
        if self._reader.spec != self.spec:
            raise StreamError(
                f"stream {self.name!r} holds something else since its writer was started again: "
                f"{self._reader.spec} instead of {self.spec}; start another run"
            )
        return LentBatch(items, sequence, self._reader.position + len(items) >= self._reader.produced)

    def _look(self) -> tuple[RingPlace, ReaderPlace]:
        """Return which ring is read and where its reader is, of one moment.

        The next ring goes on counting where the last one ended.
        """
        with self._noticing:
            reader = self._reader.place()
            if reader.created_ns != self._place.created_ns:
                base, ring = self._place.base + self._seen, self._place.ring + 1
                self._place = RingPlace(created_ns=reader.created_ns, base=base, ring=ring)
            self._seen = reader.position
            return self._place, reader

    def _newest(self) -> Stream | None:
        """Return the ring that has the name now; None if there is none."""
        newest = self._found
        if newest is None or newest.ended():
            self._note(newest)
            try:
                newest = open_stream(self._folder, self.name)
            except StreamNotFoundError:
                newest = None
            self._found = None if self._is_over else newest
        return newest

    def _note(self, ring: Stream | None) -> None:
        """Keep what a ring tells: nobody may ask it later."""
        if ring is not None:
            self._totals[ring.created_ns] = RingTotal(ring.produced, ring.next_number)

    def _produced_by_ring(self, reader: ReaderPlace, newest: Stream | None) -> dict[int, int]:
        """Return how many there are in the ring of the reader and in each later one, by when they were made.

        A reader that was closed knows no more of its ring than when it was.
        """
        here_ns = reader.created_ns
        produced = {
            made_ns: total.produced for made_ns, total in tuple(self._totals.items()) if made_ns >= here_ns
        }
        if newest is not None and newest.created_ns >= here_ns:
            produced[newest.created_ns] = newest.produced
        return {**produced, here_ns: max(reader.produced, produced.get(here_ns, 0))}
