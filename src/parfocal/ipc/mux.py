"""The requests that wait for an answer on one connection, by their ids. Pure: no sockets, no threads."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class MuxStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests: ``opened == settled + expired + open``; `late` answers came too late."""

    opened: int
    settled: int
    expired: int
    late: int
    open: int


class Mux(Generic[T]):
    """The requests that wait for an answer.

    Each is taken out exactly once: answered, expired or given up. Whatever arrives for it afterwards is
    dropped and counted as late.

    Examples
    --------
    >>> mux = Mux()
    >>> mux.open("a-1", "one"), mux.open("a-2", "two", deadline_ns=50)
    (None, None)
    >>> mux.settle("a-1"), mux.expire(now_ns=60), mux.settle("a-2")
    ('one', ['two'], None)
    >>> mux.statistics().late
    1
    """

    def __init__(self) -> None:
        self._waiting: dict[str, T] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._opened = self._settled = self._expired = self._late = 0

    def open(self, id: str, item: T, deadline_ns: int = 0) -> None:
        """Register a request under an id that nobody waits under; no deadline if 0."""
        self._waiting[id] = item
        self._opened += 1
        if deadline_ns:
            heapq.heappush(self._deadlines, (deadline_ns, id))

    def get(self, id: str) -> T | None:
        """Return the request that waits under `id`, which goes on waiting."""
        return self._waiting.get(id)

    def settle(self, id: str) -> T | None:
        """Take out the request that an answer belongs to; None, and counted, if nobody waits for it."""
        item = self._waiting.pop(id, None)
        if item is None:
            self._late += 1
        else:
            self._settled += 1
        return item

    def expire(self, now_ns: int) -> list[T]:
        """Take out all requests whose deadline has passed, the earliest first."""
        expired = []
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            _, key = heapq.heappop(self._deadlines)
            if key in self._waiting:
                expired.append(self._waiting.pop(key))
        self._expired += len(expired)
        return expired

    def next_deadline_ns(self) -> int | None:
        """Return the earliest deadline among those that wait."""
        while self._deadlines and self._deadlines[0][1] not in self._waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def drain(self) -> list[T]:
        """Take out all requests: whoever was to answer is gone."""
        items = list(self._waiting.values())
        self._waiting.clear()
        self._deadlines.clear()
        self._settled += len(items)
        return items

    def __len__(self) -> int:
        return len(self._waiting)

    def statistics(self) -> MuxStatistics:
        """Return the counts."""
        return MuxStatistics(
            opened=self._opened,
            settled=self._settled,
            expired=self._expired,
            late=self._late,
            open=len(self._waiting),
        )
