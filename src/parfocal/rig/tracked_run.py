"""One run of a camera whose frames are tracked and recorded, followed to its end: of the demo, of a movie."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.core.run_status import RunStatus
from parfocal.rig.job import JobProgress
from parfocal.runs import acquire
from parfocal.runs.handle import result_of
from parfocal.runs.instruments.frame_ledger import FrameLedger, read_ledger
from parfocal.runs.instruments.tracked import PATIENCE_S
from parfocal.storage import Manifest, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle

LOOK_S = 0.05
_PHASES = {"cancelling": "finishing", "draining": "saving", "ended": "saving"}


class TrackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of tracked frames left.

    Attributes
    ----------
    status : RunStatus
        The final one.
    manifest : Manifest
        Of its record, closed.
    ledger : FrameLedger
        What became of its frames, at the camera and at the tracker.
    """

    status: RunStatus
    manifest: Manifest
    ledger: FrameLedger

    @property
    def folder(self) -> Path:
        """Of the record."""
        return Path(self.status.folder)

    @property
    def stored(self) -> dict[str, int]:
        """What is on the disk, by stream."""
        return {name: stream.stored for name, stream in self.manifest.streams.items()}


def run_tracked(
    rig: Rig,
    frames: int | None,
    *,
    report: Callable[[JobProgress], None],
    name: str = "",
    notes: dict[str, Any] | None = None,
) -> TrackedRun:
    """Expose, track and record one sequence of the camera as a run; return when all of it is over.

    Ctrl-C cancels the run: what was produced up to then is saved.

    Parameters
    ----------
    rig : Rig
        With services "camera", "tracker" and "recorder".
    frames : int or None
        How many; None runs until the camera's own end (a movie's last image).
    report : callable
        Told of the progress, in the thread of the caller.
    name, notes
        Of the run, for its record.

    Raises
    ------
    RunFailedError
        If the run could not even begin.
    """
    rig["tracker"].drain(timeout_s=PATIENCE_S)  # frames from before belong to no run
    before = read_ledger(rig["camera"], rig["tracker"])
    try:
        handle = rig.run(acquire(frames), name=name, notes=notes)
        status = _follow(rig, handle, before, frames, report)
    except BaseException as error:
        _leave_nothing_running(rig, f"{type(error).__name__}: {error}")
        raise
    if not status.folder:
        result_of(status)
    ledger = _patiently(lambda: read_ledger(rig["camera"], rig["tracker"]))
    manifest = read_manifest(Path(status.folder))
    return TrackedRun(status=status, manifest=manifest, ledger=ledger.since(before).closed())


def _follow(
    rig: Rig,
    handle: RunHandle,
    before: FrameLedger,
    frames: int | None,
    report: Callable[[JobProgress], None],
) -> RunStatus:
    """Tell how far the run is until it has ended; Ctrl-C cancels it."""
    now = FrameLedger(0, 0, {})
    while True:
        try:
            status = handle.status()
            with suppress(CommandError):  # whoever was asked is being started again
                now = read_ledger(rig["camera"], rig["tracker"]).since(before)
            phase = _PHASES.get(status.state, "measuring")
            report(
                JobProgress(phase=phase, fraction=_fraction(now, frames), text=_text(now), run=status.folder)
            )
            if status.ended:
                return status
            SYSTEM_CLOCK.sleep(LOOK_S)
        except KeyboardInterrupt as interrupt:
            handle.cancel(str(interrupt) or "Ctrl-C")


def _leave_nothing_running(rig: Rig, reason: str) -> None:
    """End what may have begun when its program was interrupted or failed in mid-start."""
    with suppress(CommandError):
        for handle in rig.runs.values():
            if handle.cancel(reason).is_running:
                handle.wait(PATIENCE_S)


def _patiently(ask: Callable[[], FrameLedger]) -> FrameLedger:
    """Return what `ask` returns; a service that is just being started again is waited for."""
    give_up_ns = SYSTEM_CLOCK.monotonic_ns() + int(PATIENCE_S * 1e9)
    while True:
        try:
            return ask()
        except ServiceUnavailableError:
            if SYSTEM_CLOCK.monotonic_ns() > give_up_ns:
                raise
            SYSTEM_CLOCK.sleep(LOOK_S)


def _fraction(now: FrameLedger, frames: int | None) -> float:
    return min(1.0, (now.exposed - now.in_flight) / frames) if frames else 0.0


def _text(now: FrameLedger) -> str:
    lost = f", {sum(now.dropped.values())} dropped" if now.dropped else ""
    return f"{now.exposed} exposed, {now.tracked} tracked{lost}"
