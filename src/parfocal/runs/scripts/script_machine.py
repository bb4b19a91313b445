"""A script's run as far as it has come, as one frozen value; `advance_script` makes the next one of it. Pure.

::

    process:  began, step, waits, asks, holds, ended ─┐
                                                      v
                                               advance_script ──> messages to the process, sent at once
                                                      ^
    others:   pause, resume, finish, cancel, answer ──┘

Its states and what may follow which are those of any run.
"""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import RunState
from parfocal.runs.machine import inputs
from parfocal.runs.machine.machine import Pausing, RunEnd
from parfocal.runs.machine.states import TABLE
from parfocal.runs.scripts.messages import (
    ClaimService,
    FinishScript,
    FromScript,
    GoOnWithScript,
    HoldScript,
    ScriptAnswer,
    ScriptAsks,
    ScriptBegan,
    ScriptEnded,
    ScriptGoesOn,
    ScriptHolds,
    ScriptIsBusy,
    ScriptStep,
    ScriptWaits,
    StopScript,
    ToScript,
)


class ScriptExit(msgspec.Struct, frozen=True):
    """Its process is gone: `how`, in words, and whether it was killed as it did not end when it should."""

    how: str
    killed: bool = False


class ScriptClosed(msgspec.Struct, frozen=True):
    """What it started has ended, what it held is let go, and its record is closed."""


ScriptInput = FromScript | ScriptExit | ScriptClosed | inputs.Wish


class ScriptMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A script's run as far as it has come.

    Attributes
    ----------
    state : RunState
        Where it stands.
    step : ScriptStep or None
        The step in hand.
    steps_done : int
        How many are done.
    waits : ScriptWaits or None
        What it waits for.
    asks : ScriptAsks or None
        What a person is asked.
    held : Pausing or None
        The pause that was asked for.
    busy : str
        What it did when it was asked to hold.
    end : RunEnd or None
        The end that was asked for.
    ended : ScriptEnded or None
        What it told at its end.
    paused_ns : int
        How long it was paused in all, without a pause that goes on.
    began_ns, ended_ns : int or None
        When its first line ran, and when its process was gone, on the monotonic clock.
    outcome, reason : str
        How it ended.
    """

    state: RunState = "pending"
    step: ScriptStep | None = None
    steps_done: int = 0
    waits: ScriptWaits | None = None
    asks: ScriptAsks | None = None
    held: Pausing | None = None
    busy: str = ""
    paused_ns: int = 0
    end: RunEnd | None = None
    ended: ScriptEnded | None = None
    began_ns: int | None = None
    ended_ns: int | None = None
    outcome: str = ""
    reason: str = ""

    @property
    def may_change(self) -> bool:
        """Whether it can be paused, finished or cancelled still."""
        return self.state not in ("draining", "ended")

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to end at once."""
        return self.end is not None and self.end.ending in ("cancelled", "failed")

    def having(self, **changes: object) -> ScriptMachine:
        """Return it with some values replaced."""
        return msgspec.structs.replace(self, **changes)

    def to(self, state: RunState) -> ScriptMachine:
        """Return it in another state, if the table has that."""
        if state == self.state:
            return self
        assert state in TABLE[self.state], f"{self.state} to {state}"
        return self.having(state=state)


Advanced = tuple[ScriptMachine, tuple[ToScript, ...]]


def advance_script(machine: ScriptMachine, given: ScriptInput, now_ns: int) -> Advanced:
    """Return what becomes of a script's run, and what its process is to be told at once."""
    match given:
        case inputs.Pause():
            return _pause(machine, given)
        case inputs.Resume():
            return _resume(machine, given)
        case inputs.EndRun():
            return _end(machine, given)
        case inputs.Answer(text=choice):
            asks = machine.asks
            return machine, (ScriptAnswer(choice, asks.number),) if asks is not None else ()
        case ScriptExit():
            return _gone(machine, given, now_ns), ()
        case ScriptClosed():
            return machine.to("ended"), ()
        case inputs.Replaced() | inputs.Extended() | inputs.Noted() | ClaimService():
            return machine, ()
        case _:
            return _told(machine, given, now_ns), ()


