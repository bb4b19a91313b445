"""Beads with known truth, shared by the tests of tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from parfocal.tracking import ZTableBuilder, ZTables, cramer_rao
from parfocal.tracking.simulation import SymmetricBead

GAIN, READ_NOISE, LIGHT, ROI = 4.9, 8.0, 5000.0, 64
LOW, HIGH = 1000.0, 4000.0


@dataclass(frozen=True)
class Field:
    """One bead, its table from a noisy self-centred sweep, and a camera."""

    bead: SymmetricBead
    tables: ZTables

    @property
    def camera(self) -> dict[str, float]:
        """What the tracker is told of it."""
        return {"gain_e_per_adu": GAIN, "read_noise_e": READ_NOISE}

    def expose(self, images: np.ndarray, seed: int) -> np.ndarray:
        """Counts for images relative to their background."""
        return expose(images, seed)

    def images(self, places: np.ndarray) -> np.ndarray:
        """Images without noise."""
        return np.stack([self.bead.image(*place, ROI) for place in places])

    def places(self, count: int, seed: int, side: float = 0.5, inset: float = 150.0) -> np.ndarray:
        """Random x, y, z in the region and the table."""
        rng = np.random.default_rng(seed)
        middle = (ROI - 1) / 2 + rng.uniform(-side, side, (count, 2))
        return np.hstack([middle, rng.uniform(LOW + inset, HIGH - inset, (count, 1))])

    def bound(self, places: np.ndarray) -> np.ndarray:
        """Cramer-Rao bounds, x, y in pixels, z in nm."""
        facts = {"background_e": LIGHT, "read_noise_e": READ_NOISE, "gain_e_per_adu": GAIN}
        return np.array([cramer_rao(self.bead, *place, ROI, **facts) for place in places])


def expose(images: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(np.maximum(LIGHT * images, 0)) + rng.normal(0, READ_NOISE, images.shape)
    return np.clip(np.floor(electrons / GAIN + 0.5), 0, 65535).astype(np.uint16)


@pytest.fixture(scope="session")
def field() -> Field:
    bead = SymmetricBead(0.525, 0.1, (LOW - 600, HIGH + 600), 2.2 * ROI)
    rng = np.random.default_rng(1)
    builder = ZTableBuilder(
        roi_px=ROI, n_beads=1, gain_e_per_adu=GAIN, read_noise_e=READ_NOISE, pixel_size_um=0.1
    )
    for z in np.arange(LOW, HIGH + 1, 100.0):
        for k in range(12):
            x, y = 31.5 + rng.uniform(-2, 2, 2)
            builder.add(expose(bead.image(x, y, z, ROI), int(100 * z) + k), [(0, 0)], z_nm=z)
    return Field(bead, builder.finish())


def track(tracker: object, images: np.ndarray) -> np.ndarray:
    """Track a stack of images as regions of one tall frame; positions are in the regions."""
    count, roi, _ = images.shape
    corners = np.stack([np.arange(count) * roi, np.zeros(count, int)], axis=1)
    rows = tracker.track(images.reshape(count * roi, roi), corners, np.zeros(count, int))  # type: ignore[attr-defined]
    rows["y_px"] -= corners[:, 0]
    return rows


@pytest.fixture(name="track", scope="session")
def _track() -> object:
    return track
