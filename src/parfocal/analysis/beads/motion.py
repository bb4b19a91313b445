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
    beads, of_row = np.unique(rows["bead"], return_inverse=True)
    sums = np.zeros(len(beads), SUMS_DTYPE)
    sums["bead"] = beads
    time_s = (rows["time_ns"] - origin_ns) * 1e-9
    xy = np.isfinite(places_nm[:, :2]).all(axis=1) & ((rows["flags"] & np.uint32(XY_FLAGS)) == 0)
    z = xy & np.isfinite(places_nm[:, 2]) & ((rows["flags"] & np.uint32(Z_FLAGS)) == 0)

    def add(name: str, values: NDArray[Any] | float, which: NDArray[np.bool_]) -> None:
        weights = np.where(which, values, 0.0)
        sums[name] = np.bincount(of_row, weights, len(beads))

    add("rows", 1.0, np.ones(len(rows), bool))
    for name, told in (("xy", xy), ("z", z)):
        add(f"n_{name}", 1.0, told)
        add(f"t_{name}", time_s, told)
        add(f"tt_{name}", time_s**2, told)
    scale = {"x": pixel_nm, "y": pixel_nm, "z": 1.0}
    place = dict(zip(_AXES, places_nm.T, strict=True))
    for axis in _AXES:
        told = z if axis == "z" else xy
        add(axis, place[axis], told)
        add(f"t{axis}", time_s * place[axis], told)
        unit = "nm" if axis == "z" else "px"
        stated = np.nan_to_num(rows[f"sigma_{axis}_{unit}"].astype(float))
        add(f"noise_{axis}", (stated * scale[axis]) ** 2, told)
    for pair in _PAIRS:
        add(pair, place[pair[0]] * place[pair[1]], z if pair == "zz" else xy)
    _add_steps(sums, of_row, places_nm, xy)
    return sums


def _add_steps(
    sums: NDArray[Any], of_row: NDArray[np.int64], places_nm: NDArray[np.float64], xy: NDArray[np.bool_]
) -> None:
    order = np.argsort(of_row, kind="stable")
    own, told, places = of_row[order], xy[order], places_nm[order, :2]
    follows = (own[1:] == own[:-1]) & told[1:] & told[:-1]
    squares = np.where(follows, (np.diff(places, axis=0) ** 2).sum(axis=1), 0.0)
    sums["steps"] = np.bincount(own[1:], follows, len(sums))
    sums["step_squares"] = np.bincount(own[1:], squares, len(sums))


def motion_of(blocks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return how each bead moved (`MOTION_DTYPE`) by the sums of blocks that follow one another."""
    each = np.concatenate(blocks)
    beads, of_block = np.unique(each["bead"], return_inverse=True)
    names = (SUMS_DTYPE.names or ())[1:]
    total = {name: np.bincount(of_block, each[name], len(beads)).astype(float) for name in names}
    motion = np.zeros(len(beads), MOTION_DTYPE)
    motion["bead"], motion["rows"] = beads, total["rows"]
    motion["placed"], motion["heights"] = total["n_xy"], total["n_z"]
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
