"""Faults done to a laboratory and to its run, and what came of each."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import psutil

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import ParfocalError
from parfocal.rig.chaos.promises import PAUSED_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.rig.chaos.faults import ChaosFault
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle

_ENDING = ("cancelling", "draining", "ended")
_ANSWER_S = 30.0


class FaultDone(NamedTuple):
    """What a fault came to.

    Attributes
    ----------
    at_s : float
        When, seconds of the monotonic clock.
    killed : bool
        Whether a process was ended by it.
    gave_up_s : float or None
        After how long a process that stood still had to be given up; None if it went on in time.
    cancelled : bool
        Whether a cancel was answered while the run was not ending by itself.
    wrong : tuple of str
        What the handle of the run did not do.
    """

    at_s: float
    killed: bool = False
    gave_up_s: float | None = None
    cancelled: bool = False
    wrong: tuple[str, ...] = ()


def inflict(
    fault: ChaosFault, rig: Rig, run: RunHandle, hang_after_s: Mapping[str, float]
) -> FaultDone | None:
    """Do it; return what came of it, None if there was nobody to do it to."""
    if fault.service:
        return _to_process(fault, rig, hang_after_s[fault.service])
    try:
        return _to_run(fault, run)
    except ParfocalError:  # nobody answers just now, as an earlier fault had it so: the run goes its way
        return None


def _to_process(fault: ChaosFault, rig: Rig, hang_after_s: float) -> FaultDone | None:
    status = rig.status().services[fault.service]
    if status.state != "ready":
        return None
    try:
        process = psutil.Process(status.pid)
        at_s = SYSTEM_CLOCK.monotonic_s()
        if fault.kind == "kill":
            process.send_signal(signal.SIGKILL)
            return FaultDone(at_s, killed=True)
        process.suspend()
    except psutil.NoSuchProcess:  # it has ended meanwhile, and its rig is about to tell that
        return None
    poll_until(lambda: not process.is_running(), fault.lasts_s)
    with suppress(psutil.NoSuchProcess):  # given up, and ended, while it stood still
        process.resume()
    stood_still_s = SYSTEM_CLOCK.monotonic_s() - at_s
    surely = not process.is_running() or stood_still_s > 2 * hang_after_s + 1.0
    return FaultDone(at_s, gave_up_s=hang_after_s if surely else None)


def _to_run(fault: ChaosFault, run: RunHandle) -> FaultDone | None:
    at_s = SYSTEM_CLOCK.monotonic_s()
    if fault.kind == "cancel":
        return FaultDone(at_s, cancelled=_cancel(run))
    if run.status().state in _ENDING:
        return None
    run.pause("chaos")
    if not poll_until(lambda: run.status().state in ("paused", *_ENDING), PAUSED_WITHIN_S):
        return FaultDone(at_s, wrong=(f"a pause was not acknowledged within {PAUSED_WITHIN_S:.0f} s",))
    before = run.status()
    SYSTEM_CLOCK.sleep(fault.lasts_s)
    after = run.status()
    wrong: tuple[str, ...] = ()
    if after.state == "paused" and after.events_acquired != before.events_acquired:
        wrong = (
            f"{after.events_acquired - before.events_acquired} events were acquired while it was paused",
        )
    if fault.kind == "cancel while paused":
        return FaultDone(at_s, cancelled=_cancel(run), wrong=wrong)
    run.resume()
    return FaultDone(at_s, wrong=wrong)


def _cancel(run: RunHandle) -> bool:
    """Cancel it; return whether that was still to be done."""
    ending = run.status().state in _ENDING
    answered = run.cancel("chaos")
    return not ending and answered.state not in ("draining", "ended")
