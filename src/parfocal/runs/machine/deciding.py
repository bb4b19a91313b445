"""What conditions of the plan do to a run: what is waited for, cut short, or left out. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from parfocal.runs.conditions.condition import Condition
from parfocal.runs.conditions.judging import Verdict, judged, observed
from parfocal.runs.conditions.values import OperatorAnswer
from parfocal.runs.machine.counts import LEFT_OUT
from parfocal.runs.machine.inputs import Answer
from parfocal.runs.machine.machine import Conditions, Decision, Machine
from parfocal.runs.machine.tasks import Abort, Acquire, Ask, Await, CallService, Decide, Effect, Sleep, Wake
from parfocal.runs.plans.condition_check import ConditionCheck, Watch
from parfocal.runs.plans.event import Event


def follow(machine: Machine, now_ns: int) -> Machine:
    """Return the machine after the conditions of the event in hand: decided, left out, or waiting for one."""
    event = machine.event
    if event is None or machine.held is not None or machine.end is not None:
        return machine
    if event.number < machine.conditions.left_until:
        return _left_out(machine)
    machine = _begun(_after_left_out(machine, event, now_ns), event, now_ns)
    for watch in event.watches:
        decision = _decision_of(machine, watch, now_ns)
        if decision is not None:
            return _cut_short(machine, watch, decision)
    return _checked(machine, event, now_ns) if event.check is not None else machine


def interrupts(machine: Machine, now_ns: int) -> tuple[Effect, ...]:
    """Return what is done at once when values were seen: what is waited for, or cut short, ends."""
    event = machine.event
    if event is None or machine.held is not None or machine.end is not None:
        return ()
    if isinstance(machine.task, Await):
        return (Wake(),)
    if not any(_decision_of(machine, watch, now_ns) for watch in event.watches):
        return ()
    if isinstance(machine.task, Acquire | CallService):
        return (Abort(), Wake())
    return (Wake(),) if isinstance(machine.task, Sleep | Ask | Decide) else ()


def await_until_ns(machine: Machine) -> int:
    """Return until when the condition in hand is waited for; -1: without limit."""
    return machine.wait_until_ns or -1


def _after_left_out(machine: Machine, event: Event, now_ns: int) -> Machine:
    """Return it with the schedule going on now, if what was before the event in hand was left out."""
    if event.number != machine.conditions.left_until or event.number == 0:
        return machine
    timing = machine.timing if event.check is not None else machine.timing.decided(event, now_ns)
    return machine.having(timing=timing, conditions=replace(machine.conditions, left_until=0))


def _begun(machine: Machine, event: Event, now_ns: int) -> Machine:
    """Return it with the begin of each part that begins with this event."""
    known = machine.conditions.began_ns
    new = {watch.closing: now_ns for watch in event.watches if watch.closing not in known}
    if not new:
        return machine
    return machine.having(conditions=replace(machine.conditions, began_ns={**known, **new}))


def _decision_of(machine: Machine, watch: Watch, now_ns: int) -> Decision | None:
    """Return what is decided of a condition that watches the event in hand; None if it goes on.

    One that was decided is not asked again: an event before it is repeated in a recovery.
    """
    if watch.closing in machine.conditions.decided:
        return None
    verdict = _verdict(machine, watch.check, watch.closing, now_ns)
    if verdict.holds:
        return Decision(True, verdict.text)
    until_ns = _limit_ns(machine, watch.check, watch.closing)
    if until_ns < 0 or now_ns < until_ns or _goes_on_past_limit(watch.check):
        return None
    return Decision(False, f"{verdict.text}, {watch.check.timeout_s:g} s after the begin")


def _verdict(machine: Machine, check: ConditionCheck, number: int, now_ns: int) -> Verdict:
    """Return whether a condition holds; by what was so before its part began no part is ended or answered."""
    facts, began_ns = machine.facts, machine.conditions.began_ns.get(number)
    if check.role != "start" and began_ns is not None:
        facts = {key: seen for key, seen in facts.items() if seen.at_ns >= began_ns}
    return judged(check.condition, facts, now_ns)


def _goes_on_past_limit(check: ConditionCheck) -> bool:
    return check.role == "stop" and check.otherwise == "go on"


def _limit_ns(machine: Machine, check: ConditionCheck, number: int) -> int:
    began_ns = machine.conditions.began_ns.get(number)
    if check.timeout_s is None or began_ns is None:
        return -1
    return began_ns + round(check.timeout_s * 1e9)


def _cut_short(machine: Machine, watch: Watch, decision: Decision) -> Machine:
    """Return it with what is left of a part left out."""
    conditions = machine.conditions
    decided = {**conditions.decided, watch.closing: decision}
    conditions = replace(conditions, decided=decided, left_until=max(conditions.left_until, watch.closing))
    return _left_out(machine.having(conditions=conditions))


def _left_out(machine: Machine) -> Machine:
    """Return it without the event in hand; an acquisition that was ended so is done."""
    event, counts = machine.event, machine.counts
    assert event is not None
    if event.kind == "acquire" and machine.frames_before:
        return machine.without_event(counts.done(event, machine.frames_before))
    return machine.without_event(counts.drop(event, LEFT_OUT))


def _checked(machine: Machine, event: Event, now_ns: int) -> Machine:
    """Return it with the condition in hand decided, or waiting for that."""
    check, decision = event.check, machine.conditions.decided.get(event.number)
    assert check is not None
    if decision is not None:
        return _settled(machine, event, decision, now_ns)
    if check.role == "start" and event.number not in machine.conditions.began_ns:
        began_ns = {**machine.conditions.began_ns, event.number: now_ns}
        machine = machine.having(conditions=replace(machine.conditions, began_ns=began_ns))
    if not machine.conditions.asked_ns:
        machine = machine.having(
            timing=machine.timing.begun(now_ns),
            wait_until_ns=max(0, _limit_ns(machine, check, event.number)),
            conditions=replace(machine.conditions, asked_ns=now_ns),
        )
    verdict = _verdict(machine, check, event.number, now_ns)
    if verdict.holds:
        return _settled(machine, event, Decision(True, verdict.text), now_ns)
    is_over = 0 < machine.wait_until_ns <= now_ns
    if is_over or (check.role != "start" and _was_looked_at(machine, check)):
        return _settled(machine, event, Decision(False, verdict.text), now_ns)
    return machine


def _was_looked_at(machine: Machine, check: ConditionCheck) -> bool:
    """Whether each value was looked at once more since the part before was done."""
    seen = [machine.facts.get(one.key) for one in check.condition.comparisons()]
    return all(one is not None and one.looked_ns >= machine.conditions.asked_ns for one in seen)


def _settled(machine: Machine, event: Event, decision: Decision, now_ns: int) -> Machine:
    """Return it with a condition decided, and what that leads to."""
    check, conditions = event.check, machine.conditions
    assert check is not None
    began_ns = {number: at for number, at in conditions.began_ns.items() if number != event.number}
    decided = {number: one for number, one in conditions.decided.items() if number != event.number}
    left_until = conditions.left_until
    if not decision.met and check.otherwise == "skip":
        left_until = event.number + 1 + check.leaves_out
    conditions = Conditions(began_ns, decided, left_until, 0, (event, decision))
    machine = machine.without_event(machine.counts.done(event, frames=0)).having(
        timing=machine.timing.decided(event, now_ns), conditions=conditions
    )
    if decision.met or check.otherwise in ("go on", "skip"):
        return machine
    ending = "finished early" if check.otherwise == "end" else "failed"
    return machine.ending(ending, f"{check.condition.words} was not met: {decision.text}")  # type: ignore[arg-type]


def answered(machine: Machine, answer: Answer) -> Machine:
    """Return it with what a person said to the question of the condition in hand."""
    event = machine.event
    assert event is not None
    assert event.check is not None
    asked = [one for one in event.check.condition.comparisons() if isinstance(one, OperatorAnswer)]
    facts = {one.key: observed(one, None, answer.yes, answer.now_ns) for one in asked}
    return machine.having(facts={**machine.facts, **facts})


def conditions_of(event: Event | None) -> tuple[Condition, ...]:
    """Return the conditions that matter for an event."""
    if event is None:
        return ()
    own = () if event.check is None else (event.check.condition,)
    return (*own, *(watch.check.condition for watch in event.watches))


def question_of(event: Event) -> str:
    """Return what a person is asked by a condition; "" if nothing.

    Examples
    --------
    >>> check = ConditionCheck(condition=OperatorAnswer(question="is it warm?"), role="start")
    >>> question_of(Event(number=0, kind="condition", check=check))
    'is it warm?'
    """
    comparisons = [] if event.check is None else event.check.condition.comparisons()
    return "; ".join(one.question for one in comparisons if isinstance(one, OperatorAnswer))


def shifted(conditions: Conditions, by_ns: int) -> Conditions:
    """Return them after a pause that does not count."""
    began_ns = {number: at + by_ns for number, at in conditions.began_ns.items()}
    return replace(conditions, began_ns=began_ns)


def replanned(machine: Machine) -> Machine:
    """Return it after its future was replaced: what the conditions in hand would leave out is not there."""
    event = machine.event
    machine = machine.having(conditions=Conditions(last=machine.conditions.last))
    if event is None or not (event.watches or event.check):
        return machine
    check = None if event.check is None else replace(event.check, leaves_out=0)
    return machine.having(event=replace(event, watches=(), check=check))
