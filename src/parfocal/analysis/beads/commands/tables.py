"""Commands for the z tables: from a focus sweep, from a file and to one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.fitting import fitting_tables
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
        """Take z tables from a file, one for each bead in their order or one for all; returns their hash."""
        rois = self.regions.assignment.rois
        tables = fitting_tables(path, rois)
        kept = self._tables_path("loaded")
        shutil.copyfile(path, kept)
        self.regions.set_tables(kept, rois.beads if len(tables) > 1 else (), tables.hash)
        return tables.hash

    @command(lane="tables", effect="reads")
    def save_tables(self, path: Path) -> str:
        """Write the z tables to a file, in the order in which they were made; returns their hash."""
        assignment = self.regions.assignment
        if not assignment.tables:
            raise BadInputError("there are no z tables; make or load them first")
        shutil.copyfile(assignment.tables, path)
        return assignment.tables_hash

    @command(lane="tables", effect="changes")
    def clear_tables(self) -> None:
        """Forget the z tables: from then on z is NaN."""
        self.regions.set_tables(None, (), "")

    def _tables_path(self, kind: str) -> Path:
        streams, service = self.context.streams, self.context.service
        return streams / f"{service}.{kind}-{self.context.clock.monotonic_ns()}.tables"
