"""Where a thread waits for its call, or to become the one that receives for all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.ipc.call import Call


class Gate:
    """Shut when made; opened once. A bare lock, because it is made for every call that waits.

    Attributes
    ----------
    call : Call
        What the thread waits for.
    receives : bool
        Whether it was opened for the thread to receive, rather than because its call is done.
    """

    __slots__ = ("_lock", "call", "receives")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.receives = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let the thread go. Called under the exchange's lock; idempotent."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout_s: float | None) -> None:
        """Block until it is open, or `timeout_s` has passed."""
        self._lock.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s))
