"""What interlocks do to a run: before each of its steps, and whenever a value of theirs was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from parfocal.runs.conditions.interlocks import Breach, breaches
from parfocal.runs.machine.machine import Machine, Pausing, RunEnd
from parfocal.runs.machine.tasks import Abort, Darken, Effect, Expose, HoldCall, Wake


def guarded(machine: Machine, now_ns: int) -> Machine:
    """Return the machine held, or at its end, if an interlock is breached.

    What cannot be told counts as a breach, as does what was last seen too long ago. A run that is at its end,
    or is held already, only takes note of it; a resume that waits for what was looked at is withdrawn.
    """
    if not machine.interlocks:
        return machine
    found = breaches(machine.interlocks, machine.facts, now_ns)
    if found != machine.breaches:
        machine = machine.having(breaches=found)
    if not found or not machine.may_change:
        return machine
    first = found[0]
    if first.breach == "end":
        return machine.having(end=RunEnd("failed", first.told), held=None)
    held = machine.held
    return machine.having(
        held=Pausing(first.told, now_ns) if held is None else held.unresumed(first.told),
    )


def observed(before: Machine, now_ns: int) -> tuple[Machine, tuple[Effect, ...]]:
    """Return the machine after values were seen, and what a new breach has done at once: no light stays on.

    An exposure, a sequence or a move under way is aborted, as is a command that exposes; another command is
    held if it can be, and else brought to its end.
    """
    machine = guarded(before, now_ns)
    if machine.end is not before.end:
        return machine.to("cancelling"), (Abort(), Darken(), Wake())
    if not machine.breaches or before.breaches or not machine.may_change:
        return machine, ()
    if before.held is None:
        busy = machine.is_busy or machine.state == "pending"
        if machine.may_hold and not machine.takes_light:
            return machine.to("paused"), (HoldCall(), Darken())
        machine = machine.to("pausing" if busy else "paused")
    if not machine.takes_light:
        return machine, (Darken(), Wake())
    return machine.having(put_out=isinstance(machine.task, Expose)), (Abort(), Darken(), Wake())


def refusal(machine: Machine, now_ns: int) -> tuple[Breach, ...]:
    """Return the interlocks for which a run that is held may not be resumed."""
    return breaches(machine.interlocks, machine.facts, now_ns) if machine.held is not None else ()


def unseen_since_resume(machine: Machine) -> tuple[str, ...]:
    """Return the interlocks that a resume waits for: what they ask for was not looked at since it came."""
    held = machine.held
    if held is None or held.resume is None:
        return ()
    return tuple(dict.fromkeys(_unseen_since(machine, held.resume.now_ns)))


def _unseen_since(machine: Machine, since_ns: int) -> Iterator[str]:
    for interlock in machine.interlocks:
        for one in interlock.condition.comparisons():
            seen = machine.facts.get(one.key)
            if seen is None or seen.asked_ns < since_ns:
                yield interlock.name
