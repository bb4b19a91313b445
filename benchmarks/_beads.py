"""Images of beads with known truth, tables from noisy sweeps, and the peer, for the benchmark of tracking."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from parfocal.tracking import BeadTracker, ZTableBuilder, ZTables, cramer_rao
from parfocal.tracking.simulation import SymmetricBead

READ_NOISE_E = 8.0
PIXEL_NM = 100.0
SWEEP_NM = 100.0


@dataclass(frozen=True)
class Case:
    """A bead, its region, its light, and the heights it moves through."""

    roi: int
    electrons: float
    radius_um: float
    low_nm: float
    high_nm: float

    @property
    def gain(self) -> float:
        """Electrons for a count, so that the light fills a fair part of 12 bits."""
        return {200.0: 0.5, 5000.0: 4.9}.get(self.electrons, self.electrons / 1000)

    @property
    def camera(self) -> dict[str, float]:
        """What the tracker is told of the camera."""
        return {"gain_e_per_adu": self.gain, "read_noise_e": READ_NOISE_E}

    @property
    def middle(self) -> float:
        """Middle of the region."""
        return (self.roi - 1) / 2

    def bead(self, reach: float = 2.3) -> SymmetricBead:
        """Return the truth."""
        return SymmetricBead(self.radius_um, 0.1, (self.low_nm - 500, self.high_nm + 500), reach * self.roi)

    def expose(self, expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return counts for an image relative to its background."""
        electrons = rng.poisson(np.maximum(self.electrons * expected, 0)) + rng.normal(
            0, READ_NOISE_E, expected.shape
        )
        return np.clip(np.floor(electrons / self.gain + 0.5), 0, 65535).astype(np.uint16)

    def places(
        self, count: int, rng: np.random.Generator, side: float = 0.5, inset_nm: float = 150
    ) -> np.ndarray:
        """Return random (x, y, z), (count, 3)."""
        xy = self.middle + rng.uniform(-side, side, (count, 2))
        z = rng.uniform(self.low_nm + inset_nm, self.high_nm - inset_nm, (count, 1))
        return np.hstack([xy, z])

    def sweep(
        self, bead: SymmetricBead, rng: np.random.Generator, each: int
    ) -> list[tuple[float, np.ndarray]]:
        """Return heights and frames of a focus sweep, `each` a plane, in which the bead wanders by 2 px."""
        frames = []
        for z in np.arange(self.low_nm, self.high_nm + 1, SWEEP_NM):
            for x, y, _ in self.places(each, rng, 2.0):
                frames.append((float(z), self.expose(bead.image(x, y, z, self.roi), rng)))
        return frames

    def tables(self, frames: list[tuple[float, np.ndarray]]) -> ZTables:
        """Return the table of a sweep."""
        builder = ZTableBuilder(roi_px=self.roi, n_beads=1, **self.camera)
        for z, frame in frames:
            builder.add(frame, [(0, 0)], z_nm=z)
        return builder.finish()

    def bound(self, bead: SymmetricBead, places: np.ndarray) -> np.ndarray:
        """Return the Cramer-Rao bounds of each place in nm, (n, 3)."""
        facts = {"background_e": self.electrons, "read_noise_e": READ_NOISE_E, "gain_e_per_adu": self.gain}
        return np.array([cramer_rao(bead, *p, self.roi, **facts) for p in places]) * [PIXEL_NM, PIXEL_NM, 1]


def case(roi: int, electrons: float = 5000.0) -> Case:
    """Return 1.05 um beads for small regions, 2.8 um beads for large ones."""
    return Case(roi, electrons, 1.4, 3000, 8000) if roi == 100 else Case(roi, electrons, 0.525, 1000, 5000)


def track(tracker: BeadTracker, images: np.ndarray) -> np.ndarray:
    """Track each of a stack of images as a region of one tall frame; positions are in the regions."""
    count, roi, _ = images.shape
    corners = np.stack([np.arange(count) * roi, np.zeros(count, int)], axis=1)
    rows = tracker.track(images.reshape(count * roi, roi), corners, np.zeros(count, int))
    rows["y_px"] -= corners[:, 0]
    return rows


def errors_nm(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return errors of x, y, z in nm, (n, 3)."""
    return (np.stack([rows["x_px"], rows["y_px"], rows["z_nm"]], axis=1) - places) * [PIXEL_NM, PIXEL_NM, 1]


def rms(values: np.ndarray) -> np.ndarray:
    """Root mean square along the first axis, without NaN."""
    return np.sqrt(np.nanmean(np.square(values), axis=0))


class Peer:
    """magtrack, as published or with a faster histogram."""

    def __init__(self, frames: list[tuple[float, np.ndarray]]) -> None:
        self.magtrack = load_magtrack()
        heights = np.array([z for z, _ in frames])
        stack = np.stack([frame for _, frame in frames], axis=-1).astype(float)
        profiles = self.magtrack.stack_to_xyzp(stack)[3]
        planes = np.unique(heights)
        mean = np.stack([np.nanmean(profiles[:, heights == z], axis=1) for z in planes], axis=1)
        self.zlut = np.vstack([planes, mean])

    def track(self, images: np.ndarray) -> np.ndarray:
        """Return x, y, z of a stack of images, (n, 3)."""
        x, y, z, _ = self.magtrack.stack_to_xyzp(np.moveaxis(images, 0, -1).astype(float), self.zlut)
        return np.stack([x, y, z], axis=1)


def load_magtrack() -> ModuleType:
    """Import the peer, quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import magtrack
    return magtrack


class FastHistogram:
    """numpy with an `add.at` that counts in bins: what the peer would be with one line changed.

    Stands in for the peer's array module, which it asks for numpy.
    """

    class _Add:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return np.add(*args, **kwargs)

        @staticmethod
        def at(target: np.ndarray, index: Any, values: Any) -> None:
            where = index if isinstance(index, tuple) else (index,)
            where = np.broadcast_arrays(*where)
            flat = np.ravel_multi_index([w.ravel() for w in where], target.shape)
            weight = np.broadcast_to(values, where[0].shape).ravel()
            target += np.bincount(flat, weight, target.size).reshape(target.shape).astype(target.dtype)

    add = _Add()

    def __init__(self, replaced: Any) -> None:
        self._replaced = replaced

    def get_array_module(self, *_: Any) -> Any:
        """Return itself, for arrays of any kind."""
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name) if hasattr(np, name) else getattr(self._replaced, name)
