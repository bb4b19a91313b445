"""Commands for looking at what the tracker does: they change nothing of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.assignment import ProfileWatch
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.workers import Workers


class ViewCommands:
    """A picture of all regions, and the live profile of one bead."""

    workers: Workers
    regions: Regions

    @command(lane="find", effect="reads")
    def overlay(self, path: Path) -> None:
        """Write a picture (PNG) of the newest frame with all regions, in the colours of their verdicts."""
        self.workers.ask("overlay", str(path.absolute()))

    @command(lane="rois", effect="reads")
    def watch_profile(self, bead: int, every: int = 1) -> None:
        """Write the radial profile of a bead in every so many frames to the stream of profiles.

        One bead at a time, in place of the one before. If its region is removed, the stream goes silent until
        there is one again; the state of the tracker says so.
        """
        if every < 1:
            raise BadInputError(f"every must be 1 or more, not {every}")
        self.regions.watch(ProfileWatch(bead, every))

    @command(lane="rois", effect="reads")
    def unwatch_profile(self) -> None:
        """Make profiles no longer."""
        self.regions.watch(None)

    def watching(self) -> dict[str, Any] | None:
        """Return which bead is watched, and why nothing comes of it, if nothing does; None without one."""
        assignment = self.regions.assignment
        watched = assignment.watched
        if watched is None:
            return None
        silent = "" if watched.bead in assignment.rois.beads else "the bead has no region any more"
        return {"bead": watched.bead, "every": watched.every, "silent": silent}
