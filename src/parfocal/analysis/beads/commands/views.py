"""Commands for looking at what the tracker does, which change nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.newest import NewestFrame
    from parfocal.analysis.beads.regions import Regions


class ViewCommands:
    """Pictures."""

    newest: NewestFrame
    regions: Regions

    @command(lane="find")
    def overlay(self, path: Path) -> None:
        """Write a picture (PNG) of the newest frame with all regions."""
        from parfocal.analysis.beads.overlay import draw_overlay

        draw_overlay(self.newest.read().data, self.regions.assignment.rois, path)
