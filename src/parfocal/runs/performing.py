"""Performs the tasks of a run with its instruments, and reports how each ended."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from parfocal.core.errors import (
    CommandError,
    FocusNotFoundError,
    FrameLostError,
    ParfocalError,
    kind_and_text,
)
from parfocal.core.run_status import AWAITS_MORE
from parfocal.runs.forecast.device_times import PlacedParts
from parfocal.runs.instruments.instruments import (
    AbortedError,
    CalledService,
    ExposedFrame,
    FiredStimulus,
    InstrumentRestartedError,
    Instruments,
    RunStart,
)
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.pipeline.analysed import StimulusFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.clock import Clock
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.pipeline.analysed import FrameMask
    from parfocal.runs.pipeline.live_analysis import LiveAnalysis, MaskAnswer
    from parfocal.runs.plans.event import Event

_LOOK_S = 0.05
_SHADED_AFTER_S = 0.01
"""Who waits for longer than that for a mask has the light shaded meanwhile."""


class Performer:
    """Performs one task after the other. One thread, but for `carry_out`.

    Parameters
    ----------
    instruments : Instruments
        What is used.
    start : RunStart
        With what the run begins.
    clock : Clock
        Tells the time.
    wake : threading.Event
        Ends a wait.
    counts : callable
        Returns the counts of the run, for the end of its record.
    remarks : callable
        Returns what was noticed of the devices, for the same.
    analysis : LiveAnalysis, optional
        Has its images analysed, and the masks of its stimuli.

    Attributes
    ----------
    folder : str
        Of the record, once it has begun.
    exposure : ExposedFrame or None
        The newest.
    called : CalledService or None
        The newest call.
    placed : PlacedParts
        How long the newest placing took.
    waiting_for : str
        What it waits for just now.
    """

    def __init__(
        self,
        instruments: Instruments,
        start: RunStart,
        clock: Clock,
        wake: threading.Event,
        counts: Callable[[], EventCounts],
        remarks: Callable[[], tuple[str, ...]],
        analysis: LiveAnalysis | None = None,
    ) -> None:
        self._instruments, self._start = instruments, start
        self._clock, self._wake = clock, wake
        self._counts, self._remarks = counts, remarks
        self._analysis = analysis
        self._answer: MaskAnswer | None = None
        self._mask: FrameMask | None = None
        self._fired: FiredStimulus | None = None
        self._warming = False
        self.folder = ""
        self.exposure: ExposedFrame | None = None
        self.called: CalledService | None = None
        self.placed = PlacedParts()
        self.waiting_for = ""

    @property
    def stimulus(self) -> StimulusFacts:
        """What is known of the stimulus in hand."""
        return StimulusFacts(mask=self._mask, fired=self._fired)

    def mask_of(self, task: tasks.Task) -> FrameMask | None:
        """Return with which mask a task lights the sample; None if with none."""
        if not isinstance(task, tasks.Expose) or task.mask == "none":
            return None
        assert self._answer is not None
        mask = self._answer.mask if task.mask == "wanted" else self._answer.older
        assert mask is not None  # without it the whole field would be lit
        return mask

    def forget_stimulus(self) -> None:
        """Know nothing of a stimulus: another event is in hand."""
        self._mask = self._fired = None

    def perform(self, task: tasks.Task, following: Event | None = None) -> inputs.Report:
        """Do a task, and return its report. Errors of instruments are reports, too.

        What can be done for the event `following` an exposure is begun as soon as that is over.
        """
        try:
            return self._perform(task, following)
        except AbortedError:
            return inputs.Stopped(self._now)
        except FrameLostError:
            return inputs.FrameLost(self._now)
        except InstrumentRestartedError as error:
            return inputs.Restarted(self._now, error.source, str(error))
        except ParfocalError as error:
            return self.failed(task, error)

    def carry_out(self, effect: tasks.Effect) -> None:
        """Do at once what can't wait for the task under way. Any thread; waits for no instrument."""
        match effect:
            case tasks.Wake():
                self._wake.set()
            case tasks.Abort():
                self._instruments.abort()
                if self._warming and self._analysis is not None:
                    self._analysis.abort()
            case tasks.CutSequence():
                self._instruments.cut()
            case tasks.Darken():
                self._instruments.dark()
            case tasks.HoldCall():
                self._instruments.hold_call()
            case tasks.ReleaseCall():
                self._instruments.release_call()

    def failed(self, task: tasks.Task, error: Exception) -> inputs.Report:
        """Return the report of a task that raised `error`."""
        kind, message = kind_and_text(error)
        if isinstance(task, tasks.Close):
            return inputs.Closed(self._now, "failed", message)
        source = error.service if isinstance(error, CommandError) else ""
        return inputs.TaskFailed(self._now, source or "runs", kind, message)

    @property
    def _now(self) -> int:
        return self._clock.monotonic_ns()

    def _perform(self, task: tasks.Task, following: Event | None) -> inputs.Report:
        match task:
            case tasks.Expose():
                return self._expose(task, following)
            case tasks.Focus(event=event):
                return self._focus(event)
            case tasks.Place(event=event):
                self.placed = self._instruments.place(event)
                return inputs.Placed(self._now)
            case tasks.Sleep(until_ns=until_ns, light=light):
                return self._wait(until_ns, light)
            case tasks.Hold():
                return self._wait(-1, "off")
            case tasks.Ask(until_ns=until_ns) | tasks.Await(until_ns=until_ns):
                return self._wait(until_ns, "off")
            case tasks.AwaitMore():
                return self._await_more()
            case tasks.Acquire(count=count, duration_s=duration_s):
                done = self._instruments.acquire(count, duration_s)
                return inputs.Acquired(self._now, done.frames, done.whole, done.began_ns, done.stopped)
            case tasks.CallService(event=event):
                return self._call(event)
            case tasks.Prepare():
                return self._prepare()
            case tasks.Drain():
                return self._drain()
            case tasks.Close(ending=ending, reason=reason):
                return self._close(ending, reason)
            case tasks.Decide(event=event, holds=holds):
                return self._decide(event, holds=holds)
            case tasks.Fetch():
                raise AssertionError("events are fetched under the lock of the run")

    def _focus(self, event: Event) -> inputs.Report:
        began_ns = self._now
        try:
            z_um = self._instruments.focus(event)
        except (FocusNotFoundError, FrameLostError) as error:
            return inputs.FocusNotFound(self._now, str(error), began_ns)
        return inputs.Focused(self._now, z_um, began_ns)

    def _call(self, event: Event) -> inputs.Report:
        assert event.call is not None
        self.called = called = self._instruments.call(event.call)
        error = called.error
        return inputs.Called(
            self._now,
            called.began_ns,
            called.frames,
            called.outcome,
            source=event.call.service,
            type="" if error is None else type(error).__name__,
            message="" if error is None else str(error),
        )

    def _prepare(self) -> inputs.Report:
        start = self._start
        if self._analysis is not None:
            self._warming = True
            self.waiting_for = "the pipeline to be ready"
            try:
                start = self._analysis.begin(start)
            finally:
                self._warming = False
                self.waiting_for = ""
        self.folder = self._instruments.open(start)
        return inputs.Prepared(self._now)

    def _expose(self, task: tasks.Expose, following: Event | None) -> inputs.Report:
        event = task.event
        if event.kind != "stimulus":
            exposure = self._instruments.expose(event, following)
        else:
            self._mask = mask = self.mask_of(task)
            self._fired = self._instruments.stimulate(event, None if mask is None else mask.stimulus)
            exposure = self._fired.exposed
        self.exposure = exposure
        if self._analysis is not None:
            self._analysis.exposed(event, exposure, following)
        header = exposure.header
        return inputs.Exposed(self._now, header.time_ns - header.exposure_ns)

    def _decide(self, event: Event, *, holds: bool) -> inputs.Report:
        """Wait for the mask of a stimulus, as long as it may take; a wake-up for something else ends that.

        The light is shaded if that lasts.
        """
        assert self._analysis is not None
        woken = shaded = False
        while True:
            self._answer = answer = self._analysis.mask_for(event)
            has_older = answer.older is not None
            if answer.state == "there":
                return inputs.Decided(self._now, "there")
            if answer.state in ("never", "gone"):
                return inputs.Decided(self._now, answer.state, has_older, answer.why)
            if woken:
                return inputs.Woken(self._now)
            left_s = math.inf if holds else (answer.until_ns - self._now) * 1e-9
            if left_s <= 0:
                return inputs.Decided(self._now, "late", has_older, answer.why)
            if not shaded:
                woken = self._clock.wait(self._wake, min(left_s, _SHADED_AFTER_S))
                if not woken:
                    self._instruments.shade()
                    shaded = True
            else:
                woken = self._wake.wait() if holds else self._clock.wait(self._wake, left_s)

    def _wait(self, until_ns: int, light: tasks.Light) -> inputs.Report:
        if light != "on":
            self._instruments.shade(off=light == "off")
        if until_ns < 0:
            self._wake.wait()
        else:
            self._clock.wait(self._wake, (until_ns - self._now) * 1e-9)
        return inputs.Woken(self._now)

    def _drain(self) -> inputs.Report:
        """Wait until everything is stored, however long that takes."""
        self._instruments.dark()
        self._instruments.rest()
        return inputs.Drained(self._now) if self._settled() else inputs.Woken(self._now)

    def _await_more(self) -> inputs.Report:
        """Wait until everything is stored, and then for a wake-up."""
        self._instruments.shade(off=True)
        if self._settled():
            self.waiting_for = AWAITS_MORE
            self._wake.wait()
            self.waiting_for = ""
        return inputs.Woken(self._now)

    def _settled(self) -> bool:
        """Wait until everything is stored; told meanwhile is how much is missing. False after a wake-up."""
        try:
            while missing := self._missing():
                self.waiting_for = missing
                if self._clock.wait(self._wake, _LOOK_S):
                    return False
        finally:
            self.waiting_for = ""
        return True

    def _missing(self) -> str:
        """Return what is still to be stored or analysed; what was deferred is read from what is stored."""
        missing = self._instruments.waits_for()
        if not missing and self._analysis is not None:
            missing = self._analysis.waits_for(self.folder)
        return missing

    def _close(self, ending: tasks.Ending, reason: str) -> inputs.Report:
        self._instruments.dark()
        self.waiting_for = "the record to be closed"
        reason = "; ".join(filter(None, (reason, *self._remarks())))
        try:
            if self._analysis is not None:
                reason = "; ".join(filter(None, (reason, self._analysis.stop())))
            outcome, reason = self._instruments.close(ending, reason, self._counts())
        finally:
            if self._analysis is not None:
                self._analysis.close()
            self._answer = None
            self.forget_stimulus()
            self.waiting_for = ""
        return inputs.Closed(self._now, outcome, reason)
