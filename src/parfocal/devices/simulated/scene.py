"""What lies behind the beads: uneven light and specks of dust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def backdrop(
    width_px: int, height_px: int, rng: np.random.Generator, *, unevenness: float, dust: int
) -> NDArray[np.float32]:
    """Return the relative brightness of an empty field, (y, x) float32, 1 at its brightest.

    Parameters
    ----------
    unevenness : float
        How much darker the darkest corner is, 0 to 1.
    dust : int
        Number of specks: blurred discs with a ring, as dust on a window far from focus looks.

    Examples
    --------
    >>> flat = backdrop(64, 48, np.random.default_rng(0), unevenness=0.2, dust=0)
    >>> flat.shape, float(flat.max()), round(float(flat.min()), 3)
    ((48, 64), 1.0, 0.8)
    """
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    reach = float(np.hypot(width_px, height_px))
    centre = (rng.uniform(0.35, 0.65) * width_px, rng.uniform(0.35, 0.65) * height_px)
    distance = np.square(x - centre[0]) + np.square(y - centre[1])
    light = np.exp(-distance / (2 * (0.6 * reach) ** 2))
    light = (light - light.min()) / max(float(light.max() - light.min()), 1e-9)
    field = 1 - unevenness * (1 - light)
    for _ in range(dust):
        field *= _speck(x, y, rng)
    return np.asarray(field / field.max(), dtype=np.float32)


def _speck(x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = x.shape
    centre_x, centre_y = rng.uniform(0, width), rng.uniform(0, height)
    radius, depth = rng.uniform(4, 15), rng.uniform(0.02, 0.08)
    r = np.hypot(x - centre_x, y - centre_y) / radius
    return np.asarray(
        1 - depth * (np.exp(-(r**4)) - 0.5 * np.exp(-(((r - 1.4) / 0.2) ** 2))), dtype=np.float32
    )
