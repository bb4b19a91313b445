"""The Cramer-Rao bound: how well any unbiased method can place a bead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from parfocal.tracking.simulation import SymmetricBead


def cramer_rao(
    bead: SymmetricBead,
    x_px: float,
    y_px: float,
    z_nm: float,
    roi_px: int,
    *,
    background_e: float,
    read_noise_e: float = 0.0,
    gain_e_per_adu: float = 0.0,
) -> tuple[float, float, float]:
    """Return the smallest standard deviations of x (px), y (px) and z (nm) in a square region.

    Contrast and background are unknown too: the bound is that of the five-parameter problem, with variance
    ``mu + read_noise_e**2 + gain_e_per_adu**2 / 12`` in each pixel of expectation mu.

    Parameters
    ----------
    bead : SymmetricBead
        What the images look like.
    x_px, y_px, z_nm : float
        Where it is, in pixels of the region.
    roi_px : int
        Edge of the region.
    background_e, read_noise_e, gain_e_per_adu : float
        Electrons in a pixel of background, RMS read noise in electrons, electrons for a count (0: no
        rounding).

    Examples
    --------
    >>> from parfocal.tracking.simulation import SymmetricBead
    >>> bead = SymmetricBead(0.5, 0.1, (1000.0, 3000.0), 50)
    >>> dim = cramer_rao(bead, 31.5, 31.5, 2000.0, 64, background_e=1000)
    >>> bright = cramer_rao(bead, 31.5, 31.5, 2000.0, 64, background_e=4000)
    >>> round(dim[2] / bright[2], 2)
    2.0
    """
    contrast = bead.image(x_px, y_px, z_nm, roi_px) - 1
    slopes = bead.slopes(x_px, y_px, z_nm, roi_px) * background_e
    expected = background_e * (1 + contrast)
    columns = np.stack([*slopes, contrast, np.ones_like(contrast)]).reshape(5, -1)
    variance = expected.ravel() + read_noise_e**2 + gain_e_per_adu**2 / 12
    scale = np.sqrt((columns**2 / variance).sum(axis=1))
    fisher = (columns / variance) @ columns.T / np.outer(scale, scale)
    deviation = np.sqrt(np.diag(np.linalg.inv(fisher))) / scale
    return float(deviation[0]), float(deviation[1]), float(deviation[2])