def _pause(machine: ScriptMachine, pause: inputs.Pause) -> Advanced:
    if machine.held is not None or machine.is_cancelled or not machine.may_change:
        return machine, ()
    machine = machine.having(held=Pausing(pause.reason, pause.now_ns))
    return machine.to("paused" if machine.state == "waiting" else "pausing"), (HoldScript(),)


def _resume(machine: ScriptMachine, resume: inputs.Resume) -> Advanced:
    if machine.held is None:
        return machine, ()
    return _released(machine, resume.now_ns).to("running"), (GoOnWithScript(),)


def _released(machine: ScriptMachine, now_ns: int) -> ScriptMachine:
    """Return it without its pause."""
    if machine.held is None:
        return machine
    paused_ns = machine.paused_ns + now_ns - machine.held.since_ns
    return machine.having(held=None, busy="", paused_ns=paused_ns)


def _end(machine: ScriptMachine, end: inputs.EndRun) -> Advanced:
    """End it: what is cancelled or has failed goes before what is finished, and the first reason stays."""
    at_once = end.ending in ("cancelled", "failed")
    if not machine.may_change or machine.is_cancelled or (machine.end is not None and not at_once):
        return machine, ()
    was_held = machine.held
    machine = _released(machine.having(end=RunEnd(end.ending, end.reason)), end.now_ns)
    if at_once:
        return machine.to("cancelling"), (StopScript(end.reason),)
    goes_on = (GoOnWithScript(),) if was_held else ()
    machine = machine.to("running") if was_held else machine
    return machine, (FinishScript(end.reason), *goes_on)


def _told(machine: ScriptMachine, told: FromScript, now_ns: int) -> ScriptMachine:
    match told:
        case ScriptBegan():
            machine = machine.having(began_ns=now_ns)
            return machine.to("running") if machine.state == "pending" else machine
        case ScriptStep():
            done = machine.steps_done + (machine.step is not None)
            return machine.having(step=told, steps_done=done)
        case ScriptWaits(until_ns=until_ns):
            return _waiting(machine.having(waits=told), until_ns > 0)
        case ScriptAsks():
            return _waiting(machine.having(asks=told), True)
        case ScriptGoesOn():
            machine = machine.having(waits=None, asks=None)
            return machine.to("running") if machine.state == "waiting" else machine
        case ScriptHolds():
            return machine.to("paused") if machine.state == "pausing" else machine
        case ScriptIsBusy(what=what):
            return machine.having(busy=what)
        case ScriptEnded():
            return machine.having(ended=told)
    return machine


def _waiting(machine: ScriptMachine, waits: bool) -> ScriptMachine:
    return machine.to("waiting") if waits and machine.state == "running" else machine


def _gone(machine: ScriptMachine, exit: ScriptExit, now_ns: int) -> ScriptMachine:
    """Decide how it has ended: its process is gone, whether it told its end or not."""
    outcome, reason = _outcome(machine, exit)
    done = machine.steps_done + (machine.step is not None and outcome == "complete")
    gone = _released(machine, now_ns).having(waits=None, asks=None, steps_done=done, ended_ns=now_ns)
    return gone.having(outcome=outcome, reason=reason).to("draining")


def _outcome(machine: ScriptMachine, exit: ScriptExit) -> tuple[str, str]:
    end, ended = machine.end, machine.ended
    if machine.is_cancelled:
        assert end is not None
        killed = "it did not end by itself, and its process was killed" if exit.killed else ""
        return end.ending, "; ".join(filter(None, (end.reason, killed)))
    if ended is None:
        at = "" if machine.step is None else f" at step {machine.step.number}: {machine.step.text}"
        return "failed", f"the process of the script {exit.how}{at}"
    if ended.error:
        return "failed", ended.error
    return (end.ending, end.reason) if ended.stopped and end is not None else ("complete", "")
