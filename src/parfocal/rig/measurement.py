"""One measurement: start the record, run the camera, wait until every frame is tracked, close the record."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.storage.recorder import RunReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig

LOOK_S = 0.05
ANSWER_S = 5.0
GIVEN_UP = ("degraded", "exited")
PATIENCE_S = 10.0
"""How long nothing may move after the camera has ended before the rest is given up and counted."""


class Counts(NamedTuple):
    """Frames so far in this measurement."""

    produced: int = 0
    tracked: int = 0
    dropped: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: what it is doing, which part of that is done, and a few words."""

    phase: str
    fraction: float
    text: str = ""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement left: the recorder's report, and the tracker's and the camera's counts.

    Attributes
    ----------
    report : RunReport
        Of the recorder: folder of the run, outcome, reason, stored and lost of each stream.
    produced, tracked : int
        Frames.
    dropped : dict of str to int
        Frames that were not tracked, by reason.
    interrupted : bool
        Whether it was ended by Ctrl-C.
    """

    report: RunReport
    produced: int
    tracked: int
    dropped: dict[str, int]
    interrupted: bool = False


def measure(
    rig: Rig, *, frames: int | None, plan: dict[str, Any], tell: Callable[[Progress], None], name: str = ""
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

    Returns
    -------
    Measurement
        Also after Ctrl-C: the camera is stopped and what was produced up to then is saved.
    """
    rig["tracker"].drain(timeout_s=PATIENCE_S)  # frames from before belong to nobody's measurement
    begin = _raw_counts(rig)
    rig["recorder"].start(name=name, plan=plan, settings=_settings(rig), devices=_states(rig))
    try:
        rig["camera"].start(count=frames)
        ending, reason = _follow(rig, begin, frames, tell)
    except KeyboardInterrupt:
        rig["camera"].stop_sequence(timeout_s=ANSWER_S)
        ending, reason = "cancelled", "Ctrl-C"
        _settle(rig, begin, tell)
    report = _finish(rig, ending, reason)
    end = _raw_counts(rig)
    dropped = {
        cause: count - begin.dropped.get(cause, 0)
        for cause, count in end.dropped.items()
        if count > begin.dropped.get(cause, 0)
    }
    return Measurement(
        report=report,
        produced=end.produced - begin.produced,
        tracked=end.tracked - begin.tracked,
        dropped=dropped,
        interrupted=ending == "cancelled",
    )


class _RawCounts(NamedTuple):
    """Counts since the rig was started."""

    produced: int
    tracked: int
    dropped: dict[str, int]

    def since(self, begin: _RawCounts) -> Counts:
        return Counts(
            self.produced - begin.produced,
            self.tracked - begin.tracked,
            sum(self.dropped.values()) - sum(begin.dropped.values()),
        )


def _follow(
    rig: Rig, begin: _RawCounts, frames: int | None, tell: Callable[[Progress], None]
) -> tuple[str, str]:
    """Wait until the camera has ended and every frame is accounted for; return outcome and reason."""
    never = threading.Event()
    restarted = ""
    while True:
        SYSTEM_CLOCK.wait(never, LOOK_S)
        try:
            running = rig["camera"].is_running(timeout_s=ANSWER_S)
            now = _raw_counts(rig).since(begin)
            if not running and frames is not None and now.produced < frames:
                restarted = "the camera was started again in the middle"
                rig["camera"].start(count=frames - now.produced, timeout_s=ANSWER_S)
                running = True
        except CommandError:  # whoever was asked is being started again, or was given up
            given_up = [name for name, service in rig.status().services.items() if service.state in GIVEN_UP]
            if given_up:
                return "failed", f"{', '.join(given_up)} could not be started again"
            continue
        tell(Progress(phase="measuring", fraction=_fraction(now, frames), text=_text(now)))
        if not running:
            _settle(rig, begin, tell)
            return "complete", restarted


def _settle(rig: Rig, begin: _RawCounts, tell: Callable[[Progress], None]) -> None:
    """Wait until each frame is tracked or dropped, as long as anything moves."""
    never = threading.Event()
    clock = SYSTEM_CLOCK
    last, since_ns = Counts(), clock.monotonic_ns()
    while clock.monotonic_ns() - since_ns < PATIENCE_S * 1e9:
        try:
            now = _raw_counts(rig).since(begin)
        except CommandError:
            now = last
        if now != last:
            last, since_ns = now, clock.monotonic_ns()
        tell(Progress(phase="finishing", fraction=_fraction(now, now.produced), text=_text(now)))
        if now.tracked + now.dropped >= now.produced:
            return
        clock.wait(never, LOOK_S)


def _raw_counts(rig: Rig) -> _RawCounts:
    counts = rig["tracker"].counts(timeout_s=ANSWER_S)
    produced = rig.stream("camera").status().produced
    return _RawCounts(produced, counts["tracked"], dict(counts["dropped"]))


def _finish(rig: Rig, ending: str, reason: str) -> RunReport:
    """Close the record; a recorder that is just being started again takes the run up, and is waited for."""
    never, clock = threading.Event(), SYSTEM_CLOCK
    give_up_ns = clock.monotonic_ns() + int(PATIENCE_S * 1e9)
    while True:
        try:
            report: RunReport = rig["recorder"].finish(
                reason=reason, outcome=ending, devices=_states(rig), timeout_s=60.0
            )
        except ServiceUnavailableError:
            if clock.monotonic_ns() > give_up_ns:
                raise
            clock.wait(never, LOOK_S)
        else:
            return report


def _settings(rig: Rig) -> dict[str, Any]:
    return {name: _answer(rig, name, "get_settings") for name in rig.services}


def _states(rig: Rig) -> dict[str, Any]:
    return {name: _answer(rig, name, "state") for name in rig.services if name != "recorder"}


def _answer(rig: Rig, service: str, command: str) -> Any:
    """Return what a service answers, or why it does not: the record keeps either."""
    try:
        return rig[service].submit(command, timeout_s=ANSWER_S).result()
    except CommandError as error:
        return {"unknown": str(error)}


def _fraction(now: Counts, frames: int | None) -> float:
    return min(1.0, (now.tracked + now.dropped) / frames) if frames else 0.0


def _text(now: Counts) -> str:
    lost = f", {now.dropped} dropped" if now.dropped else ""
    return f"{now.produced} produced, {now.tracked} tracked{lost}"
