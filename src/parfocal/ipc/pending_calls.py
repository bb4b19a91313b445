"""Calls that were made together, or by another thread, and must have ended before somebody goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parfocal.ipc.call import Call


class PendingCalls:
    """Calls that may not have ended. Any thread.

    Whoever has something switched off at once waits for no answer; but commands that overtake others have no
    order among themselves, so what is set next has to wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of:
        self._calls: tuple[Call, ...] = ()

    def add(self, call: Call) -> None:
        """Take a call."""
        self._keep_pending(call)

    def wait(self, timeout_s: float | None = None) -> None:
        """Block until each call taken so far has ended, well or not.

        Parameters
        ----------
        timeout_s : float, optional
            For each of them; by default as long as the call itself may take.

        Raises
        ------
        DeadlineError
            If one has not ended by then.
        """
        for call in self._calls:
            call.exception(timeout_s)
        self._keep_pending()

    def _keep_pending(self, *more: Call) -> None:
        with self._lock:
            self._calls = (*(call for call in self._calls if not call.done()), *more)


def all_results(*calls: Call) -> list[Any]:
    """Wait until calls that were made together have all ended; return their results in that order.

    Raises
    ------
    CommandError
        The first of them, in that order, when none is under way any more.
    """
    for call in calls:
        call.exception()
    return [call.result() for call in calls]
