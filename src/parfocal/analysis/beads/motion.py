"""How much each bead moves: sums over the rows of some seconds, which add up to a rolling window. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.quality import XY_FLAGS, Z_FLAGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_AXES = "xyz"
_PAIRS = ("xx", "yy", "xy", "zz")
SUMS_DTYPE = np.dtype(
    [
        ("bead", "<i4"),
        ("rows", "<f8"),
        *((f"n_{which}", "<f8") for which in ("xy", "z")),
        *((f"t_{which}", "<f8") for which in ("xy", "z")),
        *((f"tt_{which}", "<f8") for which in ("xy", "z")),
        *((axis, "<f8") for axis in _AXES),
        *((f"t{axis}", "<f8") for axis in _AXES),
        *((pair, "<f8") for pair in _PAIRS),
        *((f"noise_{axis}", "<f8") for axis in _AXES),
        ("steps", "<f8"),
        ("step_squares", "<f8"),
    ]
)
"""Sums over the rows of a bead: all rows, rows that tell the place (xy) and the height (z); of these the sums
of time (s), of its square, of each coordinate (nm), of that times time, of products of coordinates, and of
the variances that the tracker states (nm^2); how many steps in x and y there are from row to row, and the sum
of their squares."""

MOTION_DTYPE = np.dtype(
    [
        ("bead", "<i4"),
        ("rows", "<i8"),
        ("placed", "<i8"),
        ("heights", "<i8"),
        ("independent", "<f8"),
        *((pair, "<f8") for pair in _PAIRS),
        *((f"noise_{axis}", "<f8") for axis in _AXES),
    ]
)
"""How a bead moved: numbers of its rows, of those that tell its place, and its height; how many of them are
independent of one another; variances and covariance about a straight line in time (slow drift), less the
tracker's own, nm^2; and the mean variance that the tracker states. NaN where too few rows tell."""


def motion_sums(
    rows: NDArray[Any], places_nm: NDArray[np.float64], pixel_nm: float, origin_ns: int
) -> NDArray[Any]:
    """Return the sums (`SUMS_DTYPE`) of rows of tracks, one for each bead.

    Parameters
    ----------
    rows : structured ndarray, (n,)
        As `parfocal.analysis.beads.rows.TRACK_DTYPE`, frames in order.
    places_nm : ndarray, (n, 3)
        Their positions, less the drift if that is known; NaN where it should be and is not.
    pixel_nm : float
        Edge of a pixel.
    origin_ns : int
        From when time counts, the same for all sums that are to be added: not longer ago than some days.
    """
    order = np.argsort(rows["bead"], kind="stable")
    rows, x, y, z = rows[order], *places_nm[order].T
    begins = np.flatnonzero(np.diff(rows["bead"], prepend=rows["bead"][0] - 1))
    t = (rows["time_ns"] - origin_ns) * 1e-9
    xy = np.isfinite(x) & np.isfinite(y) & ((rows["flags"] & np.uint32(XY_FLAGS)) == 0)
    up = xy & np.isfinite(z) & ((rows["flags"] & np.uint32(Z_FLAGS)) == 0)
    noise_x, noise_y = (np.nan_to_num(rows[f"sigma_{axis}_px"]) * pixel_nm for axis in "xy")
    noise_z = np.nan_to_num(rows["sigma_z_nm"]).astype(float)
    x, y, t_xy = np.where(xy, x, 0.0), np.where(xy, y, 0.0), np.where(xy, t, 0.0)
    z, t_z = np.where(up, z, 0.0), np.where(up, t, 0.0)
    follows, squares = _steps(rows["bead"], x, y, xy)
    columns = {
        "rows": np.ones(len(rows)), "n_xy": xy, "n_z": up, "t_xy": t_xy, "t_z": t_z,
        "tt_xy": t_xy**2, "tt_z": t_z**2, "x": x, "y": y, "z": z, "tx": t_xy * x, "ty": t_xy * y,
        "tz": t_z * z, "xx": x * x, "yy": y * y, "xy": x * y, "zz": z * z, "noise_x": xy * noise_x**2,
        "noise_y": xy * noise_y**2, "noise_z": up * noise_z**2, "steps": follows, "step_squares": squares,
    }  # fmt: skip
    added = np.add.reduceat(np.stack([column.astype(float) for column in columns.values()]), begins, axis=1)
    sums = np.zeros(len(begins), SUMS_DTYPE)
    sums["bead"] = rows["bead"][begins]
    for name, values in zip(columns, added, strict=True):
        sums[name] = values
    return sums


