"""``advance(machine, input) -> (machine, effects)``: the whole of a run's decisions. Pure."""

from __future__ import annotations

import msgspec

from parfocal.runs.machine import inputs
from parfocal.runs.machine.choosing import choose
from parfocal.runs.machine.deciding import answered, follow, interrupts, replanned, shifted
from parfocal.runs.machine.guarding import guarded, observed, refusal, unseen_since_resume
from parfocal.runs.machine.machine import Machine, Pausing, RunEnd
from parfocal.runs.machine.reports import take
from parfocal.runs.machine.tasks import (
    Abort,
    Acquire,
    CutSequence,
    Darken,
    Effect,
    Expose,
    Focus,
    HoldCall,
    Place,
    ReleaseCall,
    Wake,
)

Advanced = tuple[Machine, tuple[Effect, ...]]


def advance(machine: Machine, given: inputs.Input) -> Advanced:
    """Return what becomes of a run, and what is to be done at once.

    After a report the machine has its next task, None if the run has ended. A wish leaves the task as it is;
    the effects see to it that it ends.
    """
    match given:
        case inputs.Pause():
            return _pause(machine, given)
        case inputs.Resume():
            return _resume(machine, given)
        case inputs.EndRun():
            return _end(machine, given)
        case inputs.Answer():
            return _answer(machine, given)
        case inputs.Replaced():
            return _replaced(machine)
        case inputs.Extended():
            return _extended(machine, given)
        case inputs.Observed():
            facts = {**machine.facts, **given.facts}
            machine, effects = observed(machine.having(facts=facts), given.now_ns)
            if machine.held is not None and machine.held.resume is not None:
                return _go_on(machine, given.now_ns)
            return machine, effects or interrupts(machine, given.now_ns)
        case inputs.Noted():
            counts = machine.counts.failed(given.source, given.type, given.message, given.event)
            return machine.having(counts=counts), ()
        case _:
            machine = guarded(take(machine, given), given.now_ns)
            machine = follow(machine, given.now_ns)
            return choose(machine, given.now_ns), ()


def _pause(machine: Machine, pause: inputs.Pause) -> Advanced:
    if not machine.may_change:
        return machine, ()
    if machine.held is not None:
        held = machine.held.unresumed(pause.reason)
        return machine if held is machine.held else machine.having(held=held), ()
    busy = machine.is_busy or machine.state == "pending"
    machine = machine.having(held=Pausing(pause.reason, pause.now_ns))
    if machine.may_hold:
        return machine.to("paused"), (HoldCall(),)
    return machine.to("pausing" if busy else "paused"), _broken_off(machine)


def _resume(machine: Machine, resume: inputs.Resume) -> Advanced:
    """Go on, or wait with that until all that interlocks ask for was looked at since."""
    held = machine.held
    if held is None or held.resume is not None or refusal(machine, resume.now_ns):
        return machine, ()
    return _go_on(machine.having(held=msgspec.structs.replace(held, resume=resume)), resume.now_ns)


def _go_on(machine: Machine, now_ns: int) -> Advanced:
    """End the pause as the resume says, unless that still waits for interlocks."""
    held = machine.held
    assert held is not None
    assert held.resume is not None
    if unseen_since_resume(machine):
        return machine, ()
    policy, paused_ns = held.resume.policy, now_ns - held.since_ns
    timing = machine.timing.resumed(policy, held.resume.gap_ns, held.since_ns, now_ns)
    until_ns, conditions = machine.wait_until_ns, machine.conditions
    if policy == "shift":
        until_ns += paused_ns if until_ns > 0 else 0
        conditions = shifted(conditions, paused_ns)
    machine = machine.having(
        held=None, timing=timing, wait_until_ns=until_ns, placed=False, conditions=conditions
    )
    return machine.to("running"), _released(machine)


def _end(machine: Machine, end: inputs.EndRun) -> Advanced:
    """End it: what is cancelled or has failed goes before what is finished, and the first reason stays."""
    if machine.is_closing:
        return machine, ()
    at_once = end.ending in ("cancelled", "failed")
    if machine.end is not None and (not at_once or machine.end.ending in ("cancelled", "failed")):
        return machine, ()
    ending = "complete" if machine.at_end and not at_once else end.ending
    was_held, machine = machine.held, machine.having(end=RunEnd(ending, end.reason), held=None)
    if at_once:
        return machine.to("cancelling"), (Abort(), Darken(), Wake())
    machine = machine.to("running") if machine.state in ("pausing", "paused") else machine
    return machine, _released(machine) if was_held else _broken_off(machine)


def _released(machine: Machine) -> tuple[Effect, ...]:
    """Return what ends a pause."""
    return (ReleaseCall(), Wake()) if machine.may_hold else (Wake(),)


def _broken_off(machine: Machine) -> tuple[Effect, ...]:
    """Return what ends all tasks but an exposure under way and a call: those are brought to their end."""
    if isinstance(machine.task, Expose):
        return CutSequence(), Wake()
    return (Abort(), Wake()) if isinstance(machine.task, Acquire | Focus | Place) else (Wake(),)


def _answer(machine: Machine, answer: inputs.Answer) -> Advanced:
    if machine.event is not None and machine.event.check is not None:
        return answered(machine, answer), (Wake(),)
    if machine.event is None or machine.event.kind != "confirm" or not machine.wait_until_ns:
        return machine, ()
    return machine.having(answer=answer), (Wake(),)


def _extended(machine: Machine, extended: inputs.Extended) -> Advanced:
    """Go on, if it has waited for that. A pause counts from now on: nothing was due before."""
    if not machine.at_end:
        return machine, ()
    held = None if machine.held is None else msgspec.structs.replace(machine.held, since_ns=extended.now_ns)
    timing = machine.timing.going_on(extended.begin_s, extended.now_ns)
    return machine.having(at_end=False, timing=timing, held=held), (Wake(),)


def _replaced(machine: Machine) -> Advanced:
    """Put an exposure or an autofocus back that was not begun: the plan has another one in its place."""
    machine = replanned(machine)
    event = machine.event
    if event is None or not event.is_placed or isinstance(machine.task, Expose | Focus):
        return machine, (Wake(),)
    return machine.without_event(machine.counts.put_back()), (Wake(),)
