"""What a report of the run's own thread makes of the machine. Pure."""

from __future__ import annotations

from parfocal.runs.machine import inputs
from parfocal.runs.machine.counts import LEFT_OUT, NO_MASK
from parfocal.runs.machine.machine import TRIES, Machine, Pausing
from parfocal.runs.machine.tasks import CallService, Drain, Expose, Hold
from parfocal.runs.plans.event import is_stimulus


def take(machine: Machine, report: inputs.Report) -> Machine:
    """Return the machine after its task has ended with `report`; it has no next task yet."""
    match report:
        case inputs.Exposed():
            return _exposed(machine, report)
        case inputs.Fetched():
            return _fetched(machine, report)
        case inputs.Decided():
            return _decided(machine, report)
        case inputs.Placed():
            return machine.having(placed=machine.event is not None)
        case inputs.Woken():
            return _woken(machine, report.now_ns)
        case inputs.Prepared():
            return machine.having(prepared=True, ended={})
        case inputs.Focused():
            return _focused(machine, report)
        case inputs.FocusNotFound():
            return _focus_not_found(machine, report)
        case inputs.Acquired():
            return _acquired(machine, report)
        case inputs.Called():
            return _called(machine, report)
        case inputs.FrameLost():
            return _dropped(machine, "lost")
        case inputs.Stopped():
            return _broken_off(machine, "cancelled")
        case inputs.Restarted():
            return _restarted(machine, report)
        case inputs.TaskFailed():
            return _failed(machine, report)
        case inputs.Drained():
            return machine.having(drained=True)
        case inputs.Closed():
            machine = machine if machine.state == "draining" else machine.to("draining")
            return machine.to("ended").having(outcome=report.outcome, reason=report.reason)


def _exposed(machine: Machine, report: inputs.Exposed) -> Machine:
    event = machine.event
    assert event is not None
    timing = machine.timing.exposed(event, report.began_ns, repeated=bool(machine.ended))
    if machine.put_out:
        told = "its light was put out as it, or an image that was taken with it, was exposed"
        machine = _noted(machine, "interlock", "BreachError", told)
        if event.kind == "stimulus":
            return _dropped(machine, "unsure").having(timing=timing)
    counts = machine.counts.done(event, frames=1, fallback=machine.mask == "older")
    return machine.without_event(counts).having(timing=timing)


def _fetched(machine: Machine, report: inputs.Fetched) -> Machine:
    event = report.event
    if event is None:
        machine = machine.having(counts=machine.counts.all_taken())
        if machine.open_ended and machine.end is None:
            return machine.having(at_end=True)
        return machine if machine.end is not None else machine.ending("complete", "")
    machine = machine.having(event=event, counts=machine.counts.taken(event))
    if event.is_placed and machine.timing.is_skipped(event):
        return _dropped(machine, "skipped")
    return machine


def _decided(machine: Machine, report: inputs.Decided) -> Machine:
    """Take the mask, or do what the policy says where it is not there.

    One whose image was taken before the run was cut short ends nothing: a run that is to be completed would
    never come further than that.
    """
    if machine.event is None or machine.end is not None or machine.held is not None:
        return machine  # put back, or asked for again after the pause
    if report.mask == "there":
        return machine.having(mask="wanted")
    if machine.late == "abort" and report.mask != "gone":
        return machine.ending("failed", f"the mask of event {machine.event.number} {report.why}")
    if machine.late == "hold" and report.mask == "late":
        return machine.having(holds=True)
    if machine.late == "previous" and report.has_older:
        return machine.having(mask="older")
    return _dropped(machine, NO_MASK)


def _focused(machine: Machine, report: inputs.Focused) -> Machine:
    event = machine.event
    assert event is not None
    counts = machine.counts.focused(event)
    return machine.without_event(counts).having(focus=machine.focus.found(event, report.z_um))


def _focus_not_found(machine: Machine, report: inputs.FocusNotFound) -> Machine:
    """Go on at the height that it was, or hold or end the run: as the autofocus says."""
    event = machine.event
    assert event is not None
    assert event.autofocus is not None
    machine = _noted(machine, "autofocus", "FocusNotFoundError", report.message)
    machine = machine.having(counts=machine.counts.not_focused())
    if machine.end is not None:
        return machine
    match event.autofocus.on_failure:
        case "stop":
            return machine.ending("failed", report.message)
        case "pause":
            return _paused(machine, report.message, report.now_ns)
        case _:
            return machine.without_event(machine.counts.done(event, frames=0))


def _woken(machine: Machine, now_ns: int) -> Machine:
    """See whether a wait is over, a question answered, or an exposure overdue that is to be skipped."""
    event = machine.event
    if event is None or machine.held is not None or machine.end is not None:
        return machine
    if event.is_placed and machine.timing.is_skipped(event):
        return _dropped(machine, "skipped")
    if not machine.wait_until_ns:
        return machine
    if event.kind == "confirm":
        return _answered(machine, now_ns)
    if event.kind == "condition":
        return machine
    if now_ns < machine.wait_until_ns:
        return machine
    return machine.without_event(machine.counts.done(event, frames=0))


def _answered(machine: Machine, now_ns: int) -> Machine:
    event = machine.event
    assert event is not None
    answer = machine.answer
    if answer is not None and answer.yes:
        timing = machine.timing.answered(event, now_ns)
        return machine.without_event(machine.counts.done(event, frames=0)).having(timing=timing)
    if answer is not None:
        said = f": {answer.text}" if answer.text else ""
        return machine.ending("cancelled", f"{event.text!r} was answered with no{said}")
    if 0 < machine.wait_until_ns <= now_ns:
        return machine.ending("failed", f"nobody answered {event.text!r} within {event.timeout_s} s")
    return machine


