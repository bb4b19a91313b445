"""The handle of a run: what a program holds of it, wherever it was started and whoever else steers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from parfocal.core.errors import (
    BadInputError,
    CommandError,
    CommandFailedError,
    DeadlineError,
    RunFailedError,
)
from parfocal.core.run_status import ResumePolicy, RunStatus
from parfocal.runs.plan import Plan
from parfocal.runs.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plan_files import load_plan
from parfocal.runs.settings import SERVICE
from parfocal.runs.status_text import one_line, status_html
from parfocal.runs.watch import ANSWER_S, UNKNOWN, RunWatch

if TYPE_CHECKING:
    from parfocal.runs.callback import CallbackThread

AnyPlan: TypeAlias = "Plan | Mapping[str, Any] | str | Path"
"""A plan of `parfocal.runs`, the plain data of one, or a YAML or JSON file that holds them."""
Until = Literal["finished", "acquired"]
_REACHED: dict[Until, Callable[[RunStatus], bool]] = {
    "finished": lambda status: status.ended,
    "acquired": lambda status: status.state in ("draining", "ended"),
}
_PAGE = 500
"""Events that are asked for at once."""


class RunHandle:
    """One run of a rig: its status, its end, and all that can be asked of it. Any thread.

    Made by `Rig.run` and by ``rig.runs[name]``. Every method may be called at any time, more than once, and
    after the end, when it changes nothing. None waits but `wait`: the others take the engine's answer, a
    millisecond as a rule, and raise after 2 s without one.

    A handle survives the restart of the engine's process, and says then what became of its run.

    Parameters
    ----------
    name : str
        Of the run.
    watch : RunWatch
        Follows the runs of the rig.

    Attributes
    ----------
    status_changed : StatusChanged
        Calls functions with each new `RunStatus`, in threads of their own: ``status_changed.connect(print)``.
    """

    def __init__(self, name: str, watch: RunWatch) -> None:
        self.name = name
        self.status_changed = StatusChanged(name, watch)
        self._watch = watch

    def status(self) -> RunStatus:
        """Return how the run is now; while its engine is started again, how it was before.

        Raises
        ------
        BadInputError
            If the rig knows no run of that name.
        """
        return self._ask("status")

    def wait(self, timeout_s: float | None = None, until: Until = "finished") -> RunStatus:
        """Block until the run has ended, and return its final status.

        Parameters
        ----------
        timeout_s : float, optional
            How long at most; the run goes on after that.
        until : "finished" or "acquired"
            Until everything is over, frames, tables and record closed; or until nothing more is exposed.

        Raises
        ------
        RunFailedError
            If the run has failed, or nobody knows how it ended; its ``status`` is the final one.
        DeadlineError
            If `timeout_s` passed first.
        """
        if until not in _REACHED:
            raise BadInputError(f"until must be 'finished' or 'acquired', not {until!r}")
        self._watch.look()
        status = self._watch.wait_until(self.name, _REACHED[until], timeout_s)
        if status is None:
            told = one_line(self.status())
            raise DeadlineError(
                f"still waiting after {timeout_s} s; the run goes on: {told}", service=SERVICE
            )
        return result_of(status)

    def pause(self, reason: str = "") -> RunStatus:
        """Have nothing more exposed after the exposure in flight, until `resume`."""
        return self._ask("pause", reason)

    def resume(self, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause.

        Parameters
        ----------
        policy : "shift", "catch up" or "skip"
            Move the rest of the schedule by the length of the pause; expose what is overdue, `gap_s` seconds
            apart at least, until the schedule is met; or leave out what is overdue.
        gap_s : float
            For "catch up".
        """
        return self._ask("resume", policy, gap_s)

    def cancel(self, reason: str = "") -> RunStatus:
        """End the run now, the exposure in flight included; what was acquired is kept."""
        return self._ask("cancel_run", reason)

    def finish(self, reason: str = "") -> RunStatus:
        """End the run after the event in hand: it is "finished early", and complete up to there."""
        return self._ask("finish", reason)

    def confirm(self, answer: bool = True, text: str = "") -> RunStatus:
        """Answer the question at which the run waits for a person."""
        return self._ask("confirm", answer, text)

    def extend(self, plan: AnyPlan) -> RunStatus:
        """Append a plan: its times and its t indices follow those of what is there."""
        return self._ask("extend", as_data(plan))

    def replace_future(self, plan: AnyPlan) -> RunStatus:
        """Have `plan` take the place of all events that have not begun."""
        return self._ask("replace_future", as_data(plan))

    def is_running(self) -> bool:
        """Whether it has not ended; a paused run is running, too."""
        return self.status().is_running

    def is_paused(self) -> bool:
        """Whether a pause holds it, or is about to."""
        return self.status().is_paused

    @property
    def events(self) -> RunEvents:
        """What the run asks for, one event after the other, as it stands now."""
        return RunEvents(self.name, self._watch)

    def __await__(self) -> Generator[Any, None, RunStatus]:
        """Wait for the end in an event loop: as `wait`, without holding a thread."""
        return self._ended().__await__()

    def __repr__(self) -> str:
        return f"<RunHandle {one_line(self._known())}>"

    def _repr_html_(self) -> str:
        return status_html(self._known())

    def _ipython_display_(self) -> None:
        """Show a line that follows the run, where the notebook can; else the line of now."""
        from parfocal.runs.notebook import show_live  # IPython calls this, so it is there

        show_live(self)

    async def _ended(self) -> RunStatus:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[RunStatus] = loop.create_future()

        def settle(status: RunStatus) -> None:
            if not ended.done():
                ended.set_result(status)

        def look(status: RunStatus) -> None:
            if status.ended and not loop.is_closed():
                loop.call_soon_threadsafe(settle, status)

        self.status_changed.connect(look)
        try:
            return result_of(await ended)
        finally:
            self.status_changed.disconnect(look)

    def _known(self) -> RunStatus:
        return self._watch.last().get(self.name) or RunStatus(run=self.name)

    def _ask(self, command: str, *arguments: Any) -> RunStatus:
        """Send a command; where nobody answers, a run that has ended, or a status, is what was told last."""
        try:
            status: RunStatus = call_service(self._watch, command, self.name, *arguments, returns=RunStatus)
        except (CommandError, BadInputError):
            self._watch.look()
            known = self._watch.last().get(self.name)
            if known is not None and (known.ended or command == "status"):
                return known
            raise
        if command != "status":
            self._watch.look()
        return status


