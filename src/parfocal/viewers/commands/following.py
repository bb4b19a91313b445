"""Commands that have a viewer follow streams and runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.ipc import command
from parfocal.processes import LOOP

if TYPE_CHECKING:
    from collections import deque

    from parfocal.viewers.feeds import FeedTable
    from parfocal.viewers.painter import Painter
    from parfocal.viewers.run_feeds import RunFeedTable


class FollowCommands:
    """What is followed need not be there yet."""

    feeds: FeedTable
    runs: RunFeedTable
    painter: Painter
    painted_ages_s: deque[float]

    @command(lane=LOOP, effect="changes")
    def follow(self, folder: Path, stream: str) -> str:
        """Follow a stream: frames in a pane of its own, rows in plots; returns the name of the pane."""
        name = self.feeds.follow(folder, stream)
        self.painter.paint()
        return name

    @command(lane=LOOP, effect="changes")
    def follow_run(self, rig: str, run: str) -> str:
        """Follow a run of a rig, which need not be there yet: its images, cells, masks and tracks.

        Returns the layer that shows it, with a pane for each channel.
        """
        return self.runs.follow(rig, run)

    @command(lane=LOOP, effect="changes")
    def overlay_beads(
        self,
        folder: Path,
        stream: str,
        service: str = "tracker",
        plot: tuple[str, ...] = ("x_px", "y_px", "z_nm"),
    ) -> None:
        """Draw the regions of a service over followed panes, coloured by its rows; plot columns of those."""
        self.feeds.overlay_beads(folder, stream, service, plot)
        self.painter.paint()

    @command(lane=LOOP, effect="changes")
    def plot_beads(self, beads: tuple[int, ...]) -> None:
        """Choose the beads whose rows are plotted, eight at most."""
        self.feeds.plot_beads(beads)

    @command(lane="ages", effect="reads", script=False)
    def ages_s(self) -> list[float]:
        """Return how old the last thousand live frames were when they had been painted, seconds."""
        return list(self.painted_ages_s)
