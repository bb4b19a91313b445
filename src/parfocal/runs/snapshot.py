"""Makes the status of a run of its machine, its schedule, and what else is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.run_status import QueueDepth, RunCommand, RunForecast, RunStatus
from parfocal.runs.conditions.judging import judged
from parfocal.runs.instruments.instruments import EventProgress, RunStorage
from parfocal.runs.machine import inputs
from parfocal.runs.machine.deciding import question_of
from parfocal.runs.machine.guarding import unseen_since_resume
from parfocal.runs.machine.tasks import Acquire, Ask, Sleep
from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.runs.machine.machine import Machine
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.schedule import Schedule


@dataclass
class RunFacts:
    """What is known of a run beside its machine. Used under the lock of the run.

    Attributes
    ----------
    run, parent : str
        Its name, and that of the run which started it.
    claims : tuple of str
        What it claims.
    folder, waiting_for : str
        Where its record is, and what it waits for.
    progress : EventProgress
        How far the acquisition or the call in hand is.
    storage : RunStorage
        How far its record is.
    analysis : dict of str to QueueDepth
        What waits to be analysed.
    event : Event or None
        The event in hand, or the last one.
    began_ns, ended_ns : int or None
        When its first exposure began, and when it had ended, on the monotonic clock.
    created_at, started_at, finished_at : float or None
        When it was asked for, and the same instants, seconds since 1970 UTC.
    commands : tuple of RunCommand
        What was asked of it, the last ones.
    forecast : RunForecast
        What it was expected to need.
    """

    run: str
    parent: str = ""
    claims: tuple[str, ...] = ()
    folder: str = ""
    waiting_for: str = ""
    progress: EventProgress = EventProgress()  # noqa: RUF009 (frozen)
    storage: RunStorage = field(default_factory=RunStorage)
    analysis: dict[str, QueueDepth] = field(default_factory=dict)
    event: Event | None = None
    began_ns: int | None = None
    ended_ns: int | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    commands: tuple[RunCommand, ...] = ()
    forecast: RunForecast = field(default_factory=RunForecast)

    def see(self, machine: Machine, given: inputs.Input, clock: Clock) -> None:
        """Take note of what an input brought."""
        if machine.event is not None:
            self.event = machine.event
        began_ns = (
            given.began_ns if isinstance(given, inputs.Exposed | inputs.Acquired | inputs.Called) else None
        )
        if self.began_ns is None and began_ns is not None:
            self.began_ns = began_ns
            self.started_at = (clock.utc_ns() - clock.monotonic_ns() + began_ns) * 1e-9
        if machine.state == "ended" and self.ended_ns is None:
            self.ended_ns = given.now_ns
            self.finished_at = clock.utc_ns() * 1e-9

    def see_analysis(self, queues: dict[str, QueueDepth], took_s: float, warning: str) -> None:
        """Take note of how far the analysis is, of what an image takes, and of a warning; "" for none."""
        self.analysis = queues
        if took_s != self.forecast.analysis_s:
            told = (*self.forecast.warnings, warning) if warning else self.forecast.warnings
            self.forecast = msgspec.structs.replace(self.forecast, analysis_s=took_s, warnings=told)


def status_of(machine: Machine, schedule: Schedule, facts: RunFacts, now_ns: int) -> RunStatus:
    """Return the status of a run."""
    event, counts, held, end = facts.event, machine.counts, machine.held, machine.end
    question = _question(machine)
    at_ns = now_ns if facts.ended_ns is None else facts.ended_ns
    stands_ns = held.since_ns if held is not None else at_ns
    origin_ns = machine.timing.origin_ns
    scheduled_s = 0.0 if origin_ns is None else max(0.0, (stands_ns - origin_ns) * 1e-9)
    event_text, event_fraction = _progress(machine, facts.progress)
    return RunStatus(
        run=facts.run,
        state=machine.state,
        outcome=machine.outcome,
        reason=machine.reason or (end.reason if end else held.reason if held else ""),
        waiting_for=facts.waiting_for or _looks(machine) or _awaited(machine, now_ns),
        conditions=_conditions(machine, now_ns),
        event_number=-1 if event is None else event.number,
        event_kind="" if event is None else event.kind,
        event_index={} if event is None else event.index,
        event_text=event_text,
        event_fraction=event_fraction,
        position="" if event is None else event.position,
        channel="" if event is None else event.channel,
        events_total=len(schedule),
        events_consumed=counts.consumed,
        events_acquired=counts.acquired,
        events_dropped=counts.dropped,
        frames_received=counts.frames,
        frames_stored=facts.storage.stored,
        created_at=facts.created_at,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        elapsed_s=0.0 if facts.began_ns is None else (at_ns - facts.began_ns) * 1e-9,
        scheduled_s=scheduled_s,
        remaining_s=0.0 if machine.end is not None else max(0.0, schedule.duration_s - scheduled_s),
        lag_ms=machine.timing.lag_ms,
        wait_remaining_s=_wait_remaining_s(machine, stands_ns),
        question=question,
        queues={**facts.storage.queues, **facts.analysis},
        errors=counts.errors,
        stimulations=counts.stimulations,
        autofocuses=counts.autofocuses,
        commands=facts.commands,
        folder=facts.folder,
        parent=facts.parent,
        claims=facts.claims,
        breached=tuple(breach.told for breach in machine.breaches) if machine.state != "ended" else (),
        forecast=facts.forecast,
    )


def _question(machine: Machine) -> str:
    """Return what a person is asked just now; "" if nothing."""
    event = machine.event
    if event is None or machine.end is not None:
        return ""
    if event.kind == "confirm":
        return event.text if machine.wait_until_ns else ""
    return question_of(event)


def _looks(machine: Machine) -> str:
    """Return what is looked at before a run that was resumed goes on; "" if nothing."""
    names = ", ".join(repr(name) for name in unseen_since_resume(machine))
    return f"another look at interlock {names}, and goes on if that is well" if names else ""


def _awaited(machine: Machine, now_ns: int) -> str:
    """Return which condition is waited for just now, with its value; "" if none."""
    event = machine.event
    if event is None or event.check is None or not machine.conditions.asked_ns or machine.end is not None:
        return ""
    now = judged(event.check.condition, machine.facts, now_ns).text
    since_s = (now_ns - machine.conditions.asked_ns) * 1e-9
    return f"{event.check.condition.words}: {now}, since {clock_text(since_s)}"


def _conditions(machine: Machine, now_ns: int) -> tuple[str, ...]:
    """Return by what the part of the plan in hand is ended, with the values."""
    if machine.event is None or machine.end is not None:
        return ()
    checks = (watch.check for watch in machine.event.watches)
    return tuple(f"{check.words}: {judged(check.condition, machine.facts, now_ns).text}" for check in checks)


def _progress(machine: Machine, told: EventProgress) -> tuple[str, float | None]:
    """Return how far the acquisition or the call in hand is: in words, and from 0 to 1."""
    task = machine.task
    if not isinstance(task, Acquire):
        return told.text, told.fraction
    frames, event = machine.frames_before + told.frames, task.event
    fraction: float | None
    if event.duration_s:
        fraction = (machine.lasted_ns * 1e-9 + told.lasted_s) / event.duration_s
    else:
        fraction = frames / event.count if event.count else None
    return f"{frames} frames", None if fraction is None else min(1.0, fraction)


def _wait_remaining_s(machine: Machine, stands_ns: int) -> float:
    """Return how long a wait still lasts; during a pause its countdown stands."""
    until_ns = machine.wait_until_ns
    if not until_ns and isinstance(machine.task, Sleep | Ask):
        until_ns = machine.task.until_ns
    return max(0.0, (until_ns - stands_ns) * 1e-9) if until_ns > 0 else 0.0
