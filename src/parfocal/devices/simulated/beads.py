"""Beads that jitter: where they lie in the field, and their Brownian motion on their tethers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.forces import KT_PN_NM, double_tether, friction_pn_s_per_nm, tether

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.simulated.forces import DoubleTether
    from parfocal.devices.simulated.settings import SimulatedCameraSettings


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


class Tethers(NamedTuple):
    """What holds each bead: arrays (n,).

    Attributes
    ----------
    contour_nm : ndarray
        Length of the tether; 0 for a bead that is stuck to the glass.
    apart_nm, towards_rad : ndarray
        How far from the first a second tether of the same length begins, and in which direction (from x to
        y); 0 for a single one.
    leaves_s : ndarray
        After how many seconds of motion the bead is gone; infinite for one that stays.
    """

    contour_nm: NDArray[np.float64]
    apart_nm: NDArray[np.float64]
    towards_rad: NDArray[np.float64]
    leaves_s: NDArray[np.float64]

    @classmethod
    def single(cls, contour_nm: NDArray[np.float64]) -> Tethers:
        """Return one for each bead."""
        count = len(contour_nm)
        none, never = np.zeros((2, count)), np.full(count, np.inf)
        return cls(np.asarray(contour_nm, dtype=float), none[0], none[1], never)

    def kinds(self) -> list[str]:
        """Return "stuck", "double tether", "lost" (sooner or later) or "good" for each bead.

        Examples
        --------
        >>> Tethers.single(np.array([0.0, 900.0])).kinds()
        ['stuck', 'good']
        """
        chosen = (self.contour_nm == 0, self.apart_nm > 0, np.isfinite(self.leaves_s))
        return [str(kind) for kind in np.select(chosen, ("stuck", "double tether", "lost"), "good")]


def tethers_of(settings: SimulatedCameraSettings, rng: np.random.Generator) -> Tethers:
    """Return what holds each bead: stuck ones first, then those on two tethers, then those that get lost."""
    s = settings
    lengths = s.tether_nm * np.clip(1 + s.tether_spread * rng.standard_normal(s.beads), 0.5, 1.5)
    stuck, double, lost = (round(part * s.beads) for part in (s.stuck, s.double, s.lost))
    tethers = Tethers.single(np.where(np.arange(s.beads) < stuck, 0.0, lengths))
    two = slice(stuck, stuck + double)
    own = np.random.default_rng([s.seed, 2])
    near, far = s.double_apart
    apart = np.sqrt(own.uniform(near**2, far**2, double))  # anywhere on the glass between the two
    tethers.apart_nm[two], tethers.towards_rad[two] = apart * lengths[two], own.uniform(0, np.pi, double)
    tethers.leaves_s[stuck + double : stuck + double + lost] = s.lost_after_s
    return tethers


class BeadField:
    """Beads and where they are now.

    A tethered bead does an Ornstein-Uhlenbeck process along each of three axes, with the stiffness of what
    holds it at the force, stepped exactly for any time. A frame shows its mean over the exposure, drawn
    together with where the bead is when that ends. Random numbers depend on seed and frame alone.

    Parameters
    ----------
    tethers : Tethers
        What holds each bead.
    radius_nm : float
        Of every bead.
    seed : int
        Of the motion.

    Notes
    -----
    Left out: the wall's drag, and rotation.
    """

    def __init__(self, tethers: Tethers, radius_nm: float, seed: int) -> None:
        self._tethers = tethers
        self._contour = tethers.contour_nm
        self._radius = radius_nm
        self._friction = friction_pn_s_per_nm(radius_nm)
        self._seed = seed
        self._force = -1.0
        self._mean = np.zeros(len(self._contour))
        self._stiffness = np.ones((len(self._contour), 3))
        self._offset = np.zeros((len(self._contour), 3))
        self._axes = np.tile(np.eye(2), (len(self._contour), 1, 1))
        self._started = False
        self._age_s = 0.0
        self._exposed_s = 0.0

    def advance(
        self, frame: int, seconds: float, force_pn: float, exposure_s: float = 0.0
    ) -> NDArray[np.float64]:
        """Move on by `seconds` to the exposure of `frame`; return its displacements (n, 3), nm.

        They are the mean over `exposure_s`, which is not longer than `seconds`: x and y from the anchor, and
        the height; NaN for a bead that is gone.
        """
        if force_pn != self._force:
            self._pull(force_pn)
        deviates = np.random.Generator(np.random.Philox(key=[self._seed, frame])).standard_normal(
            (3, *self._offset.shape)
        )
        tethered = self._contour[:, None] > 0
        rate = self._stiffness / self._friction
        spread = np.sqrt(KT_PN_NM / self._stiffness)
        fade = np.exp(-rate * (seconds - self._exposed_s)) if self._started else 0.0
        begin = self._offset * fade + spread * np.sqrt(1 - np.square(fade)) * deviates[0]
        mean, end = _exposed(begin, rate * exposure_s, spread, deviates[1:])
        self._started, self._exposed_s = True, exposure_s
        self._offset = np.where(tethered, end, 0.0)
        moved = np.where(tethered, mean, 0.0)
        moved[:, :2] = np.einsum("nij,nj->ni", self._axes, moved[:, :2])
        moved[:, 2] = np.maximum(moved[:, 2] + self._mean, 0.0)
        self._age_s += seconds
        moved[self._age_s >= self._tethers.leaves_s] = np.nan
        return moved

    def _pull(self, force_pn: float) -> None:
        """Take on a new force; the beads stay where they are, and relax from there."""
        height = self._mean + self._offset[:, 2]
        contour, apart, towards = (each.tolist() for each in self._tethers[:3])
        for n in np.flatnonzero(self._contour > 0).tolist():
            if apart[n]:
                self._pull_double(n, double_tether(force_pn, contour[n], self._radius, apart[n], towards[n]))
                continue
            now = tether(force_pn, contour[n], self._radius)
            self._mean[n] = now.extension_nm
            self._stiffness[n] = now.stiffness_x, now.stiffness_y, now.stiffness_z
        self._offset[:, 2] = height - self._mean
        self._force = force_pn

    def _pull_double(self, bead: int, now: DoubleTether) -> None:
        """Take on the axes of a bead with two tethers, which depend on the force."""
        cos, sin = np.cos(now.turned_rad), np.sin(now.turned_rad)
        axes = np.array([[cos, -sin], [sin, cos]])
        self._offset[bead, :2] = axes.T @ self._axes[bead] @ self._offset[bead, :2]
        self._axes[bead] = axes
        self._mean[bead] = now.extension_nm
        self._stiffness[bead] = now.stiffness


def _exposed(
    begin: NDArray[np.float64],
    w: NDArray[np.float64],
    spread: NDArray[np.float64],
    deviates: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means over an exposure of `w` relaxation times, and where the beads are at its end.

    Both together are normally distributed about what `begin` makes of them.
    """
    if not w.any():
        return begin, begin
    fade, faded = np.exp(-w), -np.expm1(-w)
    cubic = w**3 * (2 / 3 - w / 2 + 7 / 30 * w**2)  # of the difference, which rounding takes away
    mean_variance = np.where(w < 1e-2, cubic, 2 * w - 2 * faded - faded**2) / w**2
    end_spread = np.sqrt(-np.expm1(-2 * w))
    shared = faded**2 / w / end_spread
    own = np.sqrt(np.maximum(mean_variance - shared**2, 0.0))
    end = begin * fade + spread * end_spread * deviates[0]
    return begin * (faded / w) + spread * (shared * deviates[0] + own * deviates[1]), end
