"""Tables from a focus sweep in which the beads move sideways: each image is centred by its own symmetry."""

from __future__ import annotations

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
from parfocal.tracking.pixels import PixelGrid
from parfocal.tracking.rows import CHI2, FLAGS, RESULTS, Flag
from parfocal.tracking.spline import FINE_BASIS, fit_profile, least_squares
from parfocal.tracking.symmetry import BINS, fit_centres
from parfocal.tracking.ztable import ZTables

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST_HEIGHTS = 4
_REJECTED = Flag.EMPTY | Flag.AT_EDGE | Flag.NOT_CONVERGED


class ZTableBuilder:
    """Collects a focus sweep frame by frame and makes a table for each bead.

    Parameters
    ----------
    roi_px : int
        Edge of the regions.
    n_beads : int
        How many beads each frame brings.
    step_nm : float
        Distance of the table's knots; planes of the sweep may have any spacing, and may come in any order.
    gain_e_per_adu, offset_adu, read_noise_e : float
        Of the camera: they weigh pixels and scale the quality figure, not the table.
    flat : ndarray, optional
        Flat field as in `BeadTracker`.
    pixel_size_um : float, optional
        Kept with the tables.

    Notes
    -----
    Memory: about 3 kB for each bead and plane of 64 px; frames closer than an eighth of a knot share one.

    Examples
    --------
    >>> from parfocal.tracking.simulation import bead_stack
    >>> images = (1000 * bead_stack(0.5, 0.1, np.arange(2000, 3001, 50), 48)).astype(np.uint16)
    >>> builder = ZTableBuilder(roi_px=48, n_beads=1)
    >>> for z_nm, image in zip(range(2000, 3001, 50), images):
    ...     builder.add(image, [(0, 0)], z_nm=z_nm)
    >>> tables = builder.finish()
    >>> len(tables), tables.first_nm, tables.last_nm
    (1, 2000.0, 3000.0)
    """

    def __init__(
        self,
        roi_px: int,
        n_beads: int,
        *,
        step_nm: float = 100.0,
        gain_e_per_adu: float = 1.0,
        offset_adu: float = 0.0,
        read_noise_e: float = 0.0,
        flat: ArrayLike | None = None,
        pixel_size_um: float | None = None,
    ) -> None:
        if not 8 <= roi_px <= 256:
            raise BadInputError(f"roi_px must be from 8 to 256, not {roi_px}")
        if n_beads < 1 or not step_nm > 0:
            raise BadInputError(f"n_beads {n_beads} and step_nm {step_nm} must be positive")
        self._grid = PixelGrid.of(roi_px)
        self._memory = BlockMemory(self._grid.length)
        self._camera = PixelResponse(gain_e_per_adu, offset_adu, read_noise_e)
        self._flat = np.zeros((0, 0), np.float32) if flat is None else np.asarray(flat, np.float32)
        self._beads = n_beads
        self._step = float(step_nm)
        self._knots = fit_reach(roi_px)
        self._pixel_size = pixel_size_um
        self._planes: dict[int, _Plane] = {}
        self._chi2 = np.zeros((n_beads, 2))

    def add(self, frame: NDArray[Any], corners: ArrayLike, z_nm: float) -> None:
        """Take one frame of the sweep at this height; images that show no bead are left out.

        Raises
        ------
        BadInputError
            If there is not one corner for each bead, or the height is not finite.
        """
        places = checked_corners(corners)
        if len(places) != self._beads or not np.isfinite(z_nm):
            raise BadInputError(f"{len(places)} corners at {z_nm} nm given for {self._beads} beads")
        view, flat = readable(frame, self._flat)
        limits = self._camera.limits(view.dtype)
        key = round(z_nm / self._step * 8)
        plane = self._planes.setdefault(key, _Plane(self._beads, self._knots))

        def work(part: slice) -> None:
            count = part.stop - part.start
            values, sensitivity = self._memory.lists(count)
            seen, out = np.zeros((count, 2), np.int64), np.zeros((count, RESULTS))
            binned = np.zeros((count, self._knots * BINS, 2), np.float32)
            grid = self._grid
            load_regions(
                view, flat, places[part], grid.roi_px, limits, values, sensitivity, seen
            )  # fmt: skip
            fit_centres(
                values, sensitivity, self._grid.places, FINE_BASIS, grid.roi_px, self._knots,
                self._camera.noise, np.inf, out, binned,
            )  # fmt: skip
            good = (out[:, FLAGS].astype(np.int64) & int(_REJECTED)) == 0
            good &= seen[:, 0] == grid.roi_px**2
            plane.binned[part] += np.where(good[:, None, None], binned, 0)
            plane.frames[part] += good
            plane.height[part] += np.where(good, z_nm, 0)
            self._chi2[part, 0] += np.where(good, out[:, CHI2], 0)
            self._chi2[part, 1] += good

        for_each_block(self._grid, self._beads, work)

    def heights_seen(self) -> NDArray[np.int64]:
        """Return at how many heights each bead was seen so far, (n_beads,): a table needs `LEAST_HEIGHTS`."""
        seen = [plane.frames > 0 for plane in self._planes.values()]
        return np.sum(seen, axis=0, dtype=np.int64) if seen else np.zeros(self._beads, np.int64)

    def finish(self, beads: ArrayLike | None = None) -> ZTables:
        """Return the tables of all beads, or of those that are named, in that order.

        Raises
        ------
        TrackingError
            If one of them was seen at too few heights to make a table; names the beads.
        """
        wanted = np.arange(self._beads) if beads is None else np.asarray(beads, np.int64)
        keys = sorted(self._planes)
        if len(keys) < LEAST_HEIGHTS:
            raise TrackingError(f"a table needs at least {LEAST_HEIGHTS} heights; the sweep has {len(keys)}")
        planes = [self._planes[key] for key in keys]
        frames = np.stack([plane.frames for plane in planes])
        poor = wanted[self.heights_seen()[wanted] < LEAST_HEIGHTS]
        if poor.size:
            raise TrackingError(
                f"beads {poor.tolist()} were found at fewer than {LEAST_HEIGHTS} heights of the sweep"
            )
        heights = np.stack([plane.height for plane in planes]) / np.maximum(frames, 1)
        first = float(heights[frames > 0].min())
        intervals = max(1, int(np.ceil((float(heights[frames > 0].max()) - first) / self._step - 1e-6)))
        shape = (len(wanted), intervals + 3, self._knots + 3)
        coefficients, usable = np.zeros(shape, np.float32), np.zeros((len(wanted), 2))
        noise = np.zeros((len(wanted), intervals + 1))
        for place, bead in enumerate(wanted.tolist()):
            radial = np.stack([plane.radial(bead) for plane in planes])
            seen = frames[:, bead] > 0
            table = spline_over_height(heights[seen, bead], radial[seen], first, self._step, intervals)
            background = _background(planes, bead)
            coefficients[place] = table / background - 1
            usable[place] = usable_heights(coefficients[place], heights[seen, bead], first, self._step)
            images = _images_at_knots(heights[seen, bead], frames[seen, bead], first, self._step, intervals)
            noise[place] = (background + self._camera.noise) / background**2 / images
        chi2 = self._chi2[wanted, 0] / np.maximum(self._chi2[wanted, 1], 1)
        return ZTables(
            coefficients, self._grid.roi_px, first, self._step, usable, chi2, self._pixel_size, noise=noise
        )


