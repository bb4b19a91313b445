"""Fetches the outline of the plan of the run that is shown, in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import ParfocalError
from parfocal.core.reminder import Reminder
from parfocal.rig.opening import attach
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.run_window.chosen_run import RunName
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.plans.outline import Outline

CELLS = 600
_AGAIN_S, _AFTER_ERROR_S = 5.0, 1.0
"""The plan of a run that goes on is fetched again: another one of the same length may stand in its place."""
_ANSWER_S = 5.0
_MOST = 50


class _Wanted(NamedTuple):
    run: RunName
    created_at: float
    events: int
    ended: bool


class Outlines:
    """Keeps the outlines of the runs that were shown last, of at most 50. `want` and `of` never wait."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._known: dict[RunName, tuple[_Wanted, Outline]] = {}
        self._wanted: _Wanted | None = None
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._follow, name="outlines of runs", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, "the outlines of runs")

    def want(self, run: RunName, status: RunStatus) -> None:
        """Have the outline of this run fetched, and again whenever its plan changes."""
        wanted = _Wanted(run, status.created_at, status.events_total, status.ended)
        if wanted != self._wanted:
            self._wanted = wanted
            self._wake.set()

    def of(self, run: RunName) -> Outline | None:
        """Return what is known of a run's plan; None before it was fetched."""
        known = self._known.get(run)
        return None if known is None else known[1]

    def close(self) -> None:
        """Fetch no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed = True
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread has ended; return whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        pause_s: float | None = None
        while not self._closed:
            self._wait(pause_s)
            self._wake.clear()
            wanted = self._wanted
            if not self._closed and wanted is not None:
                pause_s = self._fetch(wanted)

    def _wait(self, pause_s: float | None) -> None:
        if pause_s is None:
            self._wake.wait()
        else:
            self._clock.wait(self._wake, pause_s)

    def _fetch(self, wanted: _Wanted) -> float | None:
        """Fetch an outline; return when to do so again, None for not before something has changed."""
        known = self._known.get(wanted.run)
        if wanted.ended and known is not None and known[0] == wanted:
            return None
        try:
            with attach(wanted.run.rig) as rig:
                call = rig[SERVICE].submit("outline", wanted.run.run, CELLS, timeout_s=_ANSWER_S)
                outline: Outline = call.result()
        except ParfocalError:  # the run's own status tells what is wrong
            return _AFTER_ERROR_S
        others = {run: each for run, each in self._known.items() if run != wanted.run}
        for run in list(others)[: max(0, len(others) - _MOST + 1)]:
            del others[run]
        self._known = {**others, wanted.run: (wanted, outline)}
        return None if wanted.ended else _AGAIN_S
