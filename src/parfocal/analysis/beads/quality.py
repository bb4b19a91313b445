"""How well each bead was tracked, from the rows of a run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.rows import Flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUALITY_DTYPE = np.dtype(
    [
        ("bead", "<i4"),
        ("rows", "<i8"),
        ("unusable", "<f8"),
        ("chi2", "<f8"),
        ("chi2_low", "<f8"),
        ("chi2_high", "<f8"),
        ("sigma_x_px", "<f8"),
        ("sigma_y_px", "<f8"),
        ("sigma_z_nm", "<f8"),
        ("motion", "<f8"),
    ]
)
"""A bead of a run: number of its rows, part of them that is not usable, median of chi2 and between which
values nine tenths of it lie, medians of the sigmas, and its steps in x and y from row to row in units of what
sigma alone would make them; NaN where nothing was measured."""

TETHERED_MOTION = 2.0
"""A bead whose steps are larger than so many times their uncertainty moves: it hangs on something."""


Z_FLAGS = Flag(0xFF) & ~Flag.NEIGHBOUR
"""A row with one of these says nothing of the height."""
XY_FLAGS = Flag.EMPTY | Flag.NOT_CONVERGED
"""A row with one of these says nothing of the place; one at the edge of its region still does."""


def usable(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows carry no flag but `Flag.NEIGHBOUR`: their positions are worth what sigma says.

    Examples
    --------
    >>> usable(np.array([(0,), (64,), (8,)], [("flags", "u4")])).tolist()
    [True, True, False]
    """
    return np.asarray((rows["flags"] & ~np.uint32(Flag.NEIGHBOUR)) == 0)


_FAR_BELOW = 0.5


def advice_on_chi2(chi2: NDArray[Any], gain_e_per_adu: float) -> str:
    """Return what a chi2 far below 1 most likely means, and what to do; "" if it is not.

    Examples
    --------
    >>> print(advice_on_chi2(np.full(10, 0.02), 1.0))
    chi2 of good rows is 0.02, not 1: less noise than the camera is said to have. Most likely
    gain_e_per_adu is 50, not 1 (or read_noise_e is too large, or the images were averaged);
    until it is set, sigma is too large
    >>> advice_on_chi2(np.full(10, 0.97), 1.0)
    ''
    """
    middle = float(np.median(chi2)) if len(chi2) else 1.0
    if not 0 < middle < _FAR_BELOW:
        return ""
    return (
        f"chi2 of good rows is {middle:.2g}, not 1: less noise than the camera is said to have. Most likely\n"
        f"gain_e_per_adu is {gain_e_per_adu / middle:.3g}, not {gain_e_per_adu:g} "
        "(or read_noise_e is too large, or the images were averaged);\nuntil it is set, sigma is too large"
    )


def bead_quality(rows: NDArray[Any]) -> NDArray[Any]:
    """Return one of `QUALITY_DTYPE` for each bead, by number.

    Parameters
    ----------
    rows : ndarray
        With the fields of `parfocal.analysis.beads.rows.TRACK_DTYPE`.
    """
    order = np.argsort(rows["bead"], kind="stable")
    beads, starts = np.unique(rows["bead"][order], return_index=True)
    quality = np.zeros(len(beads), QUALITY_DTYPE)
    for entry, bead, part in zip(quality, beads, np.split(rows[order], starts[1:]), strict=False):
        chi2 = _finite(part["chi2"])
        entry["bead"], entry["rows"], entry["unusable"] = bead, len(part), 1 - usable(part).mean()
        entry["chi2_low"], entry["chi2"], entry["chi2_high"] = np.percentile(chi2, (5, 50, 95))
        for name in ("sigma_x_px", "sigma_y_px", "sigma_z_nm"):
            entry[name] = np.median(_finite(part[name]))
        entry["motion"] = motion(part[usable(part)])
    return quality


def motion(rows: NDArray[Any]) -> float:
    """Return the RMS step of a bead in x and y from row to row over what sigma makes it; NaN of one row.

    Steps from row to row leave out drift, which moves stuck beads as well.

    Examples
    --------
    >>> rows = np.zeros(3, [(name, "f8") for name in ("x_px", "y_px", "sigma_x_px", "sigma_y_px")])
    >>> rows["sigma_x_px"] = rows["sigma_y_px"] = 0.01
    >>> rows["x_px"] = [5.0, 5.02, 5.0]
    >>> round(motion(rows), 6)
    1.0
    """
    steps = [np.diff(rows[name]) for name in ("x_px", "y_px")]
    variances = [rows[name][1:] ** 2 + rows[name][:-1] ** 2 for name in ("sigma_x_px", "sigma_y_px")]
    ratios = _finite(np.concatenate([step**2 / var for step, var in zip(steps, variances, strict=True)]))
    return float(np.sqrt(ratios.mean()))


def best_beads(quality: NDArray[Any], most: int) -> list[int]:
    """Return the numbers of the `most` best beads: in tenths, with the fewest rows that are not usable.

    Of those that are alike, tethered ones come before stuck ones, and then those with the lowest chi2.

    Examples
    --------
    >>> quality = np.zeros(3, QUALITY_DTYPE)
    >>> quality["bead"], quality["chi2"], quality["unusable"] = [4, 5, 6], [1.1, 1.0, 0.9], [0, 0, 0.5]
    >>> best_beads(quality, 2)
    [4, 5]
    >>> quality["motion"] = [1.0, 9.0, 9.0]
    >>> best_beads(quality, 1)
    [5]
    """
    stuck = ~(quality["motion"] > TETHERED_MOTION)
    order = np.lexsort((quality["chi2"], stuck, np.round(quality["unusable"], 1)))
    return sorted(quality["bead"][order[:most]].tolist())


def flag_shares(rows: NDArray[Any]) -> dict[str, float]:
    """Return the part of the rows that carries each flag, commonest first; only flags that occur.

    Examples
    --------
    >>> flag_shares(np.array([(0,), (64,), (72,), (0,)], [("flags", "u4")]))
    {'neighbour': 0.5, 'bad fit': 0.25}
    """
    shares = {
        str(flag.name).lower().replace("_", " "): float(((rows["flags"] & np.uint32(flag)) != 0).mean())
        for flag in Flag
        if len(rows)
    }
    return {name: share for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share}


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    finite = values[np.isfinite(values)]
    return finite if len(finite) else np.array([np.nan])
