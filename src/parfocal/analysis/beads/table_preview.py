"""A z table to be looked at before it is used: its profiles over height, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from parfocal.tracking.ztable import ZTables


@dataclass(frozen=True, eq=False)
class TablePreview:
    """The table of one bead.

    Attributes
    ----------
    bead : int
        Whose.
    heights_nm : ndarray, (n,)
        Rows of `profiles`, upwards.
    radii_px : ndarray, (m,)
        Columns of `profiles`: distance from the bead's centre.
    profiles : ndarray, (n, m)
        Contrast: intensity over background, minus 1.
    usable_nm : tuple of float
        Between which heights the table is good.
    chi2 : float
        Of the images about their own profile: 1 for a symmetric bead and a true gain of the camera.
    """

    bead: int
    heights_nm: NDArray[np.float64]
    radii_px: NDArray[np.float64]
    profiles: NDArray[np.float64]
    usable_nm: tuple[float, float]
    chi2: float


def preview_of(tables: ZTables, place: int, bead: int) -> TablePreview:
    """Return the table at a place of a file, as that of a bead.

    Examples
    --------
    >>> from parfocal.tracking.ztable import ZTables
    >>> flat = np.full((1, 8, 20), 0.5, np.float32)
    >>> tables = ZTables(flat, 32, -200.0, 100.0, np.array([[0.0, 300.0]]), np.ones(1))
    >>> shown = preview_of(tables, 0, bead=3)
    >>> shown.profiles.shape, shown.heights_nm.tolist(), shown.usable_nm
    ((6, 17), [-200.0, -100.0, 0.0, 100.0, 200.0, 300.0], (0.0, 300.0))
    """
    heights = tables.first_nm + tables.step_nm * np.arange(tables.coefficients.shape[1] - 2)
    radii = np.arange(tables.reach_px, dtype=float)
    low, high = tables.usable_nm[place]
    return TablePreview(
        bead=bead,
        heights_nm=heights,
        radii_px=radii,
        profiles=np.array([tables.profile(place, height, radii) for height in heights]),
        usable_nm=(float(low), float(high)),
        chi2=float(tables.chi2[place]),
    )
