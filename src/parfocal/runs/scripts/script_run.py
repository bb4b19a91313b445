"""The run that a script is: a thread that listens to its process, and whoever steers it meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.run_status import RunCommand
from parfocal.runs.machine import inputs
from parfocal.runs.question import check_asked
from parfocal.runs.run_thread import NOTHING, RunThread
from parfocal.runs.scripts.messages import ClaimService, FromScript, ScriptStep, ServiceClaimed, StopScript
from parfocal.runs.scripts.script_machine import (
    ScriptClosed,
    ScriptExit,
    ScriptInput,
    ScriptMachine,
    advance_script,
)
from parfocal.runs.scripts.script_record import RecordedChild, RecordedStep
from parfocal.runs.scripts.script_snapshot import ScriptFacts, script_status

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from parfocal.core.clock import Clock
    from parfocal.core.messages import Interference
    from parfocal.core.run_status import ResumePolicy, RunStatus
    from parfocal.runs.engine import RunEngine
    from parfocal.runs.instruments.shared_instruments import SharedInstruments
    from parfocal.runs.scripts.script_claims import ScriptClaims
    from parfocal.runs.scripts.script_process import ScriptProcess
    from parfocal.runs.scripts.script_record import ScriptRecord

STOPS_WITHIN_S = 3.0
"""How long a script that is cancelled may take to end, with its ``finally`` blocks, before it is killed."""
_SHOWN = 10


class ScriptRun:
    """A script that goes on, or has ended. Any thread may steer it and look at it; nothing here blocks.

    Parameters
    ----------
    process, claims, record
        Of the script.
    children : callable
        Returns the runs that it has started, those that have ended included.
    clock : Clock
        The time that it goes by.
    log : logging.Logger
        Told of errors.
    tell : callable
        Called with each new state, as ``tell(status)``, in the thread that brought it about; may not block.
    caller : callable
        Returns which program steers it, in the thread in which it does.
    """

    parent = ""

    def __init__(
        self,
        process: ScriptProcess,
        claims: ScriptClaims,
        record: ScriptRecord,
        *,
        children: Callable[[], list[RunEngine]],
        clock: Clock,
        log: logging.Logger,
        tell: Callable[[RunStatus], None],
        caller: Callable[[], str],
    ) -> None:
        self.name = record.document.run
        self.folder = record.folder
        self._process, self._claims, self._record = process, claims, record
        self._children, self._clock, self._log = children, clock, log
        self._tell, self._caller = tell, caller
        self._machine = ScriptMachine()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._kill = threading.Timer(STOPS_WITHIN_S, process.kill)
        self._kill.daemon = True
        self._thread = RunThread(self._work, f"script {self.name}")

    def start(self, held: AbstractContextManager[object] = NOTHING) -> None:
        """Begin; `held` is let go of at the end."""
        self._thread.start(held)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for its end, also of one that is yet to be started; return whether it has ended."""
        return self._thread.join(timeout_s)

    @property
    def use(self) -> SharedInstruments:
        """What the runs that it starts share with it."""
        return self._claims.use

    @property
    def has_ended(self) -> bool:
        """Whether everything is over."""
        return self._machine.state == "ended"

    @property
    def is_held(self) -> bool:
        """Whether a pause holds it, or is about to."""
        return self._machine.held is not None

    @property
    def may_change(self) -> bool:
        """Whether it may still start runs."""
        return self._machine.may_change and not self._machine.is_cancelled

    def status(self) -> RunStatus:
        """Return how it is now."""
        with self._lock:
            return self._status()

    def pause(self, reason: str = "") -> RunStatus:
        """Hold it at its next call of the lab."""
        return self._wish(lambda now: inputs.Pause(now, reason), "pause", {"reason": reason})

    def check_resume(self) -> None:
        """Pass: a script has no interlocks of its own; those of the runs that it has started are asked."""

    def resume(self, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause; a script has no schedule to which a policy could apply."""
        return self._wish(lambda now: inputs.Resume(now, policy, round(gap_s * 1e9)), "resume", {})

    def cancel(self, reason: str = "") -> RunStatus:
        """End it now; a process that does not end is killed."""
        return self._wish(lambda now: inputs.EndRun(now, "cancelled", reason), "cancel", {"reason": reason})

    def fail(self, reason: str) -> RunStatus:
        """End it now, as failed; a process that does not end is killed."""
        return self._wish(lambda now: inputs.EndRun(now, "failed", reason, commanded=False))

    def finish(self, reason: str = "") -> RunStatus:
        """End it after its step."""
        return self._wish(
            lambda now: inputs.EndRun(now, "finished early", reason), "finish", {"reason": reason}
        )

    def confirm(self, answer: bool, text: str = "", question: str = "", event: int = -1) -> RunStatus:
        """Answer its question: with a choice in `text`, or the first one; no is "no" if that is a choice.

        Beside a plain yes or no `text` may be any note.

        Raises
        ------
        BadInputError
            If `text` is none of the choices; names them. If it asks another `question` than that of `event`.
        """
        with self._lock:  # the script may ask something else as soon as it is let go
            check_asked(self._status(), question, event)
            asks = self._machine.asks
            if asks is None:
                return self._status()
            now_ns = self._clock.monotonic_ns()
            if not answer and "no" not in asks.choices:
                reason = f"the answer was no: {asks.question}"
                return self._steer(inputs.EndRun(now_ns, "cancelled", reason), "cancel", {"reason": reason})
            choice = _choice(asks.choices, answer, text)
            details = {"question": asks.question, "answer": answer, "choice": choice, "text": text}
            return self._steer(inputs.Answer(now_ns, answer, choice), "confirm", details)

    def keep_record(self) -> None:
        """Write down what has changed. Any thread: what was seen last is written last."""
        since = self._record.document.created_at  # an earlier script may have had this name
        with self._writing:
            statuses = [child.status() for child in self._children()]
            children = tuple(_recorded(status) for status in statuses if status.created_at >= since)
            with self._lock:
                if children != self._record.document.children:
                    self._record.change(children=children)
            self._record.keep(self._log)

    def interfered(self, service: str, what: Interference) -> None:
        """Note what somebody else had a service do that it holds. Any thread."""
        with self._lock:
            self._note(f"{service}.{what.command}", {}, what.caller)

    # --- its thread

    def _work(self) -> None:
        try:
            with self._record.open_log() as log:
                self._process.start(log)
            for told in self._process.messages():
                self._take(told)
        except Exception as error:  # noqa: BLE001 (the border of the thread: the run ends in order)
            self._log.exception("script %s failed", self.name)
            message = f"{type(error).__name__}: {error}"
            self.fail(message)
            self._process.kill()
        how = self._process.end()
        self._kill.cancel()
        self._wish(lambda _: ScriptExit(how, self._process.killed))
        self._close()

    def _take(self, told: FromScript) -> None:
        if isinstance(told, ClaimService):
            self._process.send(self._claimed(told.service))
            return
        with self._lock:
            if isinstance(told, ScriptStep):
                self._record.add_step(RecordedStep(told.text, told.number, told.of, self._utc_s))
            self._advance(told)

    def _claimed(self, service: str) -> ServiceClaimed:
        try:
            return ServiceClaimed(service, stays=self._claims.claim(service))
        except (CommandError, BadInputError) as error:
            return ServiceClaimed(service, str(error), stays=False)

    def _close(self) -> None:
        """End what it started, let go of what it held, and close its record.

        Runs of a script that was finished bring to its end what they have in hand.
        """
        finished = self._machine.outcome == "finished early"
        for child in self._children():
            (child.finish if finished else child.cancel)("the script that started it has ended")
        for child in self._children():
            child.join()
        self._claims.release()
        machine = self._machine
        with self._lock:
            self._record.change(outcome=machine.outcome, reason=machine.reason, finished_at=self._utc_s)
        self.keep_record()
        self._wish(lambda _: ScriptClosed())

    def _wish(
        self,
        make: Callable[[int], ScriptInput],
        command: str = "",
        details: dict[str, Any] | None = None,
    ) -> RunStatus:
        with self._lock:
            return self._steer(make(self._clock.monotonic_ns()), command, details or {})

    # --- under the lock

    @property
    def _utc_s(self) -> float:
        return self._clock.utc_ns() * 1e-9

    def _steer(self, given: ScriptInput, command: str, details: dict[str, Any]) -> RunStatus:
        """Advance, and note the command that had an effect."""
        before = self._machine
        sent = self._advance(given)
        if command and (sent or self._machine is not before):
            self._note(command, details, self._caller())
        return self._status()

    def _advance(self, given: ScriptInput) -> bool:
        """Advance, tell the process, and return whether there was something to tell."""
        before = self._machine
        self._machine, messages = advance_script(before, given, self._clock.monotonic_ns())
        if self._machine.began_ns is not None and before.began_ns is None:
            self._record.change(started_at=self._utc_s)
        for message in messages:
            self._process.send(message)
            if isinstance(message, StopScript):
                self._kill.start()
        if self._machine.state != before.state:
            self._tell(self._status())
        return bool(messages)

    def _note(self, command: str, details: dict[str, Any], by: str) -> None:
        step = self._machine.step
        at = -1 if step is None else step.number - 1
        noted = RunCommand(command=command, at=self._utc_s, event=at, by=by, details=details)
        self._record.change(commands=(*self._record.document.commands, noted))

    def _status(self) -> RunStatus:
        document = self._record.document
        facts = ScriptFacts(
            run=self.name,
            script=document.path,
            folder=str(self.folder),
            claims=self._claims.names,
            created_at=document.created_at,
            started_at=document.started_at,
            finished_at=document.finished_at,
            commands=document.commands[-_SHOWN:],
        )
        return script_status(self._machine, facts, self._clock.monotonic_ns())


def _choice(choices: tuple[str, ...], answer: bool, text: str) -> str:
    """Return which choice an answer means.

    Examples
    --------
    >>> _choice(("left", "right"), True, "right"), _choice(("left", "right"), True, "")
    ('right', 'left')
    >>> _choice(("yes", "no"), True, "it looks good"), _choice((), True, "yeast")
    ('yes', 'yeast')
    """
    if not answer:
        return "no"
    if not choices or text in choices:
        return text
    if text and set(choices) != {"yes", "no"}:
        raise BadInputError(f"answer with one of {', '.join(choices)}, not {text!r}")
    return choices[0]


def _recorded(status: RunStatus) -> RecordedChild:
    return RecordedChild(status.run, status.folder, status.outcome, status.reason)
