"""How the steps of a campaign become runs: one for each, or all in one that goes on from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import BadInputError, CommandError, DeadlineError, RunFailedError
from parfocal.core.run_status import AWAITS_MORE, RunStatus
from parfocal.runs.machine.counts import BY_PLAN

if TYPE_CHECKING:
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.storage import RecordedRun

_ENDS_WITHIN_S = 1.0
"""A run that was ended has nothing more in hand after that."""
Start = Callable[..., "RunHandle"]
"""Starts a run, as `Experiments.run` does."""


class StepResult(NamedTuple):
    """How a step has ended.

    Its run, its outcome, and what was measured; of a step within a run also its events: the first, how many.
    """

    status: RunStatus
    outcome: str
    record: Callable[[], RecordedRun]
    first_event: int | None = None
    events: int | None = None


class RunForEach:
    """Carries out each step of a campaign as a run of its own. One step at a time.

    Parameters
    ----------
    start : callable
        Starts a run.
    name : str
        Of the campaign: its runs are called ``name-1``, ``name-2`` and so on.
    options : mapping
        For all runs.
    """

    def __init__(self, start: Start, name: str, options: Mapping[str, Any]) -> None:
        self._start, self._name, self._options = start, name, options
        self._handle: RunHandle | None = None

    def begin(self, plan: AnyPlan, number: int, notes: Mapping[str, Any]) -> None:
        """Start a step."""
        self._handle = self._start(plan, name=f"{self._name}-{number}", notes=notes, **self._options)

    def is_done(self) -> bool:
        """Whether the step has ended."""
        assert self._handle is not None
        return self._handle.status().ended

    def result(self) -> StepResult:
        """Return how the step has ended; `RunFailedError` if its run has failed."""
        assert self._handle is not None
        status = self._handle.wait()
        return StepResult(status, status.outcome, lambda: _record(status.folder))

    def end(self) -> None:
        """Nothing: each run has ended with its step."""


class RunForAll:
    """Carries out all steps of a campaign in one run, which waits between two of them. One step at a time.

    A run that somebody has ended goes on with the next step, in the same record. The parameters are those of
    `RunForEach`.
    """

    def __init__(self, start: Start, name: str, options: Mapping[str, Any]) -> None:
        self._start, self._name, self._options = start, name, dict(options, open_ended=True)
        self._handle: RunHandle | None = None
        self._before = self._begun = self._done = RunStatus(run="")

    def begin(self, plan: AnyPlan, number: int, notes: Mapping[str, Any]) -> None:
        """Have the run go on with a step."""
        self._begun = RunStatus(run="")
        if self._handle is None:
            asked = {"campaign": notes["campaign"]}
            self._handle = self._start(plan, name=f"{self._name}-{number}", notes=asked, **self._options)
            return
        now = self._handle.status()
        self._before = now if now.ended else self._done
        if not now.ended:
            try:
                self._begun = self._handle.extend(plan)
            except (BadInputError, CommandError):  # the plan is wrong, or the run ends just now
                self._before = _after_end(self._handle)
                if not self._before.ended:
                    raise
        if self._before.ended:
            self._handle = self._start(plan, continues=self._handle.name, **self._options)

    def is_done(self) -> bool:
        """Whether the step has ended, and all of it is stored.

        A status that is older than the step, as is told while nobody answers, says nothing of it.
        """
        assert self._handle is not None
        self._done = status = self._handle.status()
        knows = status.events_total >= self._begun.events_total
        is_settled = settled(status) >= status.events_total
        return status.ended or (status.waiting_for == AWAITS_MORE and knows and is_settled)

    def result(self) -> StepResult:
        """Return how the step has ended; `RunFailedError` if the run has failed."""
        assert self._handle is not None
        status, first = self._done, settled(self._before)
        if status.ended:
            status = self._handle.wait()
        lost = lost_events(status) - lost_events(self._before)
        outcome = status.outcome or (f"incomplete: lost {lost}" if lost else "complete")
        events = self._handle.events[first : status.events_total]

        def record() -> RecordedRun:
            from parfocal.storage.recorded_part import RecordedPart

            return RecordedPart(_record(status.folder).folder, events)

        return StepResult(status, outcome, record, first, len(events))

    def end(self) -> None:
        """End the run: its last step is done."""
        if self._handle is not None:
            self._handle.finish("all steps of its campaign are done")
            self._handle.wait()


def _after_end(handle: RunHandle) -> RunStatus:
    """Return how a run is once it has ended, if it is about to."""
    with suppress(DeadlineError, RunFailedError):
        handle.wait(_ENDS_WITHIN_S, until="acquired")
        handle.wait()
    return handle.status()


def settled(status: RunStatus) -> int:
    """Return how many events of a run are done, or declared dropped."""
    return status.events_acquired + sum(status.events_dropped.values())


def lost_events(status: RunStatus) -> int:
    """Return how many events were dropped, but for those that the plan itself has left out."""
    return sum(count for why, count in status.events_dropped.items() if why not in BY_PLAN)


def _record(folder: str) -> RecordedRun:
    from parfocal.storage import open_run

    if not folder:
        raise BadInputError("a step has no record that could be scored: the rig has no recorder")
    return open_run(folder)
