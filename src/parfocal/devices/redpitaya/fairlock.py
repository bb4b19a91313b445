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
        self._held = False
        self._queue: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many threads stand in the queue."""
        return len(self._queue)

    def acquire(self, check: Callable[[], object] | None = None) -> None:
        """Wait for the lock.

        Parameters
        ----------
        check : callable, optional
            Called every 10 ms while waiting; what it raises ends the wait.
        """
        with self._guard:
            if not self._held:
                self._held = True
                return
            place = threading.Lock()
            place.acquire()
            self._queue.append(place)
        try:
            if check is None:
                place.acquire()
            else:
                while not place.acquire(timeout=_LOOK_S):
                    check()
        except BaseException:
            self._leave_queue(place)
            raise

    def release(self) -> None:
        """Hand the lock to the thread that has waited longest."""
        with self._guard:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._held = False

    @contextmanager
    def taken(self, check: Callable[[], object]) -> Iterator[None]:
        """Hold the lock inside the ``with`` block; `check` as in `acquire`."""
        self.acquire(check)
        try:
            yield
        finally:
            self.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _leave_queue(self, place: threading.Lock) -> None:
        with self._guard:
            queued = place in self._queue
            if queued:
                self._queue.remove(place)
        if not queued:
            self.release()
