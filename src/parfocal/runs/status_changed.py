"""Who wants to be told of each new status of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.run_status import RunStatus
    from parfocal.runs.callback import CallbackThread
    from parfocal.runs.watch import RunWatch


class StatusChanged:
    """Calls functions with each new status of a run, each in a thread of its own, the present one first.

    One that raises is logged and dropped; one that is slow delays nobody.
    """

    def __init__(self, run: str, watch: RunWatch) -> None:
        self._run = run
        self._watch = watch
        self._threads: dict[Callable[[RunStatus], object], CallbackThread[RunStatus]] = {}

    def connect(self, function: Callable[[RunStatus], object]) -> None:
        """Have `function` called from now on. Idempotent."""
        if function not in self._threads:
            self._threads[function] = self._watch.follow(function, self._run)

    def disconnect(self, function: Callable[[RunStatus], object]) -> None:
        """Have it called no more. Idempotent."""
        thread = self._threads.pop(function, None)
        if thread is not None:
            self._watch.unfollow(thread)
