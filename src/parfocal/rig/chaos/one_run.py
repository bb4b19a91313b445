"""One run to which things are done, and what is compared after it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import DeadlineError, ParfocalError, RunFailedError
from parfocal.rig.chaos import promises
from parfocal.rig.chaos.inflicting import FaultDone, inflict
from parfocal.rig.chaos.promises import BrokenPromise, LostProcess
from parfocal.rig.chaos.stored_frames import stored_frames
from parfocal.runs.settings import SERVICE as RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.core.run_status import RunStatus
    from parfocal.rig.chaos.faults import ChaosFault
    from parfocal.rig.chaos.promises import Promise
    from parfocal.rig.chaos.watching import ChaosWatch
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.plans.plan import Plan

_LOOK_S = 0.05
_LOOK_LIT_S, _LIT_WITHIN_S = 0.002, 2.0
NEVER_BEGAN = "never began"


class OneRun:
    """Carries out one run, does what was drawn to it, and compares.

    Parameters
    ----------
    rig, watching : Rig, ChaosWatch
        The laboratory, and what is seen of it.
    name : str
        Of the run.
    faults : iterable of ChaosFault
        What is done, in the order of time.
    samples : iterable of str
        The services that simulate what the lights reach.

    Attributes
    ----------
    outcome : str
        How the run ended.
    inflicted : list of str
        What was really done.
    checks, breaches : Counter, list of BrokenPromise
        How often each promise was looked at, and where it did not hold.
    """

    def __init__(
        self, rig: Rig, watching: ChaosWatch, name: str, faults: Iterable[ChaosFault], samples: Iterable[str]
    ) -> None:
        self._rig, self._watching, self.name, self._faults = rig, watching, name, tuple(faults)
        self._samples = tuple(samples)
        self.outcome = NEVER_BEGAN
        self.inflicted: list[str] = []
        self.checks: Counter[str] = Counter()
        self.breaches: list[BrokenPromise] = []
        self._done: list[tuple[ChaosFault, FaultDone]] = []
        self._status: RunStatus | None = None
        self._began_ns = 0

    def carry_out(
        self, plan: Plan, folder: Path, hang_after_s: Mapping[str, float], patience_s: float
    ) -> None:
        """Begin the run, do what is to be done, and wait for its end."""
        self._watching.take_held_up_s()
        self._began_ns = SYSTEM_CLOCK.monotonic_ns()
        try:
            run = self._rig.run(plan, name=self.name, folder=folder)
        except ParfocalError as error:
            self._look(
                "every long thing is a handle", [f"a laboratory that was ready refused the run: {error}"]
            )
            return
        for fault in self._faults:
            due_s = self._began_ns * 1e-9 + fault.at_s
            poll_until(lambda: _has_ended(run), due_s - SYSTEM_CLOCK.monotonic_s(), every_s=_LOOK_S)
            if fault.lit and self._samples:
                poll_until(lambda: self._is_lit() or _has_ended(run), _LIT_WITHIN_S, every_s=_LOOK_LIT_S)
            done = None if _has_ended(run) else inflict(fault, self._rig, run, hang_after_s)
            if done is not None:
                self._done.append((fault, done))
                self.inflicted.append(str(fault))
        is_cancelled = any(done.cancelled for _, done in self._done)
        limit_s = promises.CANCELLED_WITHIN_S if is_cancelled else patience_s + promises.ENDS_WITHIN_S
        self._status = _final(run, limit_s)
        self.outcome = "goes on" if self._status is None else self._status.outcome
        if self._status is None:
            status = run.status()
            self._look(
                "every long thing is a handle", [f"it did not end: {status.waiting_for or status.state}"]
            )
            run.finish("chaos ends it")
            _final(run, promises.CANCELLED_WITHIN_S)

    def compare(self, longest_light_s: float) -> bool:
        """Look at each promise; return whether all services are ready again."""
        self._compare_handle()
        for sample in self._samples:
            self._compare_light(sample, longest_light_s)
        ready = self._compare_deaths()
        self._look("nothing is lost silently", promises.wrong_ledgers(self._rig.status().streams))
        self._compare_record()
        return ready

    def _is_lit(self) -> bool:
        return any(self._rig[sample].light() for sample in self._samples)

    def _compare_handle(self) -> None:
        if self.outcome == NEVER_BEGAN:
            return
        steered = [done for fault, done in self._done if not fault.service]
        engine_lost = any(fault.service == RUNS for fault, _ in self._done)
        cancelled = any(done.cancelled for done in steered)
        lost = promises.lost_cancels(self._status, asked=cancelled, engine_lost=engine_lost)
        self._look(
            "every long thing is a handle", [*(told for done in steered for told in done.wrong), *lost]
        )

    def _compare_light(self, sample: str, longest_s: float) -> None:
        world = self._rig[sample]
        held_up_s = self._watching.take_held_up_s()
        limit_s = promises.DARK_WITHIN_S + held_up_s
        wrong: list[str] = []
        if not poll_until(lambda: not world.light(), limit_s):
            wrong.append(f"{limit_s:.1f} s after the run the sample is lit: {world.light()}")
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        if math.isfinite(longest_s):
            log = world.light_log(self._began_ns)
            wrong.extend(promises.long_lights(log, now_ns, longest_s + limit_s))
        self._look("nothing stays on", wrong)

    def _compare_deaths(self) -> bool:
        held_up_s = self._watching.take_held_up_s()
        losses = [loss for fault, done in self._done if (loss := self._loss(fault, done)) is not None]
        wrong = [*promises.silent_deaths(losses, held_up_s)]
        ready = poll_until(self._all_ready, promises.READY_WITHIN_S)
        if not ready:
            states = {
                name: one.state for name, one in self._rig.status().services.items() if one.state != "ready"
            }
            wrong.append(f"not ready again after {promises.READY_WITHIN_S:.0f} s: {states}")
        self._look("nothing dies silently", wrong)
        return ready

    def _loss(self, fault: ChaosFault, done: FaultDone) -> LostProcess | None:
        if not done.killed and done.gave_up_s is None:
            return None
        within_s = promises.SEEN_WITHIN_S + (done.gave_up_s or 0.0)
        poll_until(lambda: self._watching.seen_s(fault.service, done.at_s) is not None, 2.0 * within_s)
        seen_s = self._watching.seen_s(fault.service, done.at_s)
        return LostProcess(service=fault.service, lost_s=done.at_s, seen_s=seen_s, within_s=within_s)

    def _all_ready(self) -> bool:
        services = self._rig.status().services
        for name, service in services.items():
            if service.state == "degraded":  # it was lost too often for its policy: we are who did that
                self._rig.restart(name)
        return all(service.state == "ready" for service in services.values())

    def _compare_record(self) -> None:
        if self._status is None or not self._status.folder or not Path(self._status.folder).is_dir():
            return
        recorded, frames = stored_frames(Path(self._status.folder))
        self._look("nothing is lost silently", promises.false_counts(frames))
        self._look("the record tells the truth", promises.false_outcomes(self._status, recorded, frames))

    def _look(self, promise: Promise, wrong: Iterable[str]) -> None:
        self.checks[promise] += 1
        for told in wrong:
            self.breaches.append(
                BrokenPromise(promise=promise, told=told, run=self.name, faults=tuple(self.inflicted))
            )


def _has_ended(run: RunHandle) -> bool:
    try:
        return run.status().ended
    except ParfocalError:  # its engine is being started again
        return False


def _final(run: RunHandle, timeout_s: float) -> RunStatus | None:
    """Return the final status; None if it goes on for longer than that."""
    try:
        return run.wait(timeout_s)
    except RunFailedError as error:
        return error.status
    except DeadlineError:
        return None
