"""The handle of a run: what a program holds of it, wherever it was started and whoever else steers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from operator import index
from typing import Any, Literal

from parfocal.core.errors import BadInputError, CommandError, DeadlineError, RunFailedError
from parfocal.core.run_status import ResumePolicy, RunStatus
from parfocal.runs.plans.any_plan import AnyPlan, as_data
from parfocal.runs.run_events import RunEvents
from parfocal.runs.settings import SERVICE
from parfocal.runs.status_changed import StatusChanged
from parfocal.runs.status_html import status_html
from parfocal.runs.status_text import one_line
from parfocal.runs.watch import ANSWER_S, UNKNOWN, RunWatch

START_S = 60.0
"""How long a run may take to begin, or to change: its plan is checked against what the instruments tell."""
_STEERED_S = 10.0
"""How long it may take to answer who steers it. What comes later is not done: a cancel would be lost."""
Until = Literal["finished", "acquired"]
_REACHED: dict[Until, Callable[[RunStatus], bool]] = {
    "finished": lambda status: status.ended,
    "acquired": lambda status: status.state in ("draining", "ended"),
}


class RunHandle:
    """One run of a rig: its status, its end, and all that can be asked of it. Any thread.

    Made by `Rig.run`, `Rig.prepare` and ``rig.runs[name]``. Every method may be called at any time, and more
    than once. After the end those that steer change nothing; `extend`, `replace_future` and `pick`, whose
    wish would be lost then, are refused with `BadInputError`. None waits but `wait` and `start`: the others
    take the engine's answer, a millisecond as a rule, and raise after 2 s without one.

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

    @property
    def rig(self) -> str:
        """Name of the rig that carries it out."""
        return self._watch.rig

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

    def start(self) -> RunStatus:
        """Have a run begin that was prepared; one that was started already goes on.

        The rig is asked again, as it may have changed since: this waits for its answers.

        Raises
        ------
        BadInputError
            If the run can't be carried out any more, or would not be what was shown: tells what has changed.
            It stays prepared.
        ClaimedError
            If another run uses one of the instruments; names both.
        """
        status: RunStatus = self._watch.call(
            "start_prepared", self.name, timeout_s=START_S, returns=RunStatus
        )
        self._watch.take(status)
        return status

    def pause(self, reason: str = "") -> RunStatus:
        """Have nothing more exposed after the exposure in flight, until `resume`."""
        return self._ask("pause", reason)

    def resume(self, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause; one with interlocks is paused until all that they ask for was looked at again.

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
        """End the run now, the exposure in flight included; what was acquired is kept.

        A run that is prepared is dropped.
        """
        return self._ask("cancel_run", reason)

    def finish(self, reason: str = "") -> RunStatus:
        """End the run after the event in hand: it is "finished early", and complete up to there."""
        return self._ask("finish", reason)

    def confirm(
        self, answer: bool = True, text: str = "", *, question: str = "", event: int = -1
    ) -> RunStatus:
        """Answer the question at which the run waits for a person.

        Parameters
        ----------
        answer : bool
            False cancels the run.
        text : str
            What should be known of it; the record keeps it.
        question, event : str, int
            `RunStatus.question` and `event_number` of the status that a person has read: the answer is
            refused if the run asks something else by now. Without a question it is for whatever is asked.
        """
        asked = (question, event) if question else ()
        return self._ask("confirm", answer, text, *asked)

    def pick(self, particles: Iterable[int], p: int = 0) -> RunStatus:
        """Have these cells of position `p`, by their numbers, be ``picked`` for the steps of its pipeline.

        They are from the next image of that position on, until others are picked. It is noted among the
        commands of the run.
        """
        try:
            given = list(particles)
            numbers, position = [index(number) for number in given], index(p)
        except TypeError as error:
            raise BadInputError(f"particles and p are whole numbers, not {particles!r} and {p!r}") from error
        return self._call("pick_cells", numbers, position)

    def extend(self, plan: AnyPlan) -> RunStatus:
        """Append a plan: its times and its t indices follow those of what is there."""
        return self._call("extend", as_data(plan))

    def replace_future(self, plan: AnyPlan) -> RunStatus:
        """Have `plan` take the place of all events that have not begun."""
        return self._call("replace_future", as_data(plan))

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
        looks = command == "status"
        limit_s = ANSWER_S if looks else _STEERED_S
        try:
            status: RunStatus = self._watch.call(
                command, self.name, *arguments, timeout_s=limit_s, returns=RunStatus
            )
        except (CommandError, BadInputError):
            self._watch.look()
            known = self._watch.last().get(self.name)
            if known is not None and (known.ended or looks):
                return known
            raise
        if not looks:
            self._watch.look()
        return status

    def _call(self, command: str, *arguments: Any) -> RunStatus:
        """Send a command whose refusal is always told."""
        status: RunStatus = self._watch.call(
            command, self.name, *arguments, timeout_s=START_S, returns=RunStatus
        )
        self._watch.look()
        return status


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
