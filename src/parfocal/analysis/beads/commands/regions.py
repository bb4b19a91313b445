"""Commands for the beads' regions: by hand, found, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.workers import Workers


class RegionCommands:
    """Those that change regions return when all workers that live go by them."""

    workers: Workers
    regions: Regions

    @command(lane="rois", effect="changes")
    def add_roi(self, x_px: float, y_px: float) -> int:
        """Add a bead at x, y; returns its number."""
        return self.regions.change(lambda rois: rois.added([(x_px, y_px)])).beads[-1]

    @command(lane="rois", effect="changes")
    def add_rois(self, middles: list[tuple[float, float]]) -> list[int]:
        """Add beads at x, y; returns their numbers."""
        if not middles:
            raise BadInputError("middles is empty; name some, such as [(100.0, 80.0)]")
        return list(self.regions.change(lambda rois: rois.added(middles)).beads[-len(middles) :])

    @command(lane="rois", effect="changes")
    def move_roi(self, bead: int, x_px: float, y_px: float) -> None:
        """Move a bead's region."""
        self.move_rois({bead: (x_px, y_px)})

    @command(lane="rois", effect="changes")
    def move_rois(self, places: dict[int, tuple[float, float]], wait: bool = True) -> RoiSet:
        """Move the regions of several beads in one step, to middles x, y by bead; returns all regions.

        Places are clipped so that each region lies within the image. A bead without a region is refused,
        before any is moved; so is everything while z tables are being made. Without `wait` it returns at
        once: the version of the regions in a row tells when the workers go by them.
        """
        if not places:
            raise BadInputError("places is empty; name some, such as {0: (100.0, 80.0)}")
        return self.regions.change(lambda rois: rois.moved(places), waits=wait)

    @command(lane="rois", effect="changes")
    def remove_roi(self, bead: int) -> None:
        """Remove a bead."""
        self.regions.change(lambda rois: rois.removed(bead))

    @command(lane="rois", effect="changes")
    def clear_rois(self) -> None:
        """Remove all beads, and their tables."""
        self.regions.replace(RoiSet.cleared)

    @command(lane="rois", effect="changes")
    def renumber_rois(self) -> RoiSet:
        """Give the beads the numbers 0, 1, 2 ... in their order; tables stay with their beads."""
        return self.regions.renumber()

    @command(lane="rois", effect="reads")
    def list_rois(self) -> RoiSet:
        """Return all regions and their version."""
        return self.regions.assignment.rois

    @command(lane="rois", effect="changes")
    def load_rois(self, path: Path) -> RoiSet:
        """Replace all regions by those in a file; tables are forgotten."""
        return self.regions.replace(lambda rois: rois.loaded(path))

    @command(lane="rois", effect="reads")
    def save_rois(self, path: Path) -> None:
        """Write all regions to a file."""
        self.regions.assignment.rois.save(path)

    @command(lane="find", effect="changes")
    def find_beads(self, min_distance_px: int = 0, min_score: float = 0.7, most: int = 10_000) -> RoiSet:
        """Find free-standing beads at any height in the newest frame, and add them; returns all regions.

        If it shows none, such as a dark one, the next ones are looked at. What the tracker would call empty
        is left out; `find_candidates` tells all that may be beads. Those nearer than `min_distance_px` to
        another bead are left out; 0 takes five eighths of a region's edge. Regions may overlap: the tracker
        leaves out what belongs to a neighbour, and flags it.
        """
        return self._add_found(min_distance_px, most, "find", min_score)

    @command(lane="find", effect="reads")
    def find_candidates(self, min_distance_px: int = 0) -> list[tuple[float, float, float]]:
        """Return x, y and score (0 to 1) of all places that may be beads in the newest frame; adds none."""
        found = self.workers.ask("find_candidates", min_distance_px or self.regions.assignment.rois.apart_px)
        return list(zip(*(found[name].tolist() for name in ("x_px", "y_px", "score")), strict=True))

    @command(lane="find", effect="changes")
    def find_like(
        self,
        x_px: float | None = None,
        y_px: float | None = None,
        bead: int | None = None,
        min_distance_px: int = 0,
        min_score: float = 0.6,
        most: int = 10_000,
    ) -> RoiSet:
        """Find what looks like one example in the newest frame, and add it; returns all regions.

        The example is what lies around x, y, such as a click, or a `bead` that has a region. Finds beads at
        about its height: their correlation with it is `min_score` or more. Distances as in `find_beads`.
        """
        x_px, y_px = self._example(x_px, y_px, bead)
        return self._add_found(min_distance_px, most, "find_like", min_score, x_px, y_px)

    def _example(self, x_px: float | None, y_px: float | None, bead: int | None) -> tuple[float, float]:
        if bead is not None and x_px is None and y_px is None:
            roi = self.regions.assignment.rois[bead]
            return roi.x_px, roi.y_px
        if bead is None and x_px is not None and y_px is not None:
            return x_px, y_px
        raise BadInputError("find_like needs an example: x_px and y_px, or a bead that has a region")

    def _add_found(self, apart_px: int, most: int, finder: str, *args: float) -> RoiSet:
        """Ask a worker to find beads, and add those that keep their distance from all others."""
        apart_px = apart_px or self.regions.assignment.rois.apart_px
        found = self.workers.ask(finder, apart_px, *args)
        places = list(zip(found["x_px"].tolist(), found["y_px"].tolist(), strict=True))
        return self.regions.change(lambda rois: rois.added(rois.free_of(places, apart_px)[:most]))
