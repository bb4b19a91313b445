"""The shell of a run: one thread that performs what its machine decides, and whoever steers it meanwhile."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import BadInputError, CommandError, kind_and_text
from parfocal.core.run_status import RunForecast
from parfocal.runs.command_log import CommandLog, called_details
from parfocal.runs.conditions.noting import decided_between, note_breaches, note_decision
from parfocal.runs.event_log import settled
from parfocal.runs.forecast.run_prediction import KnownTimes, RunPrediction
from parfocal.runs.instruments.instruments import Instruments, RunStart, RunStorage
from parfocal.runs.instruments.recording_calls import TOLD_BY_RECORDER
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.machine.deciding import conditions_of
from parfocal.runs.machine.guarding import refusal
from parfocal.runs.machine.machine import Conditions, Machine
from parfocal.runs.machine.timing import Timing
from parfocal.runs.performing import Performer
from parfocal.runs.planned_events import PlannedEvents
from parfocal.runs.plans.event import is_stimulus
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.postponed import PostponedWork
from parfocal.runs.question import check_asked
from parfocal.runs.run_thread import NOTHING, RunThread
from parfocal.runs.snapshot import RunFacts, status_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from parfocal.core.clock import Clock
    from parfocal.core.run_status import FailurePolicy, ResumePolicy, RunStatus
    from parfocal.runs.conditions.interlocks import Interlock
    from parfocal.runs.conditions.judging import Facts
    from parfocal.runs.conditions.watching import ConditionWatch
    from parfocal.runs.event_log import SettledEvent
    from parfocal.runs.forecast.device_times import DeviceTimes
    from parfocal.runs.forecast.prediction import Prediction
    from parfocal.runs.journal import RunJournal
    from parfocal.runs.journal_entries import DecidedCondition
    from parfocal.runs.pipeline.live_analysis import LiveAnalysis
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.plan import Plan
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.recovery.recovery import Recovery

_HIGHEST_PARTICLE = 2**63 - 1


class RunRemainder(NamedTuple):
    """What is still to come of a run.

    Attributes
    ----------
    schedule : Schedule
        Its events.
    first : int
        The next of them.
    prediction : Prediction
        Goes on from where the run stands.
    declared : DeviceTimes
        What its devices say that they take.
    """

    schedule: Schedule
    first: int
    prediction: Prediction
    declared: DeviceTimes


class RunEngine:
    """A run that goes on, or has ended. Any thread may steer it and look at it; nothing here blocks.

    Parameters
    ----------
    start : RunStart
        Its name, plan and notes.
    schedule : Schedule
        Its events.
    instruments : Instruments
        What it uses, and nobody else.
    clock : Clock
        The time that it goes by.
    log : logging.Logger
        Told of errors.
    tell : callable
        Called with each new state, as ``tell(status)``, in the thread that brought it about; may not block.
    note : callable
        Called as ``note(settled)``, one at a time, with each event that is done or dropped; of one before a
        stimulus once that is fired, or a moment later.
    at : callable
        Called with the number of the event that comes after one which is done or dropped, at once.
    on_failure : FailurePolicy
        What an event that failed does.
    done : EventCounts
        What became of the events before, of a run that goes on.
    parent : str
        The run that started it.
    forecast : RunForecast
        What it is expected to need.
    known : KnownTimes, optional
        What its devices are known to take; by default nothing.
    analysis : LiveAnalysis, optional
        Has its images analysed, and the masks of its stimuli.
    caller : callable
        Returns which program steers it, in the thread in which it does.
    journal : RunJournal, optional
        Of a run with a record: keeps what was begun and what is done.
    recovery : Recovery, optional
        How the run stood that this one completes, or goes on with, if its process was killed.
    differences : sequence of str
        What of the rig was another thing then, for the record.
    interlocks : tuple of Interlock
        What has to hold as long as it goes on.
    watch : ConditionWatch, optional
        Looks at the values of conditions; closed at its end.
    facts : dict of str to Observation
        What was seen of them so far.
    open_ended : bool
        Whether it waits for more at the end of its plan, until it is finished.
    tell_record : callable
        Called as ``tell_record(run, command, details)`` with what services did for it: for another run whose
        record holds that, if it has none of its own.
    """

    def __init__(
        self,
        start: RunStart,
        schedule: Schedule,
        instruments: Instruments,
        *,
        clock: Clock,
        log: logging.Logger,
        tell: Callable[[RunStatus], None] = lambda _: None,
        note: Callable[[SettledEvent], None] = lambda _: None,
        at: Callable[[int], None] = lambda _: None,
        on_failure: FailurePolicy = "stop",
        done: EventCounts = EventCounts(),  # noqa: B008 (frozen)
        parent: str = "",
        forecast: RunForecast = RunForecast(),  # noqa: B008 (frozen)
        known: KnownTimes | None = None,
        analysis: LiveAnalysis | None = None,
        caller: Callable[[], str] = lambda: "",
        journal: RunJournal | None = None,
        recovery: Recovery | None = None,
        differences: Sequence[str] = (),
        interlocks: tuple[Interlock, ...] = (),
        watch: ConditionWatch | None = None,
        facts: Facts = {},  # noqa: B006 (never changed)
        tell_record: Callable[[str, str, dict[str, Any]], None] = lambda *_: None,
        open_ended: bool = False,
    ) -> None:
        self.name = start.run
        self.parent = parent
        settled = frozenset[int]() if recovery is None else recovery.settled
        self._events = PlannedEvents(schedule, done.consumed, start.layout, settled)
        self._instruments, self._clock, self._log = instruments, clock, log
        self._tell, self._note, self._at, self._tell_record = tell, note, at, tell_record
        self._unnoted = PostponedWork()
        self._journal = journal
        self._commands = CommandLog(clock, caller)
        begin_s = next((event.min_start_time or 0.0 for event in schedule.events(done.consumed)), 0.0)
        timing = Timing(begin_s=begin_s if done.consumed else 0.0)
        self._prediction = RunPrediction(known or KnownTimes(), begin_s=timing.begin_s)
        self._task_began_ns, self._light_follows = 0, False
        late = analysis.late if analysis is not None and analysis.has_masks else None
        self._machine = Machine(
            on_failure=on_failure,
            late=late,
            counts=done,
            timing=timing,
            interlocks=interlocks,
            facts=facts,
            open_ended=open_ended,
        )
        self._watch = watch
        if recovery is not None:
            conditions = Conditions(decided=recovery.decided)
            self._machine = self._machine.having(focus=recovery.focus, conditions=conditions)
            details = recovery.details | {"differences": list(differences)}
            self._commands.note(self._machine, "recover", details)
        self.analysis = analysis
        self._facts = RunFacts(
            run=self.name,
            parent=parent,
            claims=instruments.names,
            created_at=clock.utc_ns() * 1e-9,
            forecast=forecast,
        )
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._continues = start.continues
        instruments.when_interfered(self._interfered)
        instruments.look_ahead(lambda number: self.schedule.events(number))
        self._performer = Performer(
            instruments,
            start,
            clock,
            self._wake,
            lambda: self.counts,
            lambda: (*(() if recovery is None else (recovery.told,)), *self._remarks()),
            analysis,
        )
        if analysis is not None:
            analysis.connect(self._wake.set, self.noted, instruments.prepare)
        self._thread = RunThread(self._work, f"run {self.name}")

    def start(self, held: AbstractContextManager[object] = NOTHING) -> None:
        """Begin; `held` is let go of at the end."""
        self._thread.start(held)
        if self._watch is not None:
            self._watch.start(self.observed, lambda: self.lag_ms, self._is_analysing)

    def discard(self) -> None:
        """Let go of what it looks at: it was never started."""
        if self._watch is not None:
            self._watch.close()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for its end, also of one that is yet to be started; return whether it has ended."""
        return self._thread.join(timeout_s)

    @property
    def folder(self) -> str:
        """Of its record; of one that has ended before that was opened, of the record that it went on with."""
        return self._performer.folder or self._continues

    @property
    def schedule(self) -> Schedule:
        """Its events, as they are now."""
        return self._events.schedule

    @property
    def counts(self) -> EventCounts:
        """What became of its events."""
        return self._machine.counts

    @property
    def lag_ms(self) -> float:
        """How late its last event began; 0 while it is paused, as its resume decides about the next one."""
        return 0.0 if self._machine.state == "paused" else self._machine.timing.lag_ms

    @property
    def has_ended(self) -> bool:
        """Whether everything is over."""
        return self._machine.state == "ended"

    @property
    def open_ended(self) -> bool:
        """Whether it waits for more at the end of its plan."""
        return self._machine.open_ended

    @property
    def interlocks(self) -> tuple[Interlock, ...]:
        """What has to hold as long as it goes on."""
        return self._machine.interlocks

    @property
    def may_change(self) -> bool:
        """Whether its plan may be changed."""
        return self._machine.may_change

    def status(self) -> RunStatus:
        """Return how it is now."""
        with self._lock:
            return self._status()

    def pause(self, reason: str = "") -> RunStatus:
        """Hold it: once this has returned, no exposure begins but one that is in flight."""
        return self._wish(lambda now: inputs.Pause(now, reason))

    def resume(self, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause; `BadInputError` for a gap that is none, or if `check_resume` raises it.

        It stays paused until all that its interlocks ask for was looked at once more, and is well.
        """
        if not 0 <= gap_s < float("inf"):
            raise BadInputError(f"gap_s is a number of seconds, 0 or more, not {gap_s}")
        self.check_resume()
        return self._wish(lambda now: inputs.Resume(now, policy, round(gap_s * 1e9)))

    def check_resume(self) -> None:
        """Raise `BadInputError`, naming it, if an interlock is breached, so that the run stays paused."""
        with self._lock:
            found = refusal(self._machine, self._clock.monotonic_ns())
        if found:
            told = "; ".join(breach.told for breach in found)
            raise BadInputError(f"run {self.name!r} stays paused: {told}. Resume it when that holds again")

    def observed(self, facts: Facts) -> None:
        """Take what was seen of the values of conditions. Any thread."""
        with self._lock:
            self._advance(inputs.Observed(self._clock.monotonic_ns(), facts))

    def cancel(self, reason: str = "") -> RunStatus:
        """End it now."""
        return self._wish(lambda now: inputs.EndRun(now, "cancelled", reason))

    def finish(self, reason: str = "") -> RunStatus:
        """End it after the exposure in flight."""
        return self._wish(lambda now: inputs.EndRun(now, "finished early", reason))

    def fail(self, reason: str) -> RunStatus:
        """End it now, as failed."""
        return self._wish(lambda now: inputs.EndRun(now, "failed", reason, commanded=False))

    def confirm(self, answer: bool, text: str = "", question: str = "", event: int = -1) -> RunStatus:
        """Answer its question; `BadInputError` if that is not the one of `event`, if one is named."""
        with self._lock:
            check_asked(self._status(), question, event)
            self._advance(inputs.Answer(self._clock.monotonic_ns(), answer, text))
            return self._status()

    def extend(self, plan: Plan) -> RunStatus:
        """Append a plan; `BadInputError` if the run is at its end."""
        with self._lock:
            self._check_may_change()
            self._follow(self.schedule.extended(plan), plan, "extend", first=-1)
            return self._status()

    def pick(self, particles: list[int], p: int) -> RunStatus:
        """Have these particles of position `p` be picked for the steps of its pipeline, and note that.

        Raises
        ------
        BadInputError
            If it has ended, has no pipeline or no such position, or a number is none of a particle.
        """
        if self.analysis is None:
            raise BadInputError(f"run {self.name!r} has no pipeline: there are no cells to be picked")
        wrong = [number for number in particles if not 0 <= number <= _HIGHEST_PARTICLE]
        if wrong:
            raise BadInputError(f"the number of a particle is 0 or more, not {wrong[0]}")
        with self._lock:
            positions = max(1, self.schedule.shape["p"])
            if not 0 <= p < positions:
                raise BadInputError(f"run {self.name!r} has no position p={p}: there are {positions}, from 0")
            if self.has_ended:
                raise BadInputError(f"run {self.name!r} has ended: cells can't be picked for it any more")
            self._commands.note(self._machine, "pick", {"p": p, "particles": particles})
        self.analysis.pick(p, particles)
        return self.status()

    def replace_future(self, plan: Plan) -> RunStatus:
        """Put a plan in place of all that was not begun; `BadInputError` if the run is at its end."""
        with self._lock:
            self._check_may_change()
            self._advance(inputs.Replaced(self._clock.monotonic_ns()))
            first = self._machine.counts.consumed
            self._events.check_replaceable(first, self.name)
            self._follow(self.schedule.with_future(first, plan), plan, "replace_future", first=first)
            return self._status()

    def keep_called(self, run: str, command: str, details: dict[str, Any]) -> None:
        """Have the record hold what a service did for another run, which has no record."""
        with self._lock:
            self._commands.note(self._machine, command, details, run)

    def noted(self, source: str, type: str, message: str, event: int) -> None:
        """Count an error beside the task under way, and log it."""
        where = f"run {self.name}, event {event}" if event >= 0 else f"run {self.name}"
        self._log.error("%s: %s: %s: %s", where, source, type, message)
        self._wish(lambda now: inputs.Noted(now, source, type, message, event))

    def remainder(self) -> RunRemainder:
        """Return what is still to come, and how it is expected to go from here."""
        with self._lock:
            prediction = self._prediction.from_here(self._machine.timing, self._clock.monotonic_ns())
            first = self._machine.counts.consumed
            return RunRemainder(self.schedule, first, prediction, self._prediction.declared)

    def foresee(self, forecast: RunForecast) -> RunStatus:
        """Take another forecast: its plan was changed."""
        with self._lock:
            self._facts.forecast = forecast
            return self._status()

    def catch_up(self) -> None:
        """Note what was left for after a light, which may be long in coming. Any thread."""
        try:
            with self._lock:
                self._unnoted.catch_up()
        except Exception as error:  # noqa: BLE001 (the run ends in order, as if its own thread had noted it)
            self.fail(self._note_error(error))

    def keep_commands(self, *, patiently: bool = False) -> None:
        """Have the record hold what was asked of the run; what it can't take now it gets the next time.

        `patiently` waits for a recorder that is started again, and for another thread that does the same; and
        logs what the record does not get.
        """
        if not self._machine.prepared:  # there is no record yet
            return
        try:
            keep = partial(self._instruments.keep_commands, patiently=patiently)
            self._commands.write(keep, patiently=patiently)
        except CommandError as error:
            if patiently:
                self._log.error("run %s: not all that was asked of it is in its record: %s", self.name, error)

    def stored(self, storage: RunStorage) -> None:
        """Take note of how far its record is, and tell what it failed to store.

        At its end the run has taken the final word itself.
        """
        with self._lock:
            if self.has_ended:
                return
            told, self._facts.storage = self._facts.storage.errors, storage
            for error in storage.errors[len(told) :]:
                self._log.error("run %s: not all of it is stored: %s", self.name, error)
                now_ns = self._clock.monotonic_ns()
                self._advance(inputs.Noted(now_ns, *TOLD_BY_RECORDER, error))

    def _is_analysing(self) -> bool:
        return self.analysis is not None and self.analysis.is_analysing

    # --- others

    def _interfered(self, command: str, by: str, stopped: str) -> None:
        """Note what somebody else had an instrument do; if that `stopped` one, in words, the run has failed.

        An acquisition that is on tells itself how it was stopped, and after how many frames.
        """
        with self._lock:
            self._commands.note(self._machine, command, {}, by)
            if stopped and not isinstance(self._machine.task, tasks.Acquire):
                now_ns = self._clock.monotonic_ns()
                self._advance(inputs.EndRun(now_ns, "failed", stopped, commanded=False))

    # --- the run's thread

    def _work(self) -> None:
        report: inputs.Report = inputs.Woken(self._clock.monotonic_ns())
        while (task := self._next(report)) is not None:
            if isinstance(task, tasks.Close):
                self._note_all()
                self.keep_commands(patiently=True)
            try:
                following = self._following(task)
                self._light_follows = is_stimulus(following)
                if self._journal is not None:
                    mask = self._performer.mask_of(task)
                    self._journal.before(task, self._performer.folder, following, mask)
                report = self._performer.perform(task, following)
            except Exception as error:  # noqa: BLE001 (the border of the thread: the run ends in order)
                self._log.exception("run %s: %s failed", self.name, type(task).__name__)
                report = self._performer.failed(task, error)
        if self._journal is not None:
            self._journal.close(self._performer.folder)
        if self._watch is not None:
            self._watch.close()

    def _following(self, task: tasks.Task) -> Event | None:
        """Return what the plan has after an image, as it is now; after a stimulus nothing is begun early."""
        if not isinstance(task, tasks.Expose) or is_stimulus(task.event):
            return None
        following = self._events.next_from(task.event.number + 1)
        return None if following is None else self._machine.focus.applied(following)

    def _next(self, report: inputs.Report) -> tasks.Task | None:
        """Return the next task. Events are fetched here, under the lock, so that a plan may be replaced.

        What is decided of a condition is in the journal before anything follows from it.

        What raises here, as a note that can't be kept, ends the run as failed, and in the dark.
        """
        while True:
            with self._lock:
                before = self._machine
                try:
                    if isinstance(before.task, tasks.Fetch):
                        report = inputs.Fetched(self._clock.monotonic_ns(), self._events.fetch())
                    self._take(report)
                except Exception as error:  # noqa: BLE001 (the border of the thread: the run ends in order)
                    self._log.exception("run %s: %s is not taken in", self.name, type(report).__name__)
                    self._give_up(error)
                task = self._machine.task
                if not isinstance(task, tasks.Fetch):
                    self._wake.clear()
                    self._instruments.ready()
                decided = decided_between(before, self._machine)
            if decided is not None:
                self._keep_decision(decided)
            if not isinstance(task, tasks.Fetch):
                self._task_began_ns = self._clock.monotonic_ns()
                return task

    def _keep_decision(self, decided: DecidedCondition) -> None:
        """Have the journal hold what was decided of a condition, then the record."""
        if self._journal is not None:
            self._journal.decided(decided, self._performer.folder)
        with self._lock:
            note_decision(self._machine, decided, self._commands)

    def _take(self, report: inputs.Report) -> None:
        before, exposure = self._machine, self._performer.exposure
        match report:
            case inputs.Fetched(event=event):
                self._performer.forget_stimulus()
                if event is not None:
                    self._prediction.fetched(event)
                if self.analysis is not None:
                    self.analysis.fetched(event)
            case inputs.Placed():
                self._prediction.saw_placed(self._performer.placed, self._task_began_ns)
        self._advance(report)
        if isinstance(report, inputs.Called):
            self._note_call(before, report)
        if isinstance(report, inputs.FocusNotFound) and before.event is not None:
            self._log.warning("run %s: event %d: %s", self.name, before.event.number, report.message)
        stimulus = self._performer.stimulus
        done = settled(before, self._machine, report, exposure, self._predicted_s, stimulus)
        if done is not None:
            self._at(done.event.number + 1)
            self._unnoted.add(partial(self._note, done))
            if self._journal is not None:
                self._journal.settled(done)
        if isinstance(report, inputs.Exposed) and exposure is not None:
            self._prediction.saw_exposed(exposure.header, exposure.light_s, self._task_began_ns)
        if not self._is_light_next(report):
            self._unnoted.catch_up()
            self._prediction.catch_up()

    def _predicted_s(self) -> float:
        """Return when the event in hand was expected; NaN, and an error, if that can't be told."""
        try:
            return self._prediction.starts_s
        except Exception as error:  # noqa: BLE001 (what was done, as a stimulus that was fired, is noted)
            self._advance(inputs.Noted(self._clock.monotonic_ns(), "runs", *kind_and_text(error), -1))
            return math.nan

    def _is_light_next(self, report: inputs.Report) -> bool:
        """Return whether the run goes on to the light of a stimulus as soon as it can, after that report."""
        task = self._machine.task
        if isinstance(task, tasks.Fetch):
            return isinstance(report, inputs.Exposed) and self._light_follows
        return isinstance(task, tasks.Place | tasks.Decide | tasks.Expose) and is_stimulus(task.event)

    def _note_call(self, before: Machine, report: inputs.Called) -> None:
        """Have the record hold what a service did for the run, and what it returned."""
        called, asked = self._performer.called, before.event.call if before.event is not None else None
        if called is not None and asked is not None:
            began_at = (self._clock.utc_ns() - self._clock.monotonic_ns() + report.began_ns) * 1e-9
            took_s = (report.now_ns - report.began_ns) * 1e-9
            details = called_details(asked, called, began_at, took_s)
            self._commands.note(before, asked.name, details, self.name)
            self._tell_record(self.name, asked.name, details)

    def _note_all(self) -> None:
        """Note what waits before the record is closed; what can't be noted keeps nothing else from that."""
        while self._unnoted.waits:
            try:
                with self._lock:
                    self._unnoted.catch_up()
            except Exception as error:  # noqa: BLE001 (told, and the others are noted)
                self._note_error(error)

    def _note_error(self, error: Exception) -> str:
        """Count what kept something from being noted; return it in words."""
        kind, message = kind_and_text(error)
        self.noted("runs", kind, message, -1)
        return f"{kind}: {message}"

    def _remarks(self) -> tuple[str, ...]:
        with self._lock:
            return self._prediction.remarks()

    # --- under the lock

    def _give_up(self, error: Exception) -> None:
        """Have it go dark and end as failed, with `error` among its errors."""
        now_ns, (kind, message) = self._clock.monotonic_ns(), kind_and_text(error)
        self._advance(inputs.EndRun(now_ns, "failed", f"{kind}: {message}", commanded=False))
        self._advance(inputs.TaskFailed(now_ns, "runs", kind, message))

    def _wish(self, make: Callable[[int], inputs.Wish]) -> RunStatus:
        with self._lock:
            self._advance(make(self._clock.monotonic_ns()))
            return self._status()

    def _advance(self, given: inputs.Input) -> None:
        before = self._machine
        self._machine, effects = advance(before, given)
        if self._machine is not before:
            self._commands.see(before, given)
            note_breaches(before, self._machine, self._commands, self._log)
        if self._watch is not None and self._machine.event is not before.event:
            self._watch.want(conditions_of(self._machine.event))
        self._facts.see(self._machine, given, self._clock)
        held = self._machine.held
        if self._watch is not None and held is not None and held.resume is given:
            self._watch.look_again(given.now_ns)
        if (
            isinstance(given, inputs.Replaced)
            or (before.held is not None and held is None and self._machine.end is None)
            or self._machine.conditions.last is not before.conditions.last
            or before.at_end > self._machine.at_end
        ):
            self._prediction.goes_on(self._machine.timing, given.now_ns)
        if self._machine.state == "ended" and before.state != "ended":
            self._facts.storage = self._instruments.storage()
        for effect in effects:
            self._performer.carry_out(effect)
        if self._machine.state != before.state:
            self._tell(self._status())

    def _follow(self, schedule: Schedule, plan: Plan, command: str, *, first: int) -> None:
        self._commands.note(self._machine, command, {"events": len(schedule)})
        consumed, plan_data = self._machine.counts.consumed, plan_to_data(plan)
        self._events.follow(schedule, consumed)
        self._instruments.relayout(self._events.layout, plan_data)
        if self._journal is not None:
            self._journal.replanned(first, plan_data, self._events.layout)
        following = self._events.next_from(consumed)
        if following is not None:
            self._advance(inputs.Extended(self._clock.monotonic_ns(), following.min_start_time))

    def _check_may_change(self) -> None:
        if not self._machine.may_change:
            raise BadInputError(
                f"run {self.name!r} is {self._machine.state}: its plan can't be changed any more"
            )

    def _status(self) -> RunStatus:
        self._facts.folder = self._performer.folder
        self._facts.commands = self._commands.last
        self._facts.waiting_for = self._performer.waiting_for
        self._facts.progress = self._instruments.progress()
        if self.analysis is not None:
            self._facts.see_analysis(self.analysis.queues(), self.analysis.took_s, self.analysis.warning)
        return status_of(self._machine, self.schedule, self._facts, self._clock.monotonic_ns())
