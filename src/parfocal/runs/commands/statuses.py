"""Commands that tell how runs are, and what they do."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.run_status import RunStatus
from parfocal.ipc import RECEIVER, command
from parfocal.runs.plans.outline import Outline, outline_of

if TYPE_CHECKING:
    from parfocal.runs.run_table import RunTable


class StatusCommands:
    """Runs that have ended are known, too, until a hundred newer ones have."""

    runs: RunTable

    @command(lane=RECEIVER, effect="reads")
    def status(self, run: str = "") -> RunStatus:
        """Return how a run is doing; "" for the newest."""
        return self.runs.find(run).status()

    @command(lane=RECEIVER, effect="reads")
    def statuses(self) -> dict[str, RunStatus]:
        """Return how all runs are doing, the oldest first."""
        return self.runs.statuses()

    @command(lane="events", effect="reads")
    def events(self, run: str, first: int = 0, count: int = 1000) -> list[dict[str, Any]]:
        """Return events of a run's plan as it is now, from number `first` on; a script has none."""
        if self.runs.find(run).script is not None:
            return []
        events = islice(self.runs.schedule(run).events(first), count)
        found: list[dict[str, Any]] = msgspec.to_builtins(list(events))
        return found

    @command(lane="events", effect="reads")
    def outline(self, run: str, cells: int = 200) -> Outline:
        """Return a run's plan as it is now, as a strip of at most `cells` cells and a map of places.

        That of a script is empty.
        """
        if self.runs.find(run).script is not None:
            return Outline(events_total=0, cells=(), places=())
        return outline_of(self.runs.schedule(run), cells)
