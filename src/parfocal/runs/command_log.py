"""What was asked of a run while it went on: shown in its status, kept in its record."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.run_status import RunCommand
from parfocal.runs.machine import inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.clock import Clock
    from parfocal.runs.instruments.instruments import CalledService
    from parfocal.runs.machine.machine import Machine
    from parfocal.runs.plans.service_call import ServiceCall

_SHOWN = 10
_MOST_BYTES = 1 << 16


class CommandLog:
    """Notes commands in their order. Used under the lock of the run, but for `write`.

    Parameters
    ----------
    clock : Clock
        Tells when.
    caller : callable
        Returns which program asks, in the thread that asks.

    Attributes
    ----------
    last : tuple of RunCommand
        The last ten.
    """

    def __init__(self, clock: Clock, caller: Callable[[], str]) -> None:
        self._clock, self._caller = clock, caller
        self._unwritten: list[RunCommand] = []
        self._writing = threading.Lock()
        self.last: tuple[RunCommand, ...] = ()

    def see(self, before: Machine, given: inputs.Input) -> None:
        """Note what had an effect on the machine as it was before, if it is a command."""
        if (found := command_of(given, before)) is not None:
            self.note(before, *found)

    def note(self, machine: Machine, command: str, details: dict[str, Any], by: str | None = None) -> None:
        """Note a command; `by` is who asked for it, where that is not the program that calls this."""
        in_hand = machine.counts.consumed - 1
        noted = RunCommand(
            command=command,
            at=self._clock.utc_ns() * 1e-9,
            event=in_hand,
            by=self._caller() if by is None else by,
            details=details,
        )
        self._unwritten.append(noted)
        self.last = (*self.last, noted)[-_SHOWN:]

    def write(self, write: Callable[[tuple[RunCommand, ...]], None], *, patiently: bool) -> None:
        """Call `write` with what it was not called with yet; if it raises, it gets that again. Any thread.

        While another thread writes, nothing is done; unless `patiently`, which waits for that.
        """
        if not self._writing.acquire(blocking=patiently):
            return
        try:
            noted = tuple(self._unwritten)
            if noted:
                write(noted)
                del self._unwritten[: len(noted)]
        finally:
            self._writing.release()


def called_details(
    asked: ServiceCall, called: CalledService, began_at: float, took_s: float
) -> dict[str, Any]:
    """Return what is noted of a command that a service carried out for a run.

    A result that is no plain data, or takes more than 64 kB, is left out; its size is told.

    Examples
    --------
    >>> from parfocal.runs.instruments.instruments import CalledService
    >>> from parfocal.runs.plans.service_call import ServiceCall
    >>> asked = ServiceCall(service="focus", command="move_to", arguments={"position_nm": 5.0})
    >>> called = CalledService(began_ns=0, frames=0, outcome="acquired", result=5.0)
    >>> called_details(asked, called, 1.0, 0.5)["result"]
    5.0
    """
    details: dict[str, Any] = {
        "arguments": asked.arguments,
        "began_at": began_at,
        "took_s": took_s,
        "outcome": "done" if called.outcome == "acquired" else called.outcome,
    }
    if called.error is not None:
        return details | {"error": str(called.error)}
    try:
        size = len(msgspec.json.encode(called.result))
    except TypeError:
        return details | {"result": f"a {type(called.result).__name__}, which is not kept"}
    return details | {"result": called.result if size <= _MOST_BYTES else f"{size} bytes, which are not kept"}


def command_of(given: inputs.Input, machine: Machine) -> tuple[str, dict[str, Any]] | None:
    """Return name and details of a command to a run; None for what no command brought.

    Examples
    --------
    >>> from parfocal.runs.machine.machine import Machine
    >>> command_of(inputs.Pause(0, "a bubble"), Machine())
    ('pause', {'reason': 'a bubble'})
    >>> command_of(inputs.EndRun(0, "failed", "the recorder ended the run", commanded=False), Machine())
    """
    match given:
        case inputs.EndRun(commanded=False):
            return None
        case inputs.Pause(reason=reason):
            return "pause", {"reason": reason}
        case inputs.Resume(policy=policy, gap_ns=gap_ns):
            return "resume", {"policy": policy, "gap_s": gap_ns * 1e-9}
        case inputs.EndRun(ending="cancelled", reason=reason):
            return "cancel", {"reason": reason}
        case inputs.EndRun(ending="finished early", reason=reason):
            return "finish", {"reason": reason}
        case inputs.Answer(yes=yes, text=text):
            question = "" if machine.event is None else machine.event.text
            return "confirm", {"question": question, "answer": yes, "text": text}
        case _:
            return None
