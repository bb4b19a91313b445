"""Commands for the drift: which beads are its references, and how far they have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.analysis.beads.drift import DriftStatus
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.drift import DriftFeed
    from parfocal.analysis.beads.regions import Regions


class DriftCommands:
    """The drift of the sample, told by beads that are stuck to the glass."""

    regions: Regions
    drift_feed: DriftFeed

    @command(lane="rois", effect="changes")
    def set_references(self, beads: tuple[int, ...]) -> DriftStatus:
        """Take these beads, which are stuck to the glass, as references of the drift; () for none.

        From then on the stream of drift has a row for each frame, and a run records it. One that is lost,
        comes back, or is replaced by others, makes no step in it: see `parfocal.tracking.running_drift`.
        """
        known = self.regions.assignment.rois.beads
        if unknown := [bead for bead in beads if bead not in known]:
            raise BadInputError(f"there are no beads {unknown}; there are {list(known)}")
        return self.drift_feed.choose(beads)

    @command(lane="counts", effect="reads")
    def drift(self) -> DriftStatus:
        """Return the references, which of them tell the drift just now, and how far they have moved."""
        return self.drift_feed.status
