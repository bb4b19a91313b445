"""Beads that jitter: where they lie in the field, and their Brownian motion on their tethers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.forces import KT_PN_NM, friction_pn_s_per_nm, tether

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scatter(
    count: int,
    width_px: int,
    height_px: int,
    rng: np.random.Generator,
    *,
    margin_px: float,
    spacing_px: float,
) -> NDArray[np.float64]:
    """Return anchors (count, 2) as x, y in pixels: a grid, shaken as far as `spacing_px` allows.

    A field too small for that spacing gets a tighter grid, without shaking.

    Examples
    --------
    >>> scatter(6, 300, 200, np.random.default_rng(1), margin_px=30, spacing_px=50).shape
    (6, 2)
    """
    if count == 0:
        return np.empty((0, 2))
    wide, high = width_px - 2 * margin_px, height_px - 2 * margin_px
    if wide <= 0 or high <= 0:
        raise BadInputError(
            f"a field of {width_px} x {height_px} px is too small for beads {margin_px} px inside"
        )
    columns = int(np.ceil(np.sqrt(count * wide / high)))
    rows = int(np.ceil(count / columns))
    pitch = np.array([wide / columns, high / rows])
    cells = rng.permutation(columns * rows)[:count]
    centres = np.stack([cells % columns, cells // columns], axis=1) * pitch + margin_px + pitch / 2
    slack = np.maximum(pitch - spacing_px, 0.0)
    return np.asarray(centres + rng.uniform(-0.5, 0.5, (count, 2)) * slack)


class BeadField:
    """Stuck and tethered beads and where they are now.

    Each coordinate of a tethered bead is an Ornstein-Uhlenbeck process with the stiffness of its tether at
    the force, stepped exactly for any time; random numbers depend on seed and frame alone.

    Parameters
    ----------
    contour_nm : ndarray, (n,)
        Length of each tether; 0 for a bead stuck to the glass.
    radius_nm : float
        Of every bead.
    seed : int
        Of the motion.

    Notes
    -----
    Left out: the wall's drag, rotation, and motion during the exposure.
    """

    def __init__(self, contour_nm: NDArray[np.float64], radius_nm: float, seed: int) -> None:
        self._contour = np.asarray(contour_nm, dtype=float)
        self._radius = radius_nm
        self._friction = friction_pn_s_per_nm(radius_nm)
        self._seed = seed
        self._force = -1.0
        self._mean = np.zeros(len(self._contour))
        self._stiffness = np.ones((len(self._contour), 3))
        self._offset = np.zeros((len(self._contour), 3))
        self._started = False

    def advance(self, frame: int, seconds: float, force_pn: float) -> NDArray[np.float64]:
        """Move on by `seconds` to `frame`; return displacements (n, 3): x, y from the anchor, height; nm."""
        if force_pn != self._force:
            self._pull(force_pn)
        deviate = np.random.Generator(np.random.Philox(key=[self._seed, frame])).standard_normal(
            self._offset.shape
        )
        decay = np.exp(-self._stiffness * (seconds / self._friction)) if self._started else 0.0
        spread = np.sqrt(KT_PN_NM / self._stiffness * (1 - np.square(decay)))
        self._started = True
        self._offset = np.where(self._contour[:, None] > 0, self._offset * decay + spread * deviate, 0.0)
        moved = self._offset.copy()
        moved[:, 2] = np.maximum(moved[:, 2] + self._mean, 0.0)
        return moved

    def _pull(self, force_pn: float) -> None:
        """Take on a new force; the beads stay where they are, and relax from there."""
        height = self._mean + self._offset[:, 2]
        for n in np.flatnonzero(self._contour > 0):
            now = tether(force_pn, float(self._contour[n]), self._radius)
            self._mean[n] = now.extension_nm
            self._stiffness[n] = now.stiffness_x, now.stiffness_y, now.stiffness_z
        self._offset[:, 2] = height - self._mean
        self._force = force_pn
