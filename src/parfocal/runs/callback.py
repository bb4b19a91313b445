"""Calls a function of somebody else's in a thread of its own, so that it can delay and break nobody."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class CallbackThread(Generic[T]):
    """Calls a function with each value that is put, in order, one at a time.

    The thread begins with the first value, and is a daemon. A function that raises is logged and not called
    again. One that is slow delays nobody else: values wait for it, and beyond `most` the oldest are left out.

    Parameters
    ----------
    function : callable
        Called with one value.
    name : str
        Of the thread, and in the log.
    most : int
        How many values may wait; 1 for who wants the latest alone.

    Attributes
    ----------
    dropped : bool
        Whether the function raised.
    left_out : int
        How many values it was too slow for.
    """

    def __init__(self, function: Callable[[T], object], name: str, most: int = 1000) -> None:
        self.function = function
        self.dropped = False
        self.left_out = 0
        self._name = name
        self._waiting: deque[T] = deque()
        self._most = most
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, value: T) -> None:
        """Have the function called with `value`. Any thread; never waits for the function."""
        with self._changed:
            if self._closed or self.dropped:
                return
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self.left_out += 1
            self._waiting.append(value)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self, *, finish: bool = False) -> None:
        """Call the function no more, or only with what waits already if `finish`. Idempotent; never waits."""
        with self._changed:
            self._closed = True
            if not finish:
                self._waiting.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                value = self._waiting.popleft()
            try:
                self.function(value)
            except Exception:  # noqa: BLE001 - the border of a callback
                _LOG.exception("%s failed and is not called again", self._name)
                with self._changed:
                    self.dropped = True
                    self._waiting.clear()
                return
