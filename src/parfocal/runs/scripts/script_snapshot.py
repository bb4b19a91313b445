"""Makes the status of a script's run of its machine, and of what else is known of it. Pure."""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import RunCommand, RunError, RunErrors, RunStatus
from parfocal.runs.scripts.script_machine import ScriptMachine

_PATIENCE_NS = 10**9


class ScriptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a script beside its machine.

    Attributes
    ----------
    run, script, folder : str
        Its name, its file, and where its record is.
    claims : tuple of str
        The services that it holds.
    created_at, started_at, finished_at : float or None
        Seconds since 1970 UTC.
    commands : tuple of RunCommand
        What was asked of it, the last ones.
    """

    run: str
    script: str
    folder: str = ""
    claims: tuple[str, ...] = ()
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    commands: tuple[RunCommand, ...] = ()


def script_status(machine: ScriptMachine, facts: ScriptFacts, now_ns: int) -> RunStatus:
    """Return the status of a script's run: its steps stand where a plan has events.

    Examples
    --------
    >>> from parfocal.runs.scripts.messages import ScriptStep
    >>> machine = ScriptMachine(state="running", step=ScriptStep("up", 2, 5), steps_done=1, began_ns=0)
    >>> status = script_status(machine, ScriptFacts(run="a", script="/lab/a.py"), 3 * 10**9)
    >>> status.event_number, status.events_total, status.event_text, status.elapsed_s
    (1, 5, 'up', 3.0)
    """
    step, held = machine.step, machine.held
    at_ns = now_ns if machine.ended_ns is None else machine.ended_ns
    stands_ns = at_ns if held is None else held.since_ns
    elapsed_ns = 0 if machine.began_ns is None else at_ns - machine.began_ns
    scheduled_ns = 0 if machine.began_ns is None else max(0, stands_ns - machine.began_ns - machine.paused_ns)
    number = 0 if step is None else step.number
    return RunStatus(
        run=facts.run,
        script=facts.script,
        state=machine.state,
        outcome=machine.outcome if machine.state == "ended" else "",
        reason=_reason(machine),
        waiting_for=_waiting_for(machine, now_ns),
        event_number=number - 1,
        event_text="" if step is None else step.text,
        events_total=0 if step is None else max(step.of, number),
        events_consumed=machine.steps_done + (step is not None and machine.state != "ended"),
        events_acquired=machine.steps_done,
        created_at=facts.created_at,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        elapsed_s=elapsed_ns * 1e-9,
        scheduled_s=scheduled_ns * 1e-9,
        wait_remaining_s=_wait_remaining_s(machine, stands_ns),
        question=_question(machine),
        choices=_choices(machine),
        errors=_errors(machine),
        commands=facts.commands,
        folder=facts.folder,
        claims=() if machine.state == "ended" else facts.claims,
    )


def _reason(machine: ScriptMachine) -> str:
    if machine.reason or machine.state == "ended":
        return machine.reason
    return machine.end.reason if machine.end else machine.held.reason if machine.held else ""


def _waiting_for(machine: ScriptMachine, now_ns: int) -> str:
    if machine.state == "draining":
        return "what it started to end"
    if machine.state == "pausing" and machine.held is not None:
        if now_ns - machine.held.since_ns < _PATIENCE_NS:
            return ""
        return f"the script, not answering the pause yet: {machine.busy or 'it calls nothing of the lab'}"
    return "" if machine.waits is None else machine.waits.what


def _wait_remaining_s(machine: ScriptMachine, stands_ns: int) -> float:
    """Return how long a wait still lasts; during a pause its countdown stands."""
    waits = machine.asks or machine.waits
    return max(0.0, (waits.until_ns - stands_ns) * 1e-9) if waits is not None and waits.until_ns else 0.0


def _question(machine: ScriptMachine) -> str:
    asks = machine.asks
    if asks is None:
        return ""
    return f"{asks.question} ({', '.join(asks.choices)})" if asks.choices else asks.question


def _choices(machine: ScriptMachine) -> tuple[str, ...]:
    asks = machine.asks
    return () if asks is None or set(asks.choices) == {"yes", "no"} else asks.choices


def _errors(machine: ScriptMachine) -> RunErrors:
    if machine.outcome != "failed":
        return RunErrors()
    kind = machine.ended.kind if machine.ended is not None and machine.ended.kind else "died"
    at = -1 if machine.step is None else machine.step.number - 1
    return RunErrors(count=1, last=(RunError(source="script", type=kind, message=machine.reason, event=at),))
