"""Commands for the z tables: from a focus sweep, from a file and to one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.fitting import beads_of, fitting_tables
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.workers import Workers
    from parfocal.processes import ServiceContext


class TableCommands:
    """Tables belong to the beads that were there when they were made or loaded."""

    context: ServiceContext
    workers: Workers
    regions: Regions

    @command(lane="tables", effect="changes")
    def build_tables(
        self,
        focus: str = "focus",
        z_min_nm: float = -1000.0,
        z_max_nm: float = 1000.0,
        step_nm: float = 100.0,
        frames_per_plane: int = 10,
        settle_s: float = 0.0,
    ) -> dict[str, Any]:
        """Make a z table of each bead by a focus sweep about where the focus stands; returns their quality.

        A region that shows no bead gets none, and is named as "without": its z stays NaN.
        The regions are frozen meanwhile. Heights are positions of the focus relative to where it stood.
        Cancelled, the focus goes back and the tables stay as they were.
        """
        rois, path = self.regions.assignment.rois, self._tables_path("sweep")
        with self.regions.frozen("z tables are being made"):
            quality: dict[str, Any] = self.workers.ask(
                "sweep", focus, z_min_nm, z_max_nm, step_nm, frames_per_plane, settle_s, rois, str(path)
            )
        self.regions.set_tables(path, tuple(quality["beads"]), quality["hash"])
        return quality

    @command(lane="tables", effect="changes")
    def load_tables(self, path: Path) -> str:
        """Take z tables from a file, each for the bead that lay where its own did, or one for all.

        Returns their hash. Beads for which there is none stay without; if there is none for any, the file is
        refused.
        """
        rois = self.regions.assignment.rois
        tables = fitting_tables(path, rois)
        beads = beads_of(tables, rois, path)
        kept = self._tables_path("loaded")
        shutil.copyfile(path, kept)
        self.regions.set_tables(kept, beads, tables.hash)
        if without := [bead for bead in rois.beads if beads and bead not in beads]:
            self.context.log.warning("%s holds no table for beads %s: their z stays NaN", path, without)
        return tables.hash

    @command(lane="tables", effect="reads")
    def save_tables(self, path: Path) -> str:
        """Write the z tables of the beads there are, and where each lies now; returns their hash."""
        from parfocal.tracking.ztable import load_tables, save_tables

        assignment = self.regions.assignment
        if not assignment.tables:
            raise BadInputError("there are no z tables; make or load them first")
        if not assignment.table_beads:  # one for all
            shutil.copyfile(assignment.tables, path)
            return assignment.tables_hash
        places = {bead: place for place, bead in enumerate(assignment.table_beads)}
        rois = [roi for roi in assignment.rois.rois if roi.bead in places]
        if not rois:
            raise BadInputError(
                "the beads that had z tables are gone; make or load tables for those there are"
            )
        tables = load_tables(assignment.tables)
        return save_tables(
            path, tables.only([places[r.bead] for r in rois], ((r.bead, r.x_px, r.y_px) for r in rois))
        )

    @command(lane="tables", effect="changes")
    def clear_tables(self) -> None:
        """Forget the z tables: from then on z is NaN."""
        self.regions.set_tables(None, (), "")

    def _tables_path(self, kind: str) -> Path:
        streams, service = self.context.streams, self.context.service
        return streams / f"{service}.{kind}-{self.context.clock.monotonic_ns()}.tables"
