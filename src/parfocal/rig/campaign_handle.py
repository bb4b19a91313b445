"""The handle of a campaign: a script whose runs are its steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.rig.campaign import CampaignStep, steps_in
from parfocal.runs.handle import RunHandle

if TYPE_CHECKING:
    from parfocal.rig.runs import Runs


class CampaignHandle(RunHandle):
    """Several runs as one: paused, cancelled and waited for together. Made by `Rig.campaign`.

    Parameters
    ----------
    run : RunHandle
        Of the script that carries it out.
    runs : Runs
        Those of the rig.
    """

    def __init__(self, run: RunHandle, runs: Runs) -> None:
        super().__init__(run.name, run._watch)
        self._all = runs

    @property
    def step(self) -> tuple[int, int]:
        """Which step it is at, from 1 on, and of how many; (0, 0) before the first."""
        status = self.status()
        return max(0, status.event_number + 1), status.events_total

    @property
    def current(self) -> RunHandle | None:
        """The run of this rig that is its step in hand; None between two of them.

        What it has in hand on another rig is a run of that one: `parfocal.attach` of it tells.
        """
        return next((handle for handle in self._children() if not handle.status().ended), None)

    def _children(self) -> list[RunHandle]:
        statuses = self._all.statuses()
        return [self._all[name] for name, status in statuses.items() if status.parent == self.name]

    def steps(self) -> tuple[CampaignStep, ...]:
        """Return its steps so far, with what was tried, the run and the score, from its record."""
        folder = self.status().folder
        return tuple(steps_in(Path(folder))) if folder else ()

    def best(self, *, maximise: bool = True) -> CampaignStep | None:
        """Return the step with the best score so far; None if none has one."""
        scored = [step for step in self.steps() if step.score is not None]
        choose = max if maximise else min
        return choose(scored, key=lambda step: step.score or 0.0) if scored else None