class _Plane:
    """Binned pixels of all beads at one height."""

    def __init__(self, beads: int, knots: int) -> None:
        self.binned = np.zeros((beads, knots * BINS, 2), np.float32)
        self.frames = np.zeros(beads, np.int64)
        self.height = np.zeros(beads)

    def radial(self, bead: int) -> NDArray[np.float64]:
        """Return the radial spline of a bead; zeros if it was not seen here."""
        count = self.binned.shape[1] // BINS + 3
        coefficients, band = np.zeros(count), np.zeros((4, count))
        if self.frames[bead]:
            fit_profile(self.binned[bead], coefficients, band)
        return coefficients


def fit_reach(roi_px: int) -> int:
    """Return how far from its centre, in whole pixels, a bead is fitted: 1.2 of half the region."""
    return int(np.ceil(0.7 * roi_px))


def spline_over_height(
    z: NDArray[np.float64], radial: NDArray[np.float64], first: float, step: float, intervals: int
) -> NDArray[np.float64]:
    """Return the cubic spline of a table from its planes.

    A cubic spline straight through planes 100 nm apart would be wrong by 0.1 nm of height between them; so
    the planes are joined by a quintic one, which the cubic one then follows as closely as it can.
    """
    from scipy.interpolate import make_interp_spline  # takes longer to import than all the rest

    order = np.argsort(z)
    joined = make_interp_spline(z[order], radial[order], k=5 if len(z) > 5 else 3)
    dense = np.arange(8 * intervals + 1) / 8
    values = joined(np.clip(first + step * dense, z.min(), z.max()))
    return least_squares(dense, values, np.ones(len(dense)), intervals)


def _images_at_knots(
    z: NDArray[np.float64], frames: NDArray[np.int64], first: float, step: float, intervals: int
) -> NDArray[np.float64]:
    """Return how many images make a table at each knot: those nearer than `step`, the nearer the more.

    Between planes further apart it counts as the nearer of them.
    """
    distance = np.abs(first + step * np.arange(intervals + 1)[:, None] - z) / step
    images = (np.clip(1 - distance, 0, None) * frames).sum(axis=1)
    return np.asarray(np.maximum(images, frames[distance.argmin(axis=1)]), dtype=float)


def _background(planes: list[_Plane], bead: int) -> float:
    """Return the mean level in the outer quarter of all images of a bead."""
    outer = 3 * planes[0].binned.shape[1] // 4
    total, count = np.sum([plane.binned[bead, outer:].sum(axis=0, dtype=float) for plane in planes], axis=0)
    return max(float(total) / max(float(count), 1.0), 1e-6)


def usable_heights(
    table: NDArray[np.float32], seen_nm: NDArray[np.float64], first: float, step: float
) -> NDArray[np.float64]:
    """Return the lowest and highest usable height.

    The image changes enough with height there, and the cell at either end of what was seen is left out: a
    knot, or the distance of planes if that is larger. Only one side holds the table there, and a bead beyond
    the end must have where to be seen that it is.
    """
    slope = np.diff(table.astype(float), axis=0)
    radius = np.clip(np.arange(table.shape[1]) - 1.0, 0, None)
    information = (slope**2 * radius).sum(axis=1)
    places = np.flatnonzero(information > 0.02 * np.median(information))
    low, high = max(places[0] - 1.0, 0.0), min(float(places[-1]), table.shape[0] - 3.0)
    planes = np.sort(seen_nm)
    inner = max(planes[0] + step, planes[1]), min(planes[-1] - step, planes[-2])
    usable = max(first + step * low, inner[0]), min(first + step * high, inner[1])
    return np.array([usable[0], max(usable)])
