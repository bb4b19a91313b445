"""A lock that is granted in the order in which it was asked for."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class FairLock:
    """First come, first served.

    A `threading.Lock` may go again and again to the thread that just gave it back: a trace that is fetched
    piece by piece would keep everybody else off the bus. Here each piece stands in the queue.

    Examples
    --------
    >>> lock = FairLock()
    >>> with lock:
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

    def __enter__(self) -> FairLock:
        with self._guard:
            if not self._held:
                self._held = True
                return self
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        try:
            turn.acquire()
        except BaseException:
            self._leave_queue(turn)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand_over()

    def _hand_over(self) -> None:
        with self._guard:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._held = False

    def _leave_queue(self, turn: threading.Lock) -> None:
        with self._guard:
            queued = turn in self._queue
            if queued:
                self._queue.remove(turn)
        if not queued:
            self._hand_over()
