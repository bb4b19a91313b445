"""Forces on a tethered bead: what the magnet pulls with, and how stiff that makes the tether."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError

KT_PN_NM = 4.11
"""Thermal energy at 298 K."""

VISCOSITY_PN_S_PER_NM2 = 0.89e-9
"""Of water at 298 K."""

_BOUCHIAT = (-0.5164228, -2.737418, 16.07497, -38.87607, 39.49944, -14.17718)


class Tether(NamedTuple):
    """A bead on its tether at one force: how long, and the stiffness along each axis in pN/nm."""

    extension_nm: float
    stiffness_x: float
    stiffness_y: float
    stiffness_z: float


def magnet_force_pn(magnet_nm: float, *, contact_pn: float = 20.0, decay_nm: float = 1.5e6) -> float:
    """Return the force of the magnet at a height, an exponential with 1.5 mm of decay.

    Examples
    --------
    >>> magnet_force_pn(0.0)
    20.0
    """
    return contact_pn * float(np.exp(-magnet_nm / decay_nm))


def chain_force_pn(relative_extension: float, persistence_nm: float = 50.0) -> float:
    """Return the force of a worm-like chain at extension over contour length, 0 to 1 (exclusive).

    The formula of Bouchiat et al. 1999 (doi:10.1016/S0006-3495(99)77207-3), good to 0.01 %.

    Examples
    --------
    >>> 0.9 < chain_force_pn(0.8) * 50 / KT_PN_NM / 6.9 < 1.1
    True
    """
    x = relative_extension
    series = sum(a * x**power for power, a in enumerate(_BOUCHIAT, start=2))
    return KT_PN_NM / persistence_nm * (0.25 / (1 - x) ** 2 - 0.25 + x + series)


class DoubleTether(NamedTuple):
    """A bead that two tethers hold: how high, and in which directions it is how stiff.

    `stiffness` holds pN/nm along two axes across the force, and along it; the first axis is turned by
    `turned_rad` from x to y.
    """

    extension_nm: float
    stiffness: tuple[float, float, float]
    turned_rad: float


def tether(force_pn: float, contour_nm: float, radius_nm: float, persistence_nm: float = 50.0) -> Tether:
    """Return the tether at a force: a worm-like chain with a bead of `radius_nm` at its end.

    Across the force the bead is a pendulum: a short one along the field (y), as long as the chain, and a long
    one across it (x), where the bead turns with the chain. Along the force the stiffness is the chain's own.

    Examples
    --------
    >>> t = tether(5.0, 1000.0, 525.0)
    >>> 900 < t.extension_nm < 960, t.stiffness_z > t.stiffness_y > t.stiffness_x
    (True, True)
    """
    if not force_pn > 0 or not contour_nm > 0:
        raise BadInputError(
            f"a tether needs a positive force and length, not {force_pn} pN and {contour_nm} nm"
        )
    low, high = 0.0, 1 - 1e-9
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if chain_force_pn(middle, persistence_nm) < force_pn else (low, middle)
    step = min(1e-5, 0.1 * (1 - low))
    slope = (chain_force_pn(low + step, persistence_nm) - chain_force_pn(low - step, persistence_nm)) / (
        2 * step
    )
    extension = low * contour_nm
    return Tether(extension, force_pn / (extension + radius_nm), force_pn / extension, slope / contour_nm)


def double_tether(
    force_pn: float,
    contour_nm: float,
    radius_nm: float,
    apart_nm: float,
    towards_rad: float,
    persistence_nm: float = 50.0,
) -> DoubleTether:
    """Return a bead that two worm-like chains of one length hold at one point of it.

    They begin `apart_nm` from one another on the glass, in the direction `towards_rad` (from x to y), and
    lean towards one another. Each is a spring: along itself as stiff as the chain, across it a pendulum. So
    the bead hangs lower, and is stiffer in the direction in which they are apart. It turns across the field
    (x) as on a single tether (`tether`).

    Examples
    --------
    >>> single, double = tether(5.0, 1000.0, 525.0), double_tether(5.0, 1000.0, 525.0, 600.0, np.pi / 2)
    >>> double.extension_nm < 0.95 * single.extension_nm
    True
    >>> round(double.turned_rad / np.pi, 3), double.stiffness[0] > 2 * single.stiffness_y
    (0.5, True)
    """
    half = apart_nm / 2
    if not force_pn > 0 or not 0 <= half < contour_nm:
        raise BadInputError(
            f"two tethers of {contour_nm} nm need a positive force and begin less than twice as far apart, "
            f"not {force_pn} pN and {apart_nm} nm"
        )

    def pull_pn(relative: float) -> float:
        return chain_force_pn(relative, persistence_nm)

    low, high = half / contour_nm, 1 - 1e-9
    for _ in range(60):
        middle = 0.5 * (low + high)
        upright = np.sqrt(max(0.0, 1 - (half / (middle * contour_nm)) ** 2))
        low, high = (middle, high) if 2 * pull_pn(middle) * upright < force_pn else (low, middle)
    length, step = low * contour_nm, min(1e-5, 0.1 * (1 - low))
    along = (pull_pn(low + step) - pull_pn(low - step)) / (2 * step * contour_nm)
    across, lean = pull_pn(low) / length, (half / length) ** 2
    apart, aside = 2 * (across * (1 - lean) + along * lean), 2 * across
    upwards = 2 * (across * lean + along * (1 - lean))
    turn = np.array([[np.cos(towards_rad), -np.sin(towards_rad)], [np.sin(towards_rad), np.cos(towards_rad)]])
    yields = turn @ np.diag([1 / apart, 1 / aside]) @ turn.T + np.diag([radius_nm / force_pn, 0.0])
    softness, axes = np.linalg.eigh(yields)
    stiffness = (1 / float(softness[0]), 1 / float(softness[1]), float(upwards))
    turned = float(np.arctan2(axes[1, 0], axes[0, 0])) % np.pi
    return DoubleTether(float(np.sqrt(length**2 - half**2)), stiffness, turned)


def friction_pn_s_per_nm(radius_nm: float) -> float:
    """Return Stokes' friction of a sphere, far from any wall.

    Examples
    --------
    >>> round(friction_pn_s_per_nm(500.0) * 1e6, 1)
    8.4
    """
    return float(6 * np.pi * VISCOSITY_PN_S_PER_NM2 * radius_nm)
