"""A worker's numbers: all beads of one frame, those with a z table and those without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.flat import read_flat
from parfocal.analysis.beads.quality import advice_on_chi2, usable
from parfocal.core.errors import TrackingError
from parfocal.tracking import ROW_DTYPE, BeadTracker, Flag, load_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.analysis.beads.assignment import Assignment
    from parfocal.tracking import ZTables


_ROWS_JUDGED = 200
"""From so many good rows on, chi2 says whether the camera is what it is told to be."""


def bead_tracker(assignment: Assignment, tables: ZTables | None, threads: int = 1) -> BeadTracker:
    """Return a tracker for regions of this assignment, with these tables; close it."""
    noise, fit = assignment.noise, assignment.fit
    return BeadTracker(
        tables,
        assignment.rois.roi_px,
        gain_e_per_adu=noise.gain_e_per_adu,
        offset_adu=noise.offset_adu,
        read_noise_e=noise.read_noise_e,
        saturation_adu=noise.saturation_adu,
        flat=flat_field(assignment),
        max_chi2=fit.max_chi2,
        tilted_light=fit.tilted_light and tables is not None,
        threads=threads,
    )


def flat_field(assignment: Assignment) -> NDArray[np.float32] | None:
    """Return the flat field that is to be used, (y, x), or None."""
    rois = assignment.rois
    return read_flat(assignment.fit.flat, (rois.height_px, rois.width_px)) if assignment.fit.flat else None


def free_tracker(assignment: Assignment) -> BeadTracker:
    """Return a tracker for beads that have no table yet; close it."""
    return bead_tracker(assignment, None)


class FieldTracker:
    """Tracks the regions of a `Assignment`. Close it.

    Attributes
    ----------
    failures : int
        Frames that could not be tracked at all; their rows are NaN and flagged.
    advice : str
        What the first rows say of the settings, if it is worth telling; "" otherwise.
    """

    def __init__(self, assignment: Assignment, threads: int = 1) -> None:
        self.beads = assignment.rois.beads
        self.version = assignment.rois.version
        self._assignment = assignment
        self.failures = 0
        self.advice = ""
        self._chi2: list[NDArray[np.float32]] | None = []
        self._gain = assignment.noise.gain_e_per_adu
        self.last_failure = ""
        self._corners = assignment.rois.corners()
        self._offset_adu = assignment.noise.offset_adu
        self._tables = tables = load_tables(assignment.tables) if assignment.tables else None
        places = {bead: place for place, bead in enumerate(assignment.table_beads)}
        if tables is None:
            table_of = np.full(len(self.beads), -1)
        elif not assignment.table_beads:
            table_of = np.zeros(len(self.beads), int)
        else:
            table_of = np.array([places.get(bead, -1) for bead in self.beads], dtype=int)
        self._table_of = table_of
        self._groups: list[tuple[BeadTracker, NDArray[Any], NDArray[Any] | None]] = []
        for use, which in ((tables, table_of >= 0), (None, table_of < 0)):
            chosen = np.flatnonzero(which)
            if len(chosen):
                tracker = bead_tracker(assignment, use, threads)
                self._groups.append((tracker, chosen, None if use is None else table_of[chosen]))

    def move(self, assignment: Assignment) -> bool:
        """Go by regions of the same beads elsewhere, if nothing else has changed; return whether that is so.

        Costs nothing beside a new tracker, which reads and prepares all tables.
        """
        known, rois = self._assignment, assignment.rois
        same = msgspec.structs.replace(assignment, rois=known.rois, watched=known.watched)
        if same != known or rois.beads != self.beads or rois.roi_px != known.rois.roi_px:
            return False
        self._assignment, self.version, self._corners = assignment, rois.version, rois.corners()
        return True

    def track(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return a row (`parfocal.tracking.ROW_DTYPE`) for each bead, in the order of the regions."""
        rows = np.zeros(len(self.beads), ROW_DTYPE)
        for tracker, chosen, tables in self._groups:
            try:
                rows[chosen] = tracker.track(frame, self._corners[chosen], tables)
            except (TrackingError, ValueError, ArithmeticError) as error:
                self.failures += 1
                self.last_failure = f"{type(error).__name__}: {error}"
                rows[chosen] = _lost_row()
        if self._chi2 is not None:
            self._judge(rows)
        return rows

    def _judge(self, rows: NDArray[Any]) -> None:
        """Collect chi2 of the first good rows; then say once what it tells."""
        assert self._chi2 is not None
        self._chi2.append(rows["chi2"][usable(rows)])
        chi2 = np.concatenate(self._chi2)
        if len(chi2) >= _ROWS_JUDGED:
            self.advice, self._chi2 = advice_on_chi2(chi2, self._gain), None

    def expected(self, place: int, row: NDArray[Any], r_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the counts that a bead's fitted model has at these distances; NaN without a table or a fit.

        Parameters
        ----------
        place : int
            Of the bead, in the order of the regions.
        row : ndarray
            Of that bead, from `track`.
        r_px : ndarray
            Any shape, which is that of the result.
        """
        if self._tables is None or self._table_of[place] < 0 or not np.isfinite(row["z_nm"]):
            return np.full(r_px.shape, np.nan)
        contrast = row["amplitude"] * self._tables.profile(self._table_of[place], float(row["z_nm"]), r_px)
        return np.asarray((row["offset"] - self._offset_adu) * (1 + contrast) + self._offset_adu)

    def close(self) -> None:
        """End its threads."""
        for tracker, _, _ in self._groups:
            tracker.close()


def _lost_row() -> NDArray[Any]:
    row = np.zeros((), ROW_DTYPE)
    for name in ROW_DTYPE.names or ():
        if row.dtype[name].kind == "f":
            row[name] = np.nan
    row["flags"] = Flag.EMPTY | Flag.NOT_CONVERGED
    return row
