"""What a panel has done in a thread because it may take long: files that are read and written, imports."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from parfocal.core.reminder import Reminder

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class BackgroundResult(Generic[T]):
    """What became of something that was done in a thread.

    Attributes
    ----------
    value : Any
        What it returned; None if it raised.
    error : str
        What it raised, in words; "" if it did not.
    """

    def __init__(self, value: T | None, error: str = "") -> None:
        self.value, self.error = value, error


class BackgroundWork:
    """Does one thing after the other in a thread; what became of each is told in the thread of the window.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the background work of {name}")

    def do(self, act: Callable[[], T], then: Callable[[BackgroundResult[T]], object]) -> None:
        """Have `act` called in the thread, and `then` with what became of it by `deliver`. Never waits."""

        def order() -> None:
            try:
                result = BackgroundResult(act())
            except Exception as error:  # noqa: BLE001 - the border of a thread: told in the window, and logged
                _LOG.debug("background work failed", exc_info=True)
                result = BackgroundResult(None, str(error) or type(error).__name__)
            self._done.put(lambda: then(result))

        self._orders.put(order)

    def deliver(self) -> None:
        """Tell of what was done, in the thread of the window."""
        while not self._done.empty():
            self._done.get()()

    def close(self) -> None:
        """Take no more orders; one in hand goes on. Idempotent; never waits."""
        self._reminder.cancel()
        self._orders.put(None)

    def _follow(self) -> None:
        while (order := self._orders.get()) is not None:
            order()
