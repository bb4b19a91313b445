"""What lies over live images: the regions of beads, from the service that owns them, coloured by its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.viewers.panes import Marker
from parfocal.viewers.regions import Regions
from parfocal.viewers.row_plots import RowFeed

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.clock import Clock


class BeadOverlay:
    """Regions of beads and the newest rows of each. For one thread; close it.

    Parameters
    ----------
    folder, stream
        Of the rows.
    service : str
        Who owns the regions, in the rig of that folder.
    columns : tuple of str
        What is plotted of watched beads.
    """

    def __init__(
        self, folder: Path, stream: str, service: str, columns: tuple[str, ...], clock: Clock
    ) -> None:
        self.rows = RowFeed(folder, stream, columns, clock=clock)
        self.regions = Regions(folder.name, service)

    def markers(self) -> tuple[Marker, ...]:
        """Return a marker for each region, of the kind that the bead's newest row says."""
        regions = self.regions
        return tuple(
            Marker(bead, x_px, y_px, regions.size_px, self.rows.kind_of(bead))
            for bead, (x_px, y_px) in regions.centers.items()
        )

    def close(self) -> None:
        """Leave the stream, and ask the service no more."""
        self.rows.close()
        self.regions.close()