class StatusChanged:
    """Calls functions with each new status of a run, each in a thread of its own, the present one first.

    One that raises is logged and dropped; one that is slow delays nobody.
    """

    def __init__(self, run: str, watch: RunWatch) -> None:
        self._run = run
        self._watch = watch
        self._threads: dict[Callable[[RunStatus], object], CallbackThread[RunStatus]] = {}

    def connect(self, function: Callable[[RunStatus], object]) -> None:
        """Have `function` called from now on. Idempotent."""
        if function not in self._threads:
            self._threads[function] = self._watch.follow(function, self._run)

    def disconnect(self, function: Callable[[RunStatus], object]) -> None:
        """Have it called no more. Idempotent."""
        thread = self._threads.pop(function, None)
        if thread is not None:
            self._watch.unfollow(thread)


class RunEvents(Sequence[dict[str, Any]]):
    """The events of a run, read from its engine when they are looked at, some hundred at a time.

    Each is a dict: what `parfocal.runs.event.Event` holds, and what became of it.
    """

    def __init__(self, run: str, watch: RunWatch) -> None:
        self._run = run
        self._watch = watch

    def __len__(self) -> int:
        status: RunStatus = call_service(self._watch, "status", self._run, returns=RunStatus)
        return status.events_total

    @overload
    def __getitem__(self, item: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, item: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, item: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        chosen = range(len(self))[item]
        if isinstance(chosen, int):
            return self._page(chosen, 1)[0]
        if not chosen:
            return []
        first, last = min(chosen), max(chosen)
        found = [
            event
            for start in range(first, last + 1, _PAGE)
            for event in self._page(start, min(_PAGE, last + 1 - start))
        ]
        return [found[number - first] for number in chosen]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        start = 0
        while page := self._page(start, _PAGE):
            yield from page
            start += len(page)

    def _page(self, first: int, count: int) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = call_service(self._watch, "events", self._run, first, count)
        return events


def result_of(status: RunStatus) -> RunStatus:
    """Return the final status of a run, unless it failed.

    Raises
    ------
    RunFailedError
        If it did, or if nobody knows how it ended.
    """
    if status.outcome in ("failed", UNKNOWN):
        raise RunFailedError(f"run {status.run!r}: {status.outcome}: {status.reason}", status=status)
    return status


def as_data(plan: AnyPlan) -> dict[str, Any]:
    """Return a plan, however it is given, as plain data, checked.

    Raises
    ------
    BadInputError
        If it is no plan, or a wrong one; names the value.
    """
    if isinstance(plan, str | Path):
        plan = load_plan(plan)
    elif isinstance(plan, Mapping):
        plan = plan_from_data(dict(plan))
    elif not isinstance(plan, Plan):
        raise BadInputError(f"a plan, its plain data, or a file is needed, not {plan!r}")
    return plan_to_data(plan)


def call_service(
    watch: RunWatch, command: str, *arguments: Any, timeout_s: float = ANSWER_S, returns: Any = Any
) -> Any:
    """Call a command of the service `runs`; what it raises on purpose is raised here as it is there.

    Raises
    ------
    BadInputError
        And whatever else of `parfocal.core.errors` the command raised.
    CommandError
        Of the kind that tells why there is no answer.
    """
    try:
        return watch.client.call(command, *arguments, timeout_s=timeout_s, returns=returns)
    except CommandFailedError as error:
        if error.original is None:
            raise
        raise error.original from error
