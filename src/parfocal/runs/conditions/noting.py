"""Has the record of a run hold which interlocks were breached, with the values, and when they held again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from parfocal.runs.command_log import CommandLog
    from parfocal.runs.machine.machine import Machine


def note_decision(before: Machine, after: Machine, commands: CommandLog) -> None:
    """Note what was decided of a condition of the plan, with the values; under the lock."""
    last = after.conditions.last
    if last is None or last is before.conditions.last:
        return
    event, decision = last
    if event.check is not None:
        details = {
            "condition": event.check.condition.words,
            "met": decision.met,
            "reason": decision.text,
            "then": "" if decision.met else event.check.otherwise,
        }
        commands.note(before, "condition", details, by="")


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
