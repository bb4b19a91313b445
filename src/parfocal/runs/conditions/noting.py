"""What journal and record of a run hold of conditions: what was decided, which interlocks were breached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.journal_entries import DecidedCondition

if TYPE_CHECKING:
    import logging

    from parfocal.runs.command_log import CommandLog
    from parfocal.runs.machine.machine import Machine


def decided_between(before: Machine, after: Machine) -> DecidedCondition | None:
    """Return what was decided of a condition of the plan between two machines; None if nothing was."""
    last, conditions = after.conditions.last, after.conditions
    if last is not None and last is not before.conditions.last:
        event, decision = last
        first = event.number + 1
        then = "" if decision.met or event.check is None else event.check.otherwise
        until = conditions.left_until if then == "skip" else first
        return DecidedCondition(
            number=event.number, met=decision.met, text=decision.text, then=then, first=first, until=until
        )
    if conditions.decided is before.conditions.decided:
        return None
    new = [number for number in conditions.decided if number not in before.conditions.decided]
    if not new:
        return None
    number, decision = new[0], conditions.decided[new[0]]
    in_hand = after.counts.consumed - 1
    return DecidedCondition(number=number, met=decision.met, text=decision.text, first=in_hand, until=number)


def note_decision(after: Machine, decided: DecidedCondition, commands: CommandLog) -> None:
    """Note what was decided of a condition that the run has come to, with the values; under the lock."""
    last = after.conditions.last
    if last is None or last[0].number != decided.number or last[0].check is None:
        return
    details = {
        "condition": last[0].check.condition.words,
        "met": decided.met,
        "reason": decided.text,
        "then": decided.then,
    }
    commands.note(after, "condition", details, by="")


def note_breaches(before: Machine, after: Machine, commands: CommandLog, log: logging.Logger) -> None:
    """Note the interlocks that are breached since `before`, and those that hold again; under the lock."""
    if before.breaches == after.breaches:
        return
    were, are = ({breach.interlock: breach for breach in one.breaches} for one in (before, after))
    for name, breach in are.items():
        if name not in were:
            details = {"interlock": name, "breach": breach.breach, "reason": breach.told}
            commands.note(before, "interlock", details, by="")
            log.error("%s", breach.told)
    for name in were.keys() - are.keys():
        reason = f"interlock {name!r} holds again"
        commands.note(before, "interlock", {"interlock": name, "reason": reason}, by="")
