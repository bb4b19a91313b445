"""Calls of a driver that last as long as a motion, one after the other in a thread of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

_log = logging.getLogger(__name__)

Call = Callable[[Mapping[str, Any]], None]


class BackgroundCalls:
    """Makes calls in a thread; of those that wait for the one under way the newest counts.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[Call, dict[str, Any]]] = []
        self._under_way: dict[str, Any] = {}
        self._error: Exception | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Call, targets: Mapping[str, Any]) -> None:
        """Have ``call(targets)`` made after the one under way; returns at once.

        If the last one that waits is the same call, it gets these targets, too. What an earlier one raised
        is forgotten.
        """
        with self._changed:
            self._error = None
            if self._waiting and self._waiting[-1][0] == call:
                self._waiting[-1][1].update(targets)
            else:
                self._waiting.append((call, dict(targets)))
            self._changed.notify_all()

    def replace(self, call: Call, targets: Mapping[str, Any]) -> None:
        """Have ``call(targets)`` made after the one under way, and none of those that waited."""
        with self._changed:
            self._waiting = [(call, dict(targets))]
            self._changed.notify_all()

    def targets(self) -> dict[str, Any]:
        """Return the targets of the calls under way and waiting; raises what a call raised, once."""
        with self._changed:
            error, self._error = self._error, None
            if error is not None:
                raise error
            return self._busy()

    def busy(self) -> dict[str, Any]:
        """Return the targets of the calls under way and waiting."""
        with self._changed:
            return self._busy()

    def close(self, timeout_s: float) -> None:
        """Take no more calls; wait so long until those that were submitted have been made."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _busy(self) -> dict[str, Any]:
        busy = dict(self._under_way)
        for _, targets in self._waiting:
            busy |= targets
        return busy

    def _run(self) -> None:
        while (following := self._next()) is not None:
            call, targets = following
            error = None
            try:
                call(targets)
            except Exception as raised:  # noqa: BLE001 (border of a thread: told by `targets`)
                _log.warning("%s", raised)
                error = raised
            with self._changed:
                self._under_way = {}
                self._error = error or self._error

    def _next(self) -> tuple[Call, dict[str, Any]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if not self._waiting:
                return None
            call, targets = self._waiting.pop(0)
            self._under_way = targets
            return call, targets
