"""Commands for the z tables: from a focus sweep, from a file and to one, remembered by field."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.analysis.beads.fitting import beads_of, fitting_tables
from parfocal.analysis.beads.sweep_plan import SweepPlan
from parfocal.analysis.beads.table_fields import TableFields
from parfocal.analysis.beads.table_matrix import read_matrix
from parfocal.analysis.beads.table_preview import TablePreview, preview_of
from parfocal.core.errors import (
    BadInputError,
    ClaimedError,
    ServiceUnavailableError,
    UnknownCommandError,
    nearest,
)
from parfocal.ipc import command
from parfocal.processes import directory

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.workers import Workers
    from parfocal.ipc import Client
    from parfocal.processes import ServiceContext

_MOVE_S = 10.0
_TABLES = ".tables"


class SweptTables(msgspec.Struct, frozen=True):
    """Tables of a sweep that nobody has accepted yet: by whose sweep, where they lie, of which beads."""

    sweep: str
    path: Path
    beads: tuple[int, ...]
    hash: str


class TableCommands:
    """Tables belong to the beads that were there when they were made or loaded."""

    context: ServiceContext
    workers: Workers
    regions: Regions
    swept: SweptTables | None = None

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

        As `sweep_tables`, and `accept_tables` at its end.
        """
        quality = self.sweep_tables(z_min_nm, z_max_nm, step_nm, frames_per_plane, focus, settle_s)
        self.accept_tables()
        return quality

    @command(lane="tables", effect="changes")
    def sweep_tables(
        self,
        start_nm: float = -1000.0,
        stop_nm: float = 1000.0,
        step_nm: float = 100.0,
        frames: int = 10,
        focus: str = "focus",
        settle_s: float = 0.0,
        index_factor: float = 1.0,
        sweep: str = "",
    ) -> dict[str, Any]:
        """Make a z table of each bead by a focus sweep, to be looked at, and accepted or discarded.

        The focus goes from `start_nm` to `stop_nm`, relative to where it stands, and back in the end, with
        `frames` images of each plane. A height is the way of the focus times `index_factor`. A region that
        shows no bead gets no table, and is named as "without": its z stays NaN. The regions are frozen
        meanwhile. Cancelled, the focus goes back, and nothing has changed. `sweep` is by which name it is
        asked for later.
        """
        plan = SweepPlan(
            start_nm=start_nm, stop_nm=stop_nm, step_nm=step_nm, frames=frames, index_factor=index_factor
        )
        plan.planes_nm()
        rois, path = self.regions.assignment.rois, self._tables_path("sweep")
        with self.regions.frozen("z tables are being made"), self._back_after_death(focus):
            quality: dict[str, Any] = self.workers.ask("sweep", focus, plan, settle_s, rois, str(path))
        before, self.swept = self.swept, SweptTables(sweep, path, tuple(quality["beads"]), quality["hash"])
        if before is not None:
            before.path.unlink(missing_ok=True)
        return quality

    @command(lane="table_views", effect="reads")
    def preview_table(self, bead: int, sweep: str = "") -> TablePreview:
        """Return the table of a bead that a sweep has made: its profiles over height, and how good it is."""
        from parfocal.tracking.ztable import load_tables

        swept = self._swept(sweep)
        if bead not in swept.beads:
            raise BadInputError(f"the sweep has no table of bead {bead}; it has those of {list(swept.beads)}")
        return preview_of(load_tables(swept.path), swept.beads.index(bead), bead)

    @command(lane="tables", effect="changes")
    def accept_tables(self, sweep: str = "", field: str = "", beads: list[int] | None = None) -> str:
        """Use the tables that a sweep has made; returns their hash. A `field` remembers them by its name.

        With `beads` those of some of its beads; the others have none from then on.
        """
        swept = self._swept(sweep)
        used = swept if beads is None else self._chosen(swept, beads)
        self._use(used.path, used.beads, used.hash)
        self.swept = None
        if field:
            self.save_tables(field=field)
        return used.hash

    @command(lane="tables", effect="changes")
    def discard_tables(self, sweep: str = "") -> None:
        """Forget the tables that a sweep has made; those in use stay."""
        swept = self._swept(sweep)
        self.swept = None
        swept.path.unlink(missing_ok=True)

    @command(lane="tables", effect="changes")
    def load_tables(self, path: Path | None = None, field: str = "") -> str:
        """Take z tables from a file, or those of a field, each for the bead that lay where its own did.

        One table alone is for all beads. Returns their hash. Beads for which there is none stay without; if
        there is none for any, the file is refused.
        """
        source = self._place(path, field)
        if field and not source.exists():
            known = self._fields.names()
            raise BadInputError(f"no tables are remembered for field {field!r}; {nearest(field, known)}")
        rois = self.regions.assignment.rois
        tables = fitting_tables(source, rois)
        beads = beads_of(tables, rois, source)
        kept = self._tables_path("loaded")
        shutil.copyfile(source, kept)
        self._use(kept, beads, tables.hash)
        if without := [bead for bead in rois.beads if beads and bead not in beads]:
            self.context.log.warning("%s holds no table for beads %s: their z stays NaN", source, without)
        return tables.hash

    @command(lane="tables", effect="reads")
    def save_tables(self, path: Path | None = None, field: str = "") -> str:
        """Write the z tables of the beads there are, and where each lies now; returns their hash.

        Into a file, or to be remembered by the name of a field, across starts of the rig.
        """
        from parfocal.tracking.ztable import load_tables, save_tables

        target = self._place(path, field)
        assignment = self.regions.assignment
        if not assignment.tables:
            raise BadInputError("there are no z tables; make or load them first")
        if field:
            target.parent.mkdir(parents=True, exist_ok=True)
        if not assignment.table_beads:  # one for all
            shutil.copyfile(assignment.tables, target)
            return assignment.tables_hash
        places = {bead: place for place, bead in enumerate(assignment.table_beads)}
        rois = [roi for roi in assignment.rois.rois if roi.bead in places]
        if not rois:
            raise BadInputError(
                "the beads that had z tables are gone; make or load tables for those there are"
            )
        tables = load_tables(assignment.tables)
        return save_tables(
            target, tables.only([places[r.bead] for r in rois], ((r.bead, r.x_px, r.y_px) for r in rois))
        )

    @command(lane="tables", effect="changes")
    def import_tables(self, path: Path) -> str:
        """Take a z table for all beads from a plain matrix of numbers in a text file; returns its hash.

        The first row is heights in nm; below it stand the intensities at 0, 1, 2 ... px from the centre.
        Numbers are separated by blanks, tabs, commas or semicolons; lines that begin with # are left out.
        """
        from parfocal.tracking.table_text import tables_from_matrix
        from parfocal.tracking.ztable import save_tables

        kept = self._tables_path("imported")
        tables = tables_from_matrix(read_matrix(path), self.regions.assignment.rois.roi_px)
        digest = save_tables(kept, tables)
        self._use(kept, (), digest)
        return digest

    @command(lane="tables", effect="reads")
    def export_table(self, path: Path, bead: int) -> None:
        """Write the z table of a bead as a plain matrix of numbers, as `import_tables` reads it."""
        import numpy as np

        from parfocal.tracking.table_text import matrix_of
        from parfocal.tracking.ztable import load_tables

        assignment = self.regions.assignment
        if not assignment.tables:
            raise BadInputError("there are no z tables; make or load them first")
        beads = assignment.table_beads
        if beads and bead not in beads:
            raise BadInputError(f"there is no table of bead {bead}; there are those of {list(beads)}")
        matrix = matrix_of(load_tables(assignment.tables), beads.index(bead) if beads else 0)
        np.savetxt(
            path, matrix, fmt="%.7g", header=f"z table of bead {bead}: heights (nm), then radii 0, 1 ..."
        )

    @command(lane="tables", effect="reads")
    def table_fields(self) -> list[str]:
        """Return the names of the fields whose tables are remembered."""
        return self._fields.names()

    @command(lane="tables", effect="changes")
    def clear_tables(self) -> None:
        """Forget the z tables: from then on z is NaN. What is remembered of fields stays."""
        self._use(None, (), "")

    @contextmanager
    def _back_after_death(self, focus: str) -> Iterator[None]:
        """Bring the focus back to where it stands now if the worker that moves it dies."""
        rig = directory.rig_record(self.context.rig)
        if focus not in rig.services:
            raise BadInputError(
                f"rig {rig.rig!r} has no service {focus!r} to move the focus; {nearest(focus, rig.services)}"
            )
        with self.context.connect(focus) as client:
            try:
                home = client.call("position", timeout_s=_MOVE_S)
            except UnknownCommandError as error:
                raise BadInputError(f"service {focus!r} is no stage: it has no 'position'") from error
            try:
                with _claimed(client):
                    yield
            except ServiceUnavailableError:
                client.call("move_to", home, timeout_s=_MOVE_S)
                raise

    @property
    def _fields(self) -> TableFields:
        return TableFields(self.context.rig, self.context.service)

    def _place(self, path: Path | None, field: str) -> Path:
        """Return the file of tables that is meant."""
        if (path is None) == (not field):
            raise BadInputError("name a file (path) or a field, one of them")
        return self._fields.path(field) if path is None else path

    def _swept(self, sweep: str) -> SweptTables:
        """Return the tables of a sweep; `BadInputError` if they are gone. "" for those of the newest."""
        swept = self.swept
        if swept is None or (sweep and swept.sweep != sweep):
            raise BadInputError(
                "there are no tables of that sweep: it has not ended whole, or they were accepted, "
                "discarded, replaced by a later sweep, or gone with the process that made them"
            )
        return swept

    def _chosen(self, swept: SweptTables, beads: list[int]) -> SweptTables:
        """Write the tables of some beads of a sweep to a file of their own."""
        from parfocal.tracking.ztable import load_tables, save_tables

        if not beads:
            raise BadInputError("beads is empty: name some, or forget the tables with discard_tables")
        if missing := [bead for bead in beads if bead not in swept.beads]:
            raise BadInputError(f"the sweep has tables of beads {list(swept.beads)}, not of {missing}")
        chosen = tuple(dict.fromkeys(beads))
        tables, places = load_tables(swept.path), [swept.beads.index(bead) for bead in chosen]
        path = self._tables_path("chosen")
        digest = save_tables(path, tables.only(places, (tables.beads[place] for place in places)))
        swept.path.unlink(missing_ok=True)
        return SweptTables(swept.sweep, path, chosen, digest)

    def _use(self, path: Path | None, beads: tuple[int, ...], digest: str) -> None:
        """Have the workers go by a file of tables; those that nobody goes by any more leave the memory.

        The one before stays: a worker that is just started may have read that it goes by it.
        """
        before = self.regions.assignment.tables
        self.regions.set_tables(path, beads, digest)
        needed = {before, self.regions.assignment.tables, "" if self.swept is None else str(self.swept.path)}
        for file in self.context.streams.iterdir():
            is_own = file.name.startswith(f"{self.context.service}.") and file.suffix == _TABLES
            if is_own and str(file) not in needed:
                file.unlink(missing_ok=True)

    def _tables_path(self, kind: str) -> Path:
        streams, service = self.context.streams, self.context.service
        return streams / f"{service}.{kind}-{self.context.clock.monotonic_ns()}{_TABLES}"


@contextmanager
def _claimed(focus: Client) -> Iterator[None]:
    """Claim the focus for a sweep, so that a Z-lock pauses; a run that the sweep is part of has done so."""
    try:
        claim = focus.claim("sweep for z tables")
    except ClaimedError:
        yield
        return
    with claim:
        yield
