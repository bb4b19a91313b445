"""The coordinator's regions and tables: changed by one thread at a time, frozen while tables are made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.analysis.beads.fitting import NO_BEAD
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from parfocal.analysis.beads.assignment import Assignment, CameraNoise, FitSettings, ProfileWatch
    from parfocal.analysis.beads.rois import RoiSet
    from parfocal.analysis.beads.versions import RoiVersions


class Regions:
    """Holds the `Assignment` of the workers and tells them of each change. Thread-safe.

    Parameters
    ----------
    assignment : Assignment
        To begin with.
    report : callable
        Called with each new assignment, by one thread at a time, and returns what waits until the workers go
        by it. Nobody is kept from another change meanwhile.
    versions : RoiVersions
        Gets each version of the regions before any worker goes by it.
    renumbered : callable
        Told, before the workers, when beads are removed or get other numbers: the numbers of those that stay,
        by the ones before, and from which version of the regions on they hold.
    """

    def __init__(
        self,
        assignment: Assignment,
        report: Callable[[Assignment], Callable[[], None]],
        versions: RoiVersions,
        renumbered: Callable[[Mapping[int, int], int], None],
    ) -> None:
        self._report, self._renumbered = report, renumbered
        self._lock = threading.Lock()
        self._frozen = ""
        self.assignment = assignment
        self._versions = versions
        versions.add(assignment.rois)

    def change(self, how: Callable[[RoiSet], RoiSet], *, waits: bool = True) -> RoiSet:
        """Change the regions; tables stay with the beads that stay. Waits for workers, unless told not to.

        Raises
        ------
        BadInputError
            If the change makes no sense, or the regions are frozen.
        """
        with self._lock:
            self._check_free()
            rois = how(self.assignment.rois)
            if not set(self.assignment.rois.beads) <= set(rois.beads):
                self._renumbered({bead: bead for bead in rois.beads}, rois.version)
            new, wait = self._set(rois=rois)
        if waits:
            wait()
        return new

    def replace(self, how: Callable[[RoiSet], RoiSet]) -> RoiSet:
        """Put other beads in place of all; tables are forgotten. Raises as `change`."""
        with self._lock:
            self._check_free()
            rois = how(self.assignment.rois)
            self._renumbered({}, rois.version)
            new, wait = self._set(rois=rois, tables="", tables_hash="", table_beads=())
        wait()
        return new

    def renumber(self) -> RoiSet:
        """Give the beads new numbers, and their tables with them. Raises as `change`."""
        with self._lock:
            self._check_free()
            old, tables = self.assignment.rois, self.assignment.table_beads
            new = old.renumbered()
            numbers = dict(zip(old.beads, new.beads, strict=True))
            watched = self.assignment.watched
            if watched is not None:
                watched = msgspec.structs.replace(watched, bead=numbers.get(watched.bead, NO_BEAD))
            self._renumbered(numbers, new.version)
            renumbered = tuple(numbers.get(bead, NO_BEAD) for bead in tables)
            _, wait = self._set(rois=new, table_beads=renumbered, watched=watched)
        wait()
        return new

    def set_tables(self, path: Path | None, beads: tuple[int, ...], digest: str) -> None:
        """Take tables from a file, those of `beads` in their order, or one for all; None forgets them."""
        with self._lock:
            self._check_free()
            file = "" if path is None else str(path)
            _, wait = self._set(tables=file, tables_hash=digest, table_beads=beads)
        wait()

    def set_noise(self, noise: CameraNoise, fit: FitSettings | None = None) -> None:
        """Take over the camera's noise, and how beads are fitted.

        Waits for no worker, as the coordinator's loop must not.
        """
        with self._lock:
            self._set(noise=noise, fit=self.assignment.fit if fit is None else fit)

    def watch(self, watched: ProfileWatch | None) -> None:
        """Have a bead's radial profile made, or no longer any.

        Raises
        ------
        BadInputError
            If that bead has no region.
        """
        with self._lock:
            if watched is not None:
                self.assignment.rois[watched.bead]
            _, wait = self._set(watched=watched)
        wait()

    @contextmanager
    def frozen(self, why: str) -> Iterator[None]:
        """Refuse changes for a while."""
        with self._lock:
            self._check_free()
            self._frozen = why
        try:
            yield
        finally:
            self._frozen = ""

    def _check_free(self) -> None:
        if self._frozen:
            raise BadInputError(f"the regions cannot be changed now: {self._frozen}")

    def _set(self, **changes: Any) -> tuple[RoiSet, Callable[[], None]]:
        """Return the regions now, and what waits until the workers go by them: not under the lock."""
        changed = msgspec.structs.replace(self.assignment, **changes)
        self._versions.add(changed.rois)
        self.assignment = changed
        return self.assignment.rois, self._report(self.assignment)
