"""How a store is fed from a reader: what makes a good bite, and how it is taken."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from parfocal.core.errors import StreamClosedError, StreamTimeoutError

if TYPE_CHECKING:
    from parfocal.storage.frames import FrameStore
    from parfocal.storage.outcome import Count
    from parfocal.storage.tables import RowStore
    from parfocal.streams import LosslessReader, Stream


class Intake(Protocol):
    """A store behind a reader. One thread at a time.

    Attributes
    ----------
    patience_s : float
        What is there is taken after so long, even if it is less than a good bite.
    """

    patience_s: float

    @property
    def renumbered(self) -> int:
        """How often the camera began to count anew."""
        ...

    @property
    def bite(self) -> int:
        """How many frames or rows should be taken at once, if there are so many."""
        ...

    def take(self, reader: LosslessReader, until: int, timeout_s: float) -> None:
        """Store the next ones, but none from number `until` on. Raises what reading and storing raise."""
        ...

    def count(self, end: int) -> Count:
        """Return what is stored of all that the run should hold if it ends before number `end`."""
        ...

    def tend(self) -> None:
        """Do what is due without new data."""
        ...

    def close(self) -> None:
        """Bring everything to stable storage."""
        ...

    def abandon(self) -> None:
        """Let go of the files as they are, after an error."""
        ...


class FrameIntake:
    """Feeds an image: whole shards, straight from the ring, which keeps the frames until they are written."""

    patience_s = 0.5

    def __init__(self, store: FrameStore, stream: Stream) -> None:
        self.store = store
        self._stream = stream

    @property
    def renumbered(self) -> int:
        """How often the camera began to count anew."""
        return self.store.numbering.renumbered

    @property
    def bite(self) -> int:
        """How many frames fill the shard at the end."""
        return self.store.room

    def take(self, reader: LosslessReader, until: int, timeout_s: float) -> None:
        """Store what the shard has room for.

        Frames that lie scattered in the ring come in several leases; they are copied, so that their shard is
        written once and not with each of them. A process that is killed meanwhile has lost them.
        """
        wanted = max(1, min(self.bite, until - reader.position))
        taken = self._lend(reader, until, wanted, timeout_s)
        with suppress(StreamTimeoutError, StreamClosedError):
            while taken < wanted and reader.position < until:
                taken += self._lend(reader, until, wanted - taken, 0)
        self.store.flush()

    def count(self, end: int) -> Count:
        """Return the count, with the frames that the camera lost by its own numbers."""
        return self.store.count(end)

    def tend(self) -> None:
        """Nothing is due."""

    def close(self) -> None:
        """Bring everything to stable storage."""
        self.store.close()

    def abandon(self) -> None:
        """Let go of the files as they are."""
        self.store.abandon()

    def _lend(self, reader: LosslessReader, until: int, wanted: int, timeout_s: float) -> int:
        with reader.lease_many(wanted, timeout_s) as batch:
            mine = batch[: max(0, until - reader.position)]
            is_all = len(batch) == wanted or reader.position + len(batch) == self._stream.produced
            give = self.store.append if is_all else self.store.hold
            give(mine, reader.position)
        return len(batch)


class RowIntake:
    """Feeds a table, a few times a second."""

    patience_s = 0.05
    renumbered = 0

    def __init__(self, store: RowStore, bite: int) -> None:
        self.store = store
        self._bite = bite

    @property
    def bite(self) -> int:
        """So many rows that the ring is in no danger."""
        return self._bite

    def take(self, reader: LosslessReader, until: int, timeout_s: float) -> None:
        """Store all rows there are. A process that is killed meanwhile finds them in the ring again."""
        with reader.lease_rows(timeout_s) as rows:
            self.store.append(rows[: max(0, until - reader.position)], reader.position)

    def count(self, end: int) -> Count:
        """Return the count."""
        return self.store.count(end)

    def tend(self) -> None:
        """Close a part that is old."""
        self.store.rotate_if_due()

    def close(self) -> None:
        """Bring everything to stable storage."""
        self.store.close()

    def abandon(self) -> None:
        """Let go of the files as they are."""
        self.store.abandon()
