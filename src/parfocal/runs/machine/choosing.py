"""Chooses what a run does next, when its thread has ended a task. Pure."""

from __future__ import annotations

from parfocal.runs.machine.deciding import await_until_ns
from parfocal.runs.machine.machine import Machine
from parfocal.runs.machine.tasks import (
    Acquire,
    Ask,
    Await,
    AwaitMore,
    CallService,
    Close,
    Decide,
    Drain,
    Expose,
    Fetch,
    Focus,
    Hold,
    Light,
    Place,
    Prepare,
    Sleep,
)
from parfocal.runs.plans.event import Event

SHADED_FROM_NS = 10_000_000
"""Who waits for longer than that before an exposure has the light shaded meanwhile."""


def choose(machine: Machine, now_ns: int) -> Machine:
    """Return the machine with its next task: what ends comes before what holds, and that before the plan."""
    if machine.state == "ended":
        return machine.having(task=None)
    if machine.end is not None:
        return _close(machine)
    if machine.held is not None:
        machine = machine.to("pausing") if machine.state == "pending" else machine
        return machine.to("paused").having(task=Hold())
    if not machine.prepared:
        return machine.having(task=Prepare())
    event = machine.event
    if machine.at_end:
        return machine.to("waiting").having(task=AwaitMore())
    if event is None:
        return machine.to("running").having(task=Fetch(machine.counts.consumed))
    if event.kind == "condition":
        return machine.to("waiting").having(task=Await(await_until_ns(machine)))
    if event.kind in ("wait", "confirm"):
        return _wait(machine, event, now_ns)
    machine = machine.to("running")
    if event.kind == "call":
        return machine.having(timing=machine.timing.begun(now_ns), task=CallService(event))
    event = machine.focus.applied(event)
    if not machine.placed and event.kind != "acquire":
        return machine.having(task=Place(event))
    if machine.needs_mask and machine.mask == "none":
        return machine.having(task=Decide(event, machine.holds))
    machine = machine.having(timing=machine.timing.begun(now_ns))
    due_ns = machine.timing.due_ns(event, now_ns)
    if due_ns > now_ns:
        light: Light = "shaded" if due_ns - now_ns > SHADED_FROM_NS else "on"
        return machine.having(task=Sleep(due_ns, light))
    if event.kind == "acquire":
        count = None if event.count is None else event.count - machine.frames_before
        left_s = event.duration_s - machine.lasted_ns * 1e-9 if event.duration_s else None
        return machine.having(task=Acquire(event, count, left_s))
    if event.kind == "autofocus":
        return machine.having(task=Focus(event))
    return machine.having(task=Expose(event, machine.mask))


def _close(machine: Machine) -> Machine:
    """Drain, unless the end is one that waits for nothing; then close. What was not begun is put back."""
    end = machine.end
    assert end is not None
    if machine.event is not None:
        machine = machine.without_event(machine.counts.put_back())
    in_order = end.ending in ("complete", "finished early")
    machine = machine.to("draining")
    if in_order and machine.prepared and not machine.drained:
        return machine.having(task=Drain())
    return machine.having(task=Close(end.ending, end.reason))


def _wait(machine: Machine, event: Event, now_ns: int) -> Machine:
    """Go on with a wait or a question, or begin it: everything before is acquired."""
    machine = machine.to("waiting")
    if not machine.wait_until_ns:
        timing = machine.timing.begun(now_ns)
        machine = machine.having(timing=timing, wait_until_ns=_until_ns(machine, event, now_ns))
    if event.kind == "confirm":
        return machine.having(task=Ask(machine.wait_until_ns))
    return machine.having(task=Sleep(machine.wait_until_ns))


def _until_ns(machine: Machine, event: Event, now_ns: int) -> int:
    if event.kind == "confirm":
        return -1 if event.timeout_s is None else now_ns + round(event.timeout_s * 1e9)
    return machine.timing.begun(now_ns).wait_until_ns(event, now_ns)
