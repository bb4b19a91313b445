"""What a panel has done in a thread because it may take long: files that are read and written, imports."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from parfocal.core.reminder import Reminder

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_Orders: TypeAlias = "queue.SimpleQueue[tuple[int, Callable[[], Any]] | None]"
_Done: TypeAlias = "queue.SimpleQueue[tuple[int, BackgroundResult[Any]]]"


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
        self._orders: _Orders = queue.SimpleQueue()
        self._done: _Done = queue.SimpleQueue()
        self._waiting: dict[int, Callable[[BackgroundResult[Any]], object]] = {}
        self._count = 0
        arguments = self._orders, self._done
        threading.Thread(target=_follow, args=arguments, name=name, daemon=True).start()
        self._reminder = Reminder(self, f"the background work of {name}")

    def do(self, act: Callable[[], T], then: Callable[[BackgroundResult[T]], object]) -> None:
        """Have `act` called in the thread, and `then` with what became of it by `deliver`. Never waits.

        `act` must hold no widget: who drops the last reference to one deletes it, and the thread drops `act`.
        """
        self._count += 1
        self._waiting[self._count] = then
        self._orders.put((self._count, act))

    def deliver(self) -> None:
        """Tell of what was done, in the thread of the window."""
        while not self._done.empty():
            number, result = self._done.get()
            if (then := self._waiting.pop(number, None)) is not None:
                then(result)

    def close(self) -> None:
        """Take no more orders; one in hand goes on, and is told to nobody. Idempotent; never waits."""
        self._reminder.cancel()
        self._waiting.clear()
        self._orders.put(None)


def _follow(orders: _Orders, done: _Done) -> None:
    while (order := orders.get()) is not None:
        number, act = order
        try:
            result = BackgroundResult(act())
        except Exception as error:  # noqa: BLE001 - the border of a thread: told in the window, and logged
            _LOG.debug("background work failed", exc_info=True)
            result = BackgroundResult(None, str(error) or type(error).__name__)
        done.put((number, result))
        del order, act, result  # nothing is held while the next one is waited for
