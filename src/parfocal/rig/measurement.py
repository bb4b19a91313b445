"""One measurement: start the record, run the camera, wait until every frame is tracked, close the record."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.runs.frame_ledger import FrameLedger, read_ledger
from parfocal.storage.recorder_settings import RunReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig

R = TypeVar("R")

LOOK_S = 0.05
ANSWER_S = 5.0
GIVEN_UP = ("degraded", "exited")
PATIENCE_S = 10.0
"""How long nothing may move after the camera has ended before the rest is given up and counted."""


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: what it does, which part of it is done, a few words, the record if there is one.

    `notes` are lines that whoever started the job should read, each told once.
    """

    phase: str
    fraction: float
    text: str = ""
    run: str = ""
    notes: tuple[str, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement left: the recorder's report, and the tracker's and the camera's counts.

    Attributes
    ----------
    report : RunReport
        Of the recorder: folder of the run, outcome, reason, stored and lost of each stream.
    produced, tracked : int
        Frames that were exposed, those that the camera lost included; and those of which rows are published.
    dropped : dict of str to int
        Frames that were not tracked, by reason: "camera" for those that never left it.
    interrupted : bool
        Whether it was ended by Ctrl-C.
    """

    report: RunReport
    produced: int
    tracked: int
    dropped: dict[str, int]
    interrupted: bool = False


def measure(
    rig: Rig,
    *,
    frames: int | None,
    plan: dict[str, Any],
    tell: Callable[[JobProgress], None],
    name: str = "",
    judge: Callable[[FrameLedger], str] = lambda _: "",
) -> Measurement:
    """Record and track one sequence of the camera.

    Parameters
    ----------
    rig : Rig
        With services "camera", "tracker" and "recorder".
    frames : int or None
        How many frames; None runs until the camera's own end (a movie's last image).
    plan : dict
        What was asked, for the record.
    tell : callable
        Told of the progress, in the thread of the caller.
    name : str
        Of the run.
    judge : callable
        Is given the counts of the measurement, and returns why it is of no use, "" if it is: then it has
        failed.

    Returns
    -------
    Measurement
        Also after Ctrl-C: the camera is stopped and what was produced up to then is saved.
    """
    rig["tracker"].drain(timeout_s=PATIENCE_S)  # frames from before belong to nobody's measurement
    before = read_ledger(rig["camera"], rig["tracker"])
    try:
        run = rig["recorder"].start(name=name, plan=plan)
        tell(JobProgress(phase="measuring", fraction=0.0, run=run))
        ending, reason = _acquire(rig, before, frames, tell)
        ledger = _patiently(lambda: read_ledger(rig["camera"], rig["tracker"])).since(before).closed()
        reason = "; ".join(filter(None, (reason, *_unreadable(rig))))
    except KeyboardInterrupt as interrupt:  # before the camera was started, or a second one
        with suppress(CommandError):
            report = _finish(rig, tell, outcome="cancelled", reason=str(interrupt) or "Ctrl-C")
            tell(JobProgress(phase="saving", fraction=1.0, run=report.run))
        raise
    except Exception as error:  # whatever it is: the run does not go on being recorded
        with suppress(CommandError):
            _finish(rig, tell, outcome="failed", reason=f"{type(error).__name__}: {error}")
        raise
    if ending == "complete" and (useless := judge(ledger)):
        ending, reason = "failed", useless
    compared = frames is not None and ending == "complete"  # what was asked with what was exposed
    report = _finish(
        rig, tell, outcome=ending, reason=reason, losses=ledger.unfinished, missing=0 if compared else None
    )
    return Measurement(
        report=report,
        produced=ledger.exposed,
        tracked=ledger.tracked,
        dropped=ledger.dropped,
        interrupted=ending == "cancelled",
    )


def _acquire(
    rig: Rig, before: FrameLedger, frames: int | None, tell: Callable[[JobProgress], None]
) -> tuple[str, str]:
    """Run the camera until its end or a signal; return outcome and reason when all is accounted for."""
    try:
        rig["camera"].start(count=frames)
        ending = _follow(rig, before, frames, tell)
        if ending[0] != "failed":
            _settle(rig, before, tell)
    except KeyboardInterrupt as interrupt:
        rig["camera"].stop(timeout_s=ANSWER_S)
        ending = "cancelled", str(interrupt) or "Ctrl-C"
        _settle(rig, before, tell)
    return ending


def _follow(
    rig: Rig, before: FrameLedger, frames: int | None, tell: Callable[[JobProgress], None]
) -> tuple[str, str]:
    """Wait until the camera has ended; return outcome and reason."""
    restarts, reason = _restarts(rig), ""
    while True:
        _pause()
        try:
            running = rig["camera"].is_running(timeout_s=ANSWER_S)
            now = read_ledger(rig["camera"], rig["tracker"]).since(before)
            tell(JobProgress(phase="measuring", fraction=_fraction(now, frames), text=_text(now)))
            if running:
                continue
            if frames is None or now.exposed >= frames:
                return "complete", reason
            restarts_now = _restarts(rig)
            if restarts_now == restarts:
                return "finished early", f"the camera was stopped after {now.exposed} of {frames} frames"
            restarts, reason = restarts_now, "the camera was started again in the middle"
            rig["camera"].start(count=frames - now.exposed, timeout_s=ANSWER_S)
        except CommandError:  # whoever was asked is being started again, or was given up
            given_up = [name for name, service in rig.status().services.items() if service.state in GIVEN_UP]
            if given_up:
                return "failed", f"{', '.join(given_up)} could not be started again"


def _settle(rig: Rig, before: FrameLedger, tell: Callable[[JobProgress], None]) -> None:
    """Wait until each frame is tracked or dropped, as long as anything moves."""
    clock = SYSTEM_CLOCK
    last, since_ns = before, clock.monotonic_ns()
    while clock.monotonic_ns() - since_ns < PATIENCE_S * 1e9:
        with suppress(CommandError):
            now = read_ledger(rig["camera"], rig["tracker"]).since(before)
            tell(JobProgress(phase="finishing", fraction=_fraction(now, now.exposed), text=_text(now)))
            if not now.in_flight:
                return
            if now != last:
                last, since_ns = now, clock.monotonic_ns()
        _pause()


def _finish(rig: Rig, tell: Callable[[JobProgress], None], **words: Any) -> RunReport:
    """Close the record, however long the disk takes; a recorder that is started again takes the run up.

    A signal that comes meanwhile changes nothing: what is saved is saved.
    """

    def close() -> RunReport:
        call = rig["recorder"].submit("finish", **words)
        while not call.done():
            with suppress(KeyboardInterrupt):
                _pause()
                if call.progress is not None:
                    tell(
                        JobProgress(phase="saving", fraction=call.progress.fraction, text=call.progress.text)
                    )
        report: RunReport = call.result()
        return report

    return _patiently(close)


def _patiently(ask: Callable[[], R]) -> R:
    """Return what `ask` returns; a service that is just being started again is waited for."""
    give_up_ns = SYSTEM_CLOCK.monotonic_ns() + int(PATIENCE_S * 1e9)
    while True:
        try:
            return ask()
        except ServiceUnavailableError:
            if SYSTEM_CLOCK.monotonic_ns() > give_up_ns:
                raise
            _pause()


def _pause() -> None:
    SYSTEM_CLOCK.sleep(LOOK_S)


def _restarts(rig: Rig) -> int:
    return rig.status().services["camera"].restarts


def _unreadable(rig: Rig) -> list[str]:
    """Return which images of a movie could not be read, if the camera plays one."""
    try:
        state = rig["camera"].state(timeout_s=ANSWER_S)
    except CommandError:  # the record says why it does not answer
        return []
    return [str(words) for words in state.get("unreadable", [])]


def _fraction(now: FrameLedger, frames: int | None) -> float:
    return min(1.0, (now.exposed - now.in_flight) / frames) if frames else 0.0


def _text(now: FrameLedger) -> str:
    lost = f", {sum(now.dropped.values())} dropped" if now.dropped else ""
    return f"{now.exposed} exposed, {now.tracked} tracked{lost}"
