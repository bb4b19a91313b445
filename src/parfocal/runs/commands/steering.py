"""Commands that steer runs that were started; those that they have started are held and ended with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import ResumePolicy, RunStatus
from parfocal.ipc import RECEIVER, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.runs.engine import RunEngine
    from parfocal.runs.lifetimes import RunLifetimes
    from parfocal.runs.run_table import RunTable
    from parfocal.runs.scripts.script_run import ScriptRun
    from parfocal.runs.starting import RunStarter

_LONGEST_TEXT = 10_000


class SteerCommands:
    """Each returns how the run is then."""

    runs: RunTable
    starter: RunStarter
    lifetimes: RunLifetimes

    @command(lane=RECEIVER, effect="stops")
    def pause(self, run: str, reason: str = "") -> RunStatus:
        """Hold a run, and those that it started: no exposure begins but one that is in flight."""
        return self._all(run, lambda one: one.pause(reason))

    @command(lane=RECEIVER, effect="changes")
    def resume(self, run: str, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause, with those that the run started; refused while an interlock is breached.

        "shift" moves the rest of the schedule on by the pause; "catch up" keeps it, with `gap_s` seconds or
        more between time points that are late (0: half of their interval); "skip" leaves out what is overdue,
        and declares it.
        """
        with self.runs.steering:
            for one in self.runs.family(run):
                one.check_resume()
        return self._all(run, lambda one: one.resume(policy, gap_s))

    @command(lane=RECEIVER, effect="stops")
    def cancel_run(self, run: str, reason: str = "") -> RunStatus:
        """End a run now, and those that it started; an exposure is aborted where the camera can.

        One that is prepared is dropped.
        """
        return self.lifetimes.drop(run, reason) or self._all(run, lambda one: one.cancel(reason))

    @command(lane=RECEIVER, effect="stops")
    def finish(self, run: str, reason: str = "") -> RunStatus:
        """End a run after the event, or the step, in hand: what was done is kept as "finished early".

        A script that is paused goes on for that, with the runs that it has started.
        """
        with self.runs.steering:
            own, *others = self.runs.family(run)
            script = self.runs.find(run).script
            was_held = script is not None and script.is_held
            status = own.finish(reason)
            if was_held and script is not None and not script.is_held:
                for other in others:
                    other.resume()
            return status

    @command(lane=RECEIVER, effect="changes")
    def confirm(
        self, run: str, answer: bool = True, text: str = "", question: str = "", event: int = -1
    ) -> RunStatus:
        """Answer the question that a run asks; without `answer` the run is cancelled.

        With the `question` and the number of the `event` of a status, it is refused if the run asks another.
        The record holds the answer and the `text`, of at most 10 000 characters. A script that offers choices
        gets the one in `text`, or its first one; "no" without `answer`, if that is a choice.
        """
        if len(text) > _LONGEST_TEXT:
            raise BadInputError(f"text may be {_LONGEST_TEXT} characters long, not {len(text)}")
        return self.runs.control(run).confirm(answer, text, question, event)

    @command(lane="start", effect="changes")
    def pick_cells(self, run: str, particles: list[int], p: int = 0) -> RunStatus:
        """Have these particles of position `p` be ``picked`` for the steps of a run's pipeline."""
        return self.runs.engine(run).pick(particles, p)

    @command(lane="start", effect="changes")
    def extend(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Append a plan to what a run still has to do."""
        engine, known = self.runs.engine(run), self.runs.find(run)
        engine.extend(self.starter.checked(known, plan))
        return engine.foresee(self.starter.changed(known))

    @command(lane="start", effect="changes")
    def replace_future(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Replace what a run has not begun by a plan."""
        engine, known = self.runs.engine(run), self.runs.find(run)
        engine.replace_future(self.starter.checked(known, plan))
        return engine.foresee(self.starter.changed(known))

    def _all(self, run: str, steer: Callable[[RunEngine | ScriptRun], RunStatus]) -> RunStatus:
        """Steer a run, and then those that it started; return the status of the run itself."""
        with self.runs.steering:
            own, *_ = [steer(one) for one in self.runs.family(run)]
            return own
