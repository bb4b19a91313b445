"""What a window shows just now, and what it asks for: everything behind the run status widget but Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.app.run_window.chosen_run import ChosenRun, RunName
from parfocal.app.run_window.outlines import Outlines
from parfocal.app.run_window.requests import SteeringRequest, SteeringRequests
from parfocal.app.run_window.run_view import NO_OUTLINE, RunView, run_view
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.rig.snapshots import GONE
from parfocal.runs.status_text import state_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.core.run_status import RunStatus
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.plans.outline import Outline


@dataclass(frozen=True)
class ShownRun:
    """What a window shows just now.

    Attributes
    ----------
    names : dict of RunName to str
        The runs that there are to choose from, and how each is in a few words; the newest first.
    run : RunName or None
        The one that is shown.
    follows : bool
        Whether new runs are shown as they come.
    view : RunView or None
        How it is.
    request : SteeringRequest or None
        What was asked of it last.
    rigs : str
        Which rigs there are, in a line.
    """

    names: dict[RunName, str]
    run: RunName | None
    follows: bool
    view: RunView | None
    request: SteeringRequest | None
    rigs: str


class RunSource:
    """Tells what to show of the runs of all rigs, and carries requests to them. Only `join` waits.

    Parameters
    ----------
    rig : str
        Only runs of this rig; "" for all.
    run : RunName, optional
        The run to begin with; without it the newest is followed.
    snapshots : AllSnapshots, optional
        Shared by several windows, and closed by whoever made it; without it this has its own.
    """

    def __init__(
        self, rig: str = "", run: RunName | None = None, snapshots: AllSnapshots | None = None
    ) -> None:
        self._owned = AllSnapshots() if snapshots is None else None
        self._snapshots = snapshots or self._owned
        self._rig = rig
        self._chosen = ChosenRun(rig, run)
        self._outlines = Outlines()
        self._requests = SteeringRequests()
        self._made: tuple[RunStatus, Outline, str, RunView] | None = None

    def shown(self) -> ShownRun:
        """Return what to show now."""
        assert self._snapshots is not None
        rigs = self._snapshots.latest()
        names = self._chosen.names(rigs)
        run = self._chosen.shown(rigs)
        return ShownRun(
            names={name: state_text(rigs[name.rig].runs[name.run]) for name in names},
            run=run,
            follows=self._chosen.wanted is None,
            view=None if run is None else self._view(run, rigs[run.rig]),
            request=None if run is None else self._requests.last(run),
            rigs=rigs_text({name: each for name, each in rigs.items() if self._rig in ("", name)}),
        )

    def choose(self, run: RunName | None) -> None:
        """Show this run from now on; None: follow the newest."""
        self._chosen.wanted = run

    def ask(self, run: RunName, word: str, act: Callable[[RunHandle], object]) -> None:
        """Ask something of a run, and have it looked at."""
        assert self._snapshots is not None
        self._requests.ask(run, word, act)
        self._snapshots.look()

    def close(self) -> None:
        """Let go of all rigs. Idempotent; never waits."""
        self._outlines.close()
        if self._owned is not None:
            self._owned.close()

    def join(self, timeout_s: float = 10.0) -> bool:
        """Wait until its threads have ended; return whether they have."""
        ended = [self._requests.wait(timeout_s), self._outlines.join(timeout_s)]
        if self._owned is not None:
            ended.append(self._owned.join())
        return all(ended)

    def _view(self, run: RunName, snapshot: RigSnapshot) -> RunView:
        """Return what is shown of a run; the same object while nothing has changed."""
        status = snapshot.runs[run.run]
        self._outlines.want(run, status)
        outline = self._outlines.of(run) or NO_OUTLINE
        silent = "" if status.ended else snapshot.error
        made = self._made
        if made is None or made[0] is not status or made[1] is not outline or made[2] != silent:
            made = self._made = (status, outline, silent, run_view(status, outline, silent))
        return made[3]


def rigs_text(rigs: Mapping[str, RigSnapshot]) -> str:
    """Return which rigs there are, in a line.

    Examples
    --------
    >>> rigs_text({})
    'No rig is running. Start one with `parfocal up`, or a run with `parfocal run`.'
    """
    running = [name for name, snapshot in rigs.items() if snapshot.rig.state != GONE]
    if not running:
        return "No rig is running. Start one with `parfocal up`, or a run with `parfocal run`."
    return f"{', '.join(running)}: no run yet. The next one is shown here by itself."
