"""Commands for what panes show: which plane and how, which cells are picked, and pixels to keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from parfocal.formats.write_tiff import write_image
from parfocal.ipc import command
from parfocal.processes import LOOP
from parfocal.viewers.annotations import arrays_of, settings_of
from parfocal.viewers.display import Display
from parfocal.viewers.layers import index_of
from parfocal.viewers.saving import save_picture

if TYPE_CHECKING:
    from parfocal.viewers.content import Content
    from parfocal.viewers.feeds import FeedTable
    from parfocal.viewers.painter import Painter
    from parfocal.viewers.panes import PaneTable
    from parfocal.viewers.run_feeds import RunFeedTable


class PaneCommands:
    """Each begins with what has arrived, and with what a person has done, until then."""

    panes: PaneTable
    content: Content
    feeds: FeedTable
    runs: RunFeedTable
    painter: Painter

    @command(lane=LOOP, effect="changes")
    def set_display(self, pane: str, changes: dict[str, Any]) -> Display:
        """Change how a pane is shown: contrast, low, high, gamma, colormap, center, zoom, frozen ..."""
        self.painter.catch_up()
        display = self.panes.choose(pane, changes)
        self.painter.paint()
        return display

    @command(lane=LOOP, effect="reads")
    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        self.painter.catch_up()
        return self.panes[pane].display

    @command(lane=LOOP, effect="reads")
    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        self.painter.catch_up()
        return self.panes.image(pane)

    @command(lane=LOOP, effect="changes")
    def select(self, layer: str, index: dict[str, Any], keep: bool = False) -> None:
        """Show another image of a layer or pane; components that are not named stay as they are."""
        self.painter.catch_up()
        self.content.select(layer, index_of(index), keep=keep)
        self.painter.paint()

    @command(lane=LOOP, effect="changes")
    def components(self, layer: str, roles: dict[str, str], padding: str = "") -> None:
        """Make components of a layer's planes, or of all if it is "", a "dimension" or "layer"s."""
        self.painter.catch_up()
        self.content.set_components(layer, roles, padding)
        self.painter.paint()

    @command(lane=LOOP, effect="reads")
    def annotations(self, pane: str) -> list[dict[str, Any]]:
        """Return what lies over the plane that a pane shows, also what a person has drawn there."""
        self.painter.catch_up()
        return [
            {"kind": one.kind, "arrays": arrays_of(one), "settings": settings_of(one)}
            for one in self.panes[pane].annotations
        ]

    @command(lane=LOOP, effect="changes")
    def pick(self, pane: str, x_px: float, y_px: float) -> tuple[int, ...]:
        """Pick the cell at a point as a click does, or let go of it; return the numbers that are picked."""
        self.painter.catch_up()
        picked = self.content.pick(pane, x_px, y_px)
        self.painter.paint()
        return picked

    @command(lane=LOOP, effect="reads")
    def picked(self, pane: str) -> tuple[int, ...]:
        """Return the numbers of the cells that are picked in a pane."""
        self.painter.catch_up()
        return self.panes[pane].picked

    @command(lane=LOOP, effect="changes")
    def remove(self, pane: str, annotation: str = "") -> None:
        """Close a pane: leave its stream, or let go of its images; of rows, their plots.

        With the name of an annotation: take that back, and leave the pane.
        """
        self.painter.catch_up()
        if annotation:
            self.content.remove_annotation(pane, annotation)
        elif not self.feeds.leave(pane):
            left = self.runs.leave(pane)
            if not left or self.content.layers.parts_of(pane):
                self.content.remove(pane)
        self.painter.paint(anew=True)

    @command(lane=LOOP, effect="reads")
    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        self.painter.catch_up()
        self.painter.paint()
        return self.painter.view.grab()

    @command(lane=LOOP, effect="reads")
    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        save_picture(self.screenshot(), path)

    @command(lane=LOOP, effect="reads")
    def save_counts(self, pane: str, path: Path) -> None:
        """Write the image of a pane as it was measured, to a TIFF file of its own number type."""
        self.painter.catch_up()
        write_image(self.panes.image(pane), self.panes[pane].pixel_size_um, path)
