"""A lock that is granted in the order in which it was asked for."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_S = 0.01


class FairLock:
    """First come, first served; whoever waits can give up.

    A `threading.Lock` may go again and again to the thread that just gave it back: a trace that is fetched
    piece by piece would keep everybody else off the bus. Here each piece stands in the queue.

    Examples
    --------
    >>> lock = FairLock()
    >>> with lock:
    ...     lock.waiting
    0
    >>> with lock.taken(lambda: None):
    ...     lock.waiting
    0
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queue: deque[threading.Lock] = deque()
        """A place for each thread: the first one's has the lock, that of each other is locked until then."""

    @property
    def waiting(self) -> int:
        """How many threads stand in the queue."""
        return max(len(self._queue) - 1, 0)

    @contextmanager
    def taken(self, check: Callable[[], object]) -> Iterator[None]:
        """Hold the lock inside the ``with`` block.

        Parameters
        ----------
        check : callable
            Called every 10 ms while waiting; what it raises ends the wait.
        """
        self._acquire(check)
        try:
            yield
        finally:
            self._leave(self._queue[0])

    def __enter__(self) -> None:
        self._acquire(None)

    def __exit__(self, *_: object) -> None:
        self._leave(self._queue[0])

    def _acquire(self, check: Callable[[], object] | None) -> None:
        place = threading.Lock()
        with self._guard:
            if self._queue:
                place.acquire()
            self._queue.append(place)
        try:
            while not place.acquire(timeout=_LOOK_S if check else -1):
                if check:
                    check()
        except BaseException:
            self._leave(place)
            raise

    def _leave(self, place: threading.Lock) -> None:
        with self._guard:
            was_first = self._queue[0] is place
            self._queue.remove(place)
            if was_first and self._queue:
                self._queue[0].release()
