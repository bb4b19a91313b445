"""What was asked of a run while it went on: shown in its status, kept in its record."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.core.run_status import RunCommand
from parfocal.runs.machine import inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.clock import Clock
    from parfocal.runs.machine.machine import Machine

_SHOWN = 10


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
