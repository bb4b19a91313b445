"""One at a time, in the order of asking; whoever waits can give up."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_S = 0.01


class Turn:
    """A queue for something that serves one at a time.

    Examples
    --------
    >>> turn = Turn()
    >>> with turn.taken(lambda: None):
    ...     turn.waiting
    0
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return max(0, len(self._queue) - 1)

    @contextmanager
    def taken(self, check: Callable[[], object]) -> Iterator[None]:
        """Wait for the turn and keep it inside the ``with`` block.

        Parameters
        ----------
        check : callable
            Called every now and then while waiting; what it raises ends the wait.
        """
        place = object()
        try:
            with self._changed:
                self._queue.append(place)
                while self._queue[0] is not place:
                    self._changed.wait(_LOOK_S)
                    check()
            yield
        finally:
            with self._changed:
                self._queue.remove(place)
                self._changed.notify_all()
