"""Where the calls of a script meet pause, answers and its end; its time stands still in a pause."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from parfocal.core.errors import BadInputError, ClaimedError, DeadlineError
from parfocal.runs.scripts.messages import (
    ClaimService,
    FromScript,
    ScriptAsks,
    ScriptGoesOn,
    ScriptHolds,
    ScriptIsBusy,
    ScriptStep,
    ScriptWaits,
    ServiceClaimed,
)

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.ipc import Call

T = TypeVar("T")
_LOOK_S, _SHORT_S = 0.05, 0.2
_EVER_S = 1e9


class ScriptStopped(BaseException):
    """Ends a script, through its ``finally`` blocks: somebody has cancelled or finished its run.

    It is no `Exception`, so that a script that goes on after errors does not go on after this.
    """


class ScriptGate:
    """The gate of one script. Any thread: one of the process brings what is asked, others call through it.

    Parameters
    ----------
    clock : Clock
        The time that the script goes by.
    tell : callable
        Takes what the engine is told; any thread, waits for nothing.
    """

    def __init__(self, clock: Clock, tell: Callable[[FromScript], None]) -> None:
        self._clock, self._tell = clock, tell
        self._lock = threading.Lock()  # of all below
        self._waiting: set[threading.Event] = set()
        self._held_since_ns: int | None = None
        self._held_for_ns = 0
        self._stopped = self._finishing = ""
        self._step = self._questions = 0
        self._answers: dict[int, str | None] = {}  # of the questions that are asked now
        self._claims: dict[str, ServiceClaimed] = {}
        self._held_services: set[str] = set()
        self._telling = threading.Lock()  # of what threads of the script do, and of what is told of it
        self._calling: list[str] = []
        self._waiting_for: list[FromScript] = []
        self._own = threading.local()  # of each thread: whether it waits

    # --- what is asked: the thread that reads the pipe

    def hold(self) -> None:
        """Have the script hold at its next call; its time stands still from now on."""
        with self._changing():
            if self._held_since_ns is None:
                self._held_since_ns = self._clock.monotonic_ns()
        with self._telling:
            self._tell(ScriptIsBusy(self._calling[-1] if self._calling else ""))

    def go_on(self) -> None:
        """Have it go on."""
        with self._changing():
            if self._held_since_ns is not None:
                self._held_for_ns += self._clock.monotonic_ns() - self._held_since_ns
            self._held_since_ns = None

    def finish(self, reason: str) -> None:
        """Have it end after its step; one that has told no step yet, at its next call."""
        with self._changing():
            self._finishing = reason or "finished"

    def stop(self, reason: str) -> None:
        """Have it end in its wait, or at its next call."""
        with self._changing():
            self._stopped = reason or "cancelled"

    def answer(self, choice: str, number: int) -> None:
        """Bring what a person has chosen; one that comes too late for its question is nobody's."""
        with self._changing():
            if number in self._answers:
                self._answers[number] = choice

    def claimed(self, service: str, error: str, *, stays: bool) -> None:
        """Bring whether a service is held for the script."""
        with self._changing():
            self._claims[service] = ServiceClaimed(service, error, stays)
            if stays and not error:
                self._held_services.add(service)

    # --- the script's threads

    @property
    def step_number(self) -> int:
        """The number of the step in hand, 0 before the first."""
        return self._step

    def now_ns(self) -> int:
        """Return the script's own time: that of the clock, without all pauses."""
        with self._lock:
            at_ns = self._clock.monotonic_ns() if self._held_since_ns is None else self._held_since_ns
            return at_ns - self._held_for_ns

    def check(self) -> None:
        """Return at once, or after a pause; `ScriptStopped` if the script is to end."""
        with self._woken() as woken:
            told = False
            while True:
                woken.clear()
                with self._lock:
                    reason = self._stopped or ("" if self._step else self._finishing)
                    held = self._held_since_ns is not None
                if reason:
                    raise ScriptStopped(reason)
                if not held:
                    return
                if not told:
                    self._tell(ScriptHolds())
                    told = True
                woken.wait()

    def step(self, text: str, number: int | None = None, of: int | None = None) -> None:
        """Begin a step, unless the script is to end before it."""
        _check_text("a step", text)
        number, of = _whole("number", number), _whole("of", of)
        if number is not None and number < 1:
            raise BadInputError(f"steps are numbered from 1 on, not {number}")
        self.check()
        if self._finishing:
            raise ScriptStopped(self._finishing)
        self._step = self._step + 1 if number is None else number
        self._tell(ScriptStep(text, self._step, of or 0))

    def sleep(self, seconds: float) -> None:
        """Wait for that long, pauses excluded."""
        if not 0 <= seconds < float("inf"):
            raise BadInputError(f"a script sleeps for 0 s or more, not {seconds!r}")
        self._wait(lambda: None, seconds, tell=lambda until_ns: ScriptWaits("", until_ns))

    def wait_for(self, look: Callable[[], T], timeout_s: float | None, what: str) -> T:
        """Ask again and again, 20 times a second, until `look` returns something true, and return that.

        Raises
        ------
        DeadlineError
            If `timeout_s` passed first, pauses excluded.
        """
        _check_text("what is waited for", what)
        found = self._wait(
            look, timeout_s, tell=lambda until_ns: ScriptWaits(what, until_ns), every_s=_LOOK_S
        )
        if not found:
            raise DeadlineError(f"waited {timeout_s:g} s for {what}, in vain")
        return found

    def ask(self, question: str, choices: Iterable[str], timeout_s: float | None) -> str:
        """Return what a person chooses; raises as `wait_for`."""
        _check_text("a question", question)
        if isinstance(choices, str):
            raise BadInputError(f"choices are several texts, such as ({choices!r},), not {choices!r}")
        choices = tuple(choices)
        for choice in choices:
            _check_text("a choice", choice)
        with self._lock:
            self._questions += 1
            number = self._questions
            self._answers[number] = None
        try:
            answer = self._wait(
                lambda: self._answers[number],
                timeout_s,
                tell=lambda until_ns: ScriptAsks(question, choices, number, until_ns),
                also_inside=True,
            )
        finally:
            with self._lock:
                del self._answers[number]
        if answer is None:
            raise DeadlineError(f"nobody answered within {timeout_s:g} s: {question}")
        return answer

    def claim(self, service: str) -> None:
        """Have a service held for the script before it is changed; `ClaimedError` if another run has it."""
        if service in self._held_services:
            return
        with self._lock:
            self._claims.pop(service, None)
        self._tell(ClaimService(service))
        claimed = self._wait(lambda: self._claims.get(service), None)
        if claimed is not None and claimed.error:
            raise ClaimedError(claimed.error, service=service)

    def result_of(self, call: Call) -> Any:
        """Return the result of a call to a service; a pause lets it end, the script's end does not wait."""
        while not call.done():
            if self._stopped:
                raise ScriptStopped(self._stopped)
            with suppress(DeadlineError):  # it is looked at again
                call.exception(_LOOK_S)
        return call.result()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Pass, and have a pause told meanwhile that this goes on."""
        self.check()
        with self._telling:
            self._calling.append(what)
        try:
            yield
        finally:
            with self._telling:
                self._calling.remove(what)

    # --- waiting

    def _wait(
        self,
        look: Callable[[], T],
        timeout_s: float | None,
        *,
        tell: Callable[[int], FromScript] | None = None,
        every_s: float | None = None,
        also_inside: bool = False,
    ) -> T:
        """Return what `look` finds, or what it found last when the time is up; holds and ends meanwhile.

        It looks after whatever is asked of the script, and `every_s`. The engine is told by `tell`, after
        each pause again, of the instant on the clock until which it waits, 0 for none; not of a short wait,
        nor of one inside another, unless that is told `also_inside`.
        """
        end_ns, began_ns, told_at_ns = self._end_ns(timeout_s), self.now_ns(), -1
        is_inside, self._own.waits = getattr(self._own, "waits", False), True
        is_told = tell is not None and (also_inside or not is_inside)
        told: FromScript | None = None
        try:
            with self._woken() as woken:
                while True:
                    woken.clear()
                    self.check()
                    found = look()
                    now_ns = self.now_ns()
                    left_s = None if end_ns is None else (end_ns - now_ns) * 1e-9
                    if found or (left_s is not None and left_s <= 0):
                        return found
                    lasts_s = left_s if every_s is None else (now_ns - began_ns) * 1e-9
                    is_long = lasts_s is None or lasts_s >= _SHORT_S
                    if tell is not None and is_told and is_long and told_at_ns != self._held_for_ns:
                        told_at_ns = self._held_for_ns
                        before, told = told, tell(0 if end_ns is None else end_ns + told_at_ns)
                        self._tell_wait(before, told)
                    self._sleep(woken, left_s, every_s)
        finally:
            self._own.waits = is_inside
            if told is not None:
                self._tell_wait(told, None)

    def _tell_wait(self, before: FromScript | None, after: FromScript | None) -> None:
        """Tell what this thread waits for, or that it waits no longer, and what other threads wait for."""
        with self._telling:
            if before is not None:
                self._waiting_for.remove(before)
            if after is not None:
                self._waiting_for.append(after)
                self._tell(after)
                return
            self._tell(ScriptGoesOn())
            for other in self._waiting_for:
                self._tell(other)

    def _sleep(self, woken: threading.Event, left_s: float | None, every_s: float | None) -> None:
        limits_s = [limit_s for limit_s in (left_s, every_s) if limit_s is not None]
        if limits_s:
            self._clock.wait(woken, min(limits_s))
        else:
            woken.wait()

    def _end_ns(self, timeout_s: float | None) -> int | None:
        """Return when a limit is over in the script's own time; None for no limit."""
        if timeout_s is None:
            return None
        if not timeout_s >= 0:
            raise BadInputError(f"timeout_s is a number of seconds, 0 or more, or None, not {timeout_s!r}")
        return self.now_ns() + round(min(timeout_s, _EVER_S) * 1e9)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            for event in self._waiting:
                event.set()

    @contextmanager
    def _woken(self) -> Iterator[threading.Event]:
        """Give an event that is set by whatever is asked of the script."""
        event = threading.Event()
        with self._lock:
            self._waiting.add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting.discard(event)


def _check_text(name: str, value: object) -> None:
    """Refuse what is no text before the engine is told."""
    if not isinstance(value, str):
        raise BadInputError(f"{name} is a text, not {value!r}; write str(...) around it")


def _whole(name: str, value: object) -> int | None:
    """Return a whole number, that of another library as well, as one of Python."""
    if value is None:
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise BadInputError(f"{name} is a whole number, not {value!r}") from None
