"""The tracker: frames and corners in, rows out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, TrackingError
from parfocal.tracking.blocks import (
    BlockMemory,
    PixelResponse,
    checked_corners,
    for_each_block,
    load_regions,
    readable,
)
from parfocal.tracking.build import fit_reach
from parfocal.tracking.fit import fit_regions
from parfocal.tracking.pixels import PixelGrid
from parfocal.tracking.rows import (
    AMPLITUDE,
    CHI2,
    FLAGS,
    OFFSET,
    RESULTS,
    ROW_DTYPE,
    SIGMA_X,
    SIGMA_Y,
    SIGMA_Z,
    Flag,
    X,
    Y,
    Z,
)
from parfocal.tracking.seed import DIRECTIONS
from parfocal.tracking.spline import FINE_BASIS
from parfocal.tracking.symmetry import BINS, fit_centres

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from parfocal.tracking.ztable import ZTables

_SATURATED_PIXELS = 4


class BeadTracker:
    """Tracks beads in frames.

    Parameters
    ----------
    tables : ZTables or None
        A table for each bead, or a single one for all: with a bead of 3 % larger radius than the table's, z
        is off by about 90 nm. None: x and y alone, from the symmetry of each image; z is NaN.
    roi_px : int
        Edge of the regions, even or odd; with tables, that of the tables.
    gain_e_per_adu, offset_adu, read_noise_e : float
        Of the camera. They set the weights, the sigmas and chi2.
    flat : array_like, optional
        Relative sensitivity of each pixel of the frame, about 1; pixels with 0 are left out.
    threads : int
        How many work on a frame. The results do not depend on it.
    saturation_adu : float, optional
        Counts of a full pixel; the top of the frame's integer type if not given (say 4095 for 12 bits in
        uint16).
    max_chi2 : float
        Above it a fit is flagged `Flag.BAD_FIT`; with tables, above it times the chi2 of the bead's table
        (from 1 to 2 of it counts): what was uneven when the table was made is no fault of the fit.
    tilted_light : bool
        Whether to fit, with tables, a plane of light over each region too; takes about three times as long.

    Notes
    -----
    Each row depends on nothing but its own region, the table and the settings: there is no state. Not
    thread-safe only in `close`. Close it, or use it in ``with``, if it has several threads.
    """

    def __init__(
        self,
        tables: ZTables | None,
        roi_px: int,
        *,
        gain_e_per_adu: float = 1.0,
        offset_adu: float = 0.0,
        read_noise_e: float = 0.0,
        flat: ArrayLike | None = None,
        threads: int = 1,
        saturation_adu: float | None = None,
        max_chi2: float = 1.2,
        tilted_light: bool = False,
    ) -> None:
        if not 8 <= roi_px <= 256:
            raise BadInputError(f"roi_px must be from 8 to 256, not {roi_px}")
        if tables is not None and tables.roi_px != roi_px:
            raise TrackingError(f"the tables were made for regions of {tables.roi_px} px, not {roi_px}")
        if threads < 1:
            raise BadInputError(f"threads must be at least 1, not {threads}")
        self._tables = tables
        self._grid = PixelGrid.of(roi_px)
        self._memory = BlockMemory(self._grid.length)
        self._camera = PixelResponse(gain_e_per_adu, offset_adu, read_noise_e, saturation_adu)
        self._flat = np.zeros((0, 0), np.float32) if flat is None else np.ascontiguousarray(flat, np.float32)
        self._coarse = None if tables is None else tables.coarse(roi_px // 2 - 1)
        self._usable = np.zeros((0, 2)) if tables is None else tables.usable_knots()
        self._table_noise = np.zeros((0, 1)) if tables is None else tables.noise_at_knots()
        self._max_chi2 = float(max_chi2)
        self._tilted = bool(tilted_light)
        self._helpers = threads - 1
        self._pool = ThreadPoolExecutor(threads - 1, "tracking") if threads > 1 else None

    @property
    def roi_px(self) -> int:
        """Edge of the regions."""
        return self._grid.roi_px

    def close(self) -> None:
        """End its threads. Idempotent."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def __enter__(self) -> BeadTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def track(
        self, frame: NDArray[Any], corners: ArrayLike, beads: ArrayLike | None = None
    ) -> NDArray[np.void]:
        """Return a row for each region.

        Parameters
        ----------
        frame : ndarray of uint8 or uint16, (y, x)
            May be a read-only view with any strides; nothing of it is copied. Other numbers are converted.
        corners : array_like of int, (n, 2)
            The first pixel (y0, x0) of each region; it may lie outside the frame, which is flagged.
        beads : array_like of int, (n,), optional
            Whose table belongs to each corner; 0, 1, 2 ... if not given.

        Returns
        -------
        ndarray of `ROW_DTYPE`, (n,)
            In the order of the corners. A region in which nothing could be fitted has NaN for its position.
        """
        places = checked_corners(corners)
        which = self._which(len(places), beads)
        view, flat = readable(frame, self._flat)
        limits = self._camera.limits(view.dtype)
        out, seen = np.empty((len(places), RESULTS)), np.empty((len(places), 2), np.int64)

        def work(part: slice) -> None:
            values, sensitivity = self._memory.lists(part.stop - part.start)
            load_regions(view, flat, places[part], self._grid.roi_px, limits, values, sensitivity, seen[part])
            self._fit(values, sensitivity, which[part], out[part])

        for_each_block(self._grid, len(places), work, self._pool, self._helpers)
        return self._rows(out, seen, places)

    def _which(self, count: int, beads: ArrayLike | None) -> NDArray[np.int64]:
        which = np.arange(count) if beads is None else np.asarray(beads, dtype=np.int64)
        if which.shape != (count,):
            raise BadInputError(f"beads has shape {which.shape}, but there are {count} corners")
        if self._tables is None or len(self._tables) == 1:
            return np.zeros(count, np.int64)
        if count and not (which.min() >= 0 and which.max() < len(self._tables)):
            raise TrackingError(f"bead {int(which.max())} has no table: there are {len(self._tables)}")
        return which

    def _fit(
        self,
        values: NDArray[np.float32],
        sensitivity: NDArray[np.float32],
        which: NDArray[np.int64],
        out: NDArray[np.float64],
    ) -> None:
        grid, noise = self._grid, self._camera.noise
        if self._tables is None or self._coarse is None:
            knots = fit_reach(grid.roi_px)
            binned = np.zeros((len(values), knots * BINS, 2), np.float32)
            fit_centres(
                values, sensitivity, self._grid.places, FINE_BASIS, grid.roi_px, knots, noise, self._max_chi2,
                out, binned,
            )  # fmt: skip
            return
        fit_regions(
            values,
            sensitivity,
            grid.places,
            self._tables.coefficients,
            self._coarse,
            self._tables.chi2,
            self._usable,
            self._table_noise,
            which,
            FINE_BASIS,
            DIRECTIONS,
            grid.roi_px,
            noise,
            self._max_chi2,
            self._tilted,
            out,
        )

    def _rows(
        self, out: NDArray[np.float64], seen: NDArray[np.int64], corners: NDArray[np.int64]
    ) -> NDArray[np.void]:
        rows = np.zeros(len(out), ROW_DTYPE)
        rows["x_px"], rows["y_px"] = out[:, X] + corners[:, 1], out[:, Y] + corners[:, 0]
        step, first = (
            (np.nan, np.nan) if self._tables is None else (self._tables.step_nm, self._tables.first_nm)
        )
        rows["z_nm"] = out[:, Z] * step + first
        rows["sigma_x_px"], rows["sigma_y_px"] = out[:, SIGMA_X], out[:, SIGMA_Y]
        rows["sigma_z_nm"] = out[:, SIGMA_Z] * step
        rows["chi2"], rows["amplitude"] = out[:, CHI2], out[:, AMPLITUDE]
        camera = self._camera
        rows["offset"] = out[:, OFFSET] / camera.gain_e_per_adu + camera.offset_adu
        flags = out[:, FLAGS].astype(np.uint32)
        flags |= np.where(seen[:, 0] < self._grid.roi_px**2, np.uint32(Flag.AT_EDGE), np.uint32(0))
        flags |= np.where(seen[:, 1] > _SATURATED_PIXELS, np.uint32(Flag.SATURATED), np.uint32(0))
        rows["flags"] = flags
        return rows
