"""The thread of a run: it may be waited for before it is started."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

NOTHING: AbstractContextManager[object] = nullcontext()
"""What a run holds that needs nothing beside its instruments."""


class RunThread:
    """Does the work of one run. Any thread may wait for its end.

    A run is found by others before it is started: whoever ends it then waits for it as well.

    Parameters
    ----------
    work : callable
        What it does.
    name : str
        As lists of threads show it.

    Examples
    --------
    >>> thread = RunThread(lambda: None, "run a")
    >>> thread.join(0.0)
    False
    >>> thread.start()
    >>> thread.join()
    True
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work, self._over, self._held = work, threading.Event(), NOTHING
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, held: AbstractContextManager[object] = NOTHING) -> None:
        """Begin; `held` is let go of at the end."""
        self._held = held
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; return whether it has ended."""
        if not self._over.wait(timeout_s):
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        try:
            with self._held:
                self._work()
        finally:
            self._over.set()