def _acquired(machine: Machine, report: inputs.Acquired) -> Machine:
    """Count an acquisition that has ended; one that a pause has broken off goes on after it.

    One that somebody else has stopped ends the run.
    """
    event = machine.event
    assert event is not None
    frames = machine.frames_before + report.frames
    timing, began_ns = machine.timing, report.began_ns
    if began_ns is not None:
        timing = timing.exposed(event, began_ns, repeated=False)
    machine = machine.having(timing=timing)
    if report.stopped and machine.end is None:
        machine = machine.ending("finished early", report.stopped)
    whole = report.whole or (event.count is not None and frames >= event.count)
    finished = machine.end is not None and machine.end.ending == "finished early"
    if whole or finished:
        return machine.without_event(machine.counts.done(event, frames))
    lasted_ns = 0 if began_ns is None else report.now_ns - began_ns
    machine = machine.having(frames_before=frames, lasted_ns=machine.lasted_ns + lasted_ns)
    return _dropped(machine, "cancelled", frames) if machine.end is not None else machine


def _called(machine: Machine, report: inputs.Called) -> Machine:
    """Count a call that has ended; what follows keeps its distance to it. It is never tried again."""
    event = machine.event
    assert event is not None
    timing = machine.timing.answered(event, report.now_ns)
    if report.outcome == "acquired":
        return machine.without_event(machine.counts.done(event, report.frames)).having(timing=timing)
    if report.outcome == "failed":
        machine = _noted(machine, report.source, report.type, report.message)
    is_cut_short = report.outcome == "cancelled" and machine.end is None and machine.held is None
    reason = LEFT_OUT if is_cut_short else report.outcome  # by a condition of the plan
    machine = _dropped(machine, reason, report.frames).having(timing=timing)
    if report.outcome != "failed" or machine.end is not None or machine.on_failure == "go on":
        return machine
    if machine.on_failure == "pause":
        return _paused(machine, report.message, report.now_ns)
    return machine.ending("failed", report.message)


def _broken_off(machine: Machine, reason: str) -> Machine:
    """Declare an exposure that was aborted, or failed while the run was to end; else nothing was begun.

    An image that an interlock has aborted is taken again once the run goes on.
    """
    event = machine.event
    if event is None or not isinstance(machine.task, Expose | CallService):
        return machine
    if machine.end is None and not _is_done_once(machine):
        return machine.having(placed=False, put_out=False)
    return _dropped(machine, "unsure" if _is_done_once(machine) else reason)


def _is_done_once(machine: Machine) -> bool:
    """Whether the task is one that is not tried again: nobody knows how far it came."""
    event = machine.event
    fires = is_stimulus(event) and isinstance(machine.task, Expose)
    return fires or isinstance(machine.task, CallService)


def _restarted(machine: Machine, report: inputs.Restarted) -> Machine:
    """Try the event again, unless it is a stimulus that may have been fired, or a call."""
    machine = _noted(machine, report.source, "restarted", report.message)
    event = machine.event
    if _is_done_once(machine):
        return _dropped(machine, "unsure")
    times = machine.ended.get(report.source, 0) + 1
    if times < TRIES:
        return machine.having(ended={**machine.ended, report.source: times}, placed=False)
    message = f"{report.message}: {report.source} has ended {TRIES} times in a row"
    return machine.ending("failed", message) if event is None else _given_up(machine, message, report.now_ns)


def _failed(machine: Machine, report: inputs.TaskFailed) -> Machine:
    machine = _noted(machine, report.source, report.type, report.message)
    event = machine.event
    in_order = machine.end is not None and machine.end.ending in ("complete", "finished early")
    if machine.end is not None and not (in_order and isinstance(machine.task, Drain)):
        return _broken_off(machine, "failed")
    if event is None or isinstance(machine.task, Hold):  # nothing to drop: light, record or claims failed
        return machine.ending("failed", report.message)
    if _is_done_once(machine):
        machine = _dropped(machine, "unsure")
        return machine if machine.on_failure == "go on" else _given_up(machine, report.message, report.now_ns)
    return _given_up(machine, report.message, report.now_ns)


def _given_up(machine: Machine, message: str, now_ns: int) -> Machine:
    """Do with an event that failed what the policy says."""
    if machine.on_failure == "go on":
        return _dropped(machine, "failed") if machine.event is not None else machine
    if machine.on_failure == "pause":
        return _paused(machine, message, now_ns)
    return machine.ending("failed", message)


def _paused(machine: Machine, message: str, now_ns: int) -> Machine:
    """Have a person look; the event in hand is tried again afterwards."""
    held = Pausing(message, now_ns) if machine.held is None else machine.held.unresumed(message)
    return machine.having(held=held, ended={}, placed=False)


def _dropped(machine: Machine, reason: str, frames: int = 0) -> Machine:
    """Declare the event in hand dropped."""
    event = machine.event
    assert event is not None
    counts = machine.counts.drop(event, reason)
    if frames:
        counts = counts.received(frames)
    return machine.without_event(counts)


def _noted(machine: Machine, source: str, kind: str, message: str) -> Machine:
    event = -1 if machine.event is None else machine.event.number
    return machine.having(counts=machine.counts.failed(source, kind, message, event))
