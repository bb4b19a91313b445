"""How a bead on one tether is expected to move at a force. Pure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from parfocal.analysis.beads.verdicts import STUCK_NM, ExpectedMotion
from parfocal.core.errors import BadInputError
from parfocal.tracking.checks import checked_number

_KT_PN_NM = 0.01380649 * 298.0
_WATER_PN_S_PER_NM2 = 0.89e-9
"""Viscosity of water at 298 K."""


def expected_motion(
    force_pn: float,
    contour_nm: float,
    radius_nm: float,
    *,
    exposure_ms: float = 0.0,
    field_along: Literal["x", "y"] = "y",
    persistence_nm: float = 50.0,
) -> ExpectedMotion:
    """Return how a bead on one worm-like chain moves, as a camera sees it, at 298 K.

    Its variance is kT (l + r) / F across the field, where it turns with the tether, and kT l / F along it (l
    extension, r radius, F force), less what an exposure averages out, with the friction of water far from any
    wall; see `parfocal.tracking.force.covariance`.

    Parameters
    ----------
    force_pn, contour_nm, radius_nm, persistence_nm : float
        Force, length of the tether, radius of the bead, and over which length the tether forgets its
        direction.
    exposure_ms : float
        Of the camera; 0 for a flash.
    field_along : "x" or "y"
        Axis of the image along which the magnetic field points.

    Raises
    ------
    BadInputError
        If a number can be none, or the bead would move no more than one that is stuck.

    Examples
    --------
    >>> expected = expected_motion(5.0, 1000.0, 525.0)
    >>> round(expected.xx**0.5, 1), round(expected.yy**0.5, 1), expected.source
    (34.7, 27.7, 'a tether of 1000 nm at 5 pN')
    """
    from parfocal.tracking.force import covariance  # with scipy: not before somebody asks
    from parfocal.tracking.wlc import chain_extension_nm

    for name, value in (("force_pn", force_pn), ("contour_nm", contour_nm), ("radius_nm", radius_nm)):
        checked_number(name, value, above=0)
    checked_number("persistence_nm", persistence_nm, above=0)
    checked_number("exposure_ms", exposure_ms, least=0)
    if field_along not in ("x", "y"):
        raise BadInputError(f"field_along must be 'x' or 'y', not {field_along!r}")
    extension = float(chain_extension_nm(force_pn, contour_nm, persistence_nm))
    friction = 6 * np.pi * _WATER_PN_S_PER_NM2 * radius_nm
    exposure_s = max(exposure_ms * 1e-3, 1e-9)

    def seen(arm_nm: float) -> float:
        variance = _KT_PN_NM * arm_nm / force_pn
        return float(covariance([0], variance, friction * arm_nm / force_pn, exposure_s, exposure_s)[0])

    across, along = seen(extension + radius_nm), seen(extension)
    xx, yy = (across, along) if field_along == "y" else (along, across)
    source = f"a tether of {contour_nm:g} nm at {force_pn:g} pN"
    if not (max(xx, yy) >= STUCK_NM**2 and min(xx, yy) > 0):
        raise BadInputError(
            f"{source} moves by {xx**0.5:.2g} x {yy**0.5:.2g} nm RMS: below {STUCK_NM:g} nm both ways "
            "nothing tells it from a bead that is stuck"
        )
    return ExpectedMotion(xx, yy, 0.0, source)