def _steps(
    beads: NDArray[Any], x: NDArray[np.float64], y: NDArray[np.float64], told: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which rows follow another one of their bead, and the squares of those steps; sorted by bead."""
    follows = np.zeros(len(beads), bool)
    follows[1:] = (beads[1:] == beads[:-1]) & told[1:] & told[:-1]
    squares = np.diff(x, prepend=0.0) ** 2 + np.diff(y, prepend=0.0) ** 2
    return follows, np.where(follows, squares, 0.0)


def motion_of(blocks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return how each bead moved (`MOTION_DTYPE`) by the sums of blocks that follow one another."""
    each = np.concatenate(blocks)
    beads, of_block = np.unique(each["bead"], return_inverse=True)
    names = (SUMS_DTYPE.names or ())[1:]
    total = {name: np.bincount(of_block, each[name], len(beads)).astype(float) for name in names}
    motion = np.zeros(len(beads), MOTION_DTYPE)
    motion["bead"], motion["rows"] = beads, total["rows"]
    motion["placed"], motion["heights"] = total["n_xy"], total["n_z"]
    with np.errstate(divide="ignore", invalid="ignore"):  # a bead that never moves, or of one moment
        for axis in _AXES:
            count = total["n_z" if axis == "z" else "n_xy"]
            motion[f"noise_{axis}"] = total[f"noise_{axis}"] / np.where(count > 0, count, np.nan)
        for pair in _PAIRS:
            motion[pair] = _about_line(total, pair)
        spread = motion["xx"] + motion["yy"]
        followed = np.where(total["steps"] > 0, total["steps"], np.nan)
        correlation = np.clip(1 - total["step_squares"] / followed / (2 * spread), 0.0, 0.999)
        motion["independent"] = motion["placed"] * (1 - correlation) / (1 + correlation)
    for axis in _AXES:
        motion[axis * 2] -= motion[f"noise_{axis}"]
    return motion


def steadier(seen: NDArray[Any], corrected: NDArray[Any]) -> NDArray[Any]:
    """Return how beads moved less the drift, or as they were seen if the drift makes them move more.

    It does where the references hang on tethers themselves: all beads would have their motion, too. It is
    not known well enough where less than half of the places are left.

    Parameters
    ----------
    seen, corrected : structured ndarray
        As `MOTION_DTYPE`: of positions as they are, and less the drift.
    """
    is_known = 2 * corrected["placed"].sum() >= seen["placed"].sum()
    return corrected if is_known and _spread(corrected) < _spread(seen) else seen


def _spread(motion: NDArray[Any]) -> float:
    """Return the variance across the force that half of the beads stay below, nm^2; infinite for none."""
    spread = motion["xx"] + motion["yy"]
    spread = spread[np.isfinite(spread)]
    return float(np.median(spread)) if len(spread) else float("inf")


def _about_line(total: dict[str, NDArray[np.float64]], pair: str) -> NDArray[np.float64]:
    """Return the covariance of two coordinates about straight lines in time."""
    which = "z" if pair == "zz" else "xy"
    first, second = pair[0], pair[1]
    n = np.where(total[f"n_{which}"] > 3, total[f"n_{which}"], np.nan)
    t = total[f"t_{which}"]
    times = total[f"tt_{which}"] - t**2 / n
    slope_first = total[f"t{first}"] - t * total[first] / n
    slope_second = total[f"t{second}"] - t * total[second] / n
    whole = total[pair] - total[first] * total[second] / n
    return np.asarray((whole - slope_first * slope_second / times) / (n - 2))
