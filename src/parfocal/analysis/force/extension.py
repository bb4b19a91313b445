"""Force-extension curves that grow: rows of beads by the force that the magnet had then. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.force.live_records import EXTENSION_DTYPE, ForceExtension, with_chain
from parfocal.analysis.force.traces import HEIGHT_SPOILING
from parfocal.core.errors import BadInputError
from parfocal.core.protocols import LENGTHS
from parfocal.tracking.wlc import fit_worm_like_chain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from parfocal.analysis.force.live_settings import Anchor, TetherPhysics
    from parfocal.analysis.force.magnet_table import MagnetTable

    Floats = NDArray[np.float64]

_LEAST_PN, _MOST_PN = 1e-3, 1e3
_PER_DECADE = 24
FEWEST_ROWS = 10
"""A point is the mean of so many rows or more."""
_SIGNIFICANT = 3.0
"""A contour length is so many times its error, or none."""
_STALE_S = 10.0
"""A magnet that has not told where it stands for so long may stand anywhere."""


class ForceOfTime:
    """The force at any moment, from where the magnet stood.

    Parameters
    ----------
    table : MagnetTable
        Force by height.
    time_ns, height : array_like, (n,)
        When the magnet told where it stood, in order, and where, in the unit of the table.

    Examples
    --------
    >>> from parfocal.analysis.force.magnet_table import MagnetTable
    >>> table = MagnetTable([0.0, 1.5e6, 3e6, 6e6], [20.0, 7.358, 2.707, 0.3663])
    >>> force = ForceOfTime(table, [0, 1_000_000_000], [3e6, 1.5e6])
    >>> force.at(np.array([-1, 0, 500_000_000, 19_000_000_000])).round(2).tolist()
    [nan, 2.71, 4.46, nan]
    """

    def __init__(self, table: MagnetTable, time_ns: Any, height: Any) -> None:
        self._table = table
        self._time_ns, self._height = np.asarray(time_ns, np.int64), np.asarray(height, float)

    def at(self, time_ns: NDArray[np.int64]) -> Floats:
        """Return the force at times, pN; NaN where nobody told of the magnet, or beyond its table."""
        if not self._time_ns.size:
            return np.full(time_ns.shape, np.nan)
        origin = int(self._time_ns[0])
        seconds, told = (time_ns - origin) * 1e-9, (self._time_ns - origin) * 1e-9
        height = np.interp(seconds, told, self._height)
        before = np.searchsorted(told, seconds, side="right") - 1
        unknown = (before < 0) | (seconds - told[np.maximum(before, 0)] > _STALE_S)
        low, high = self._table.range
        inside = ~unknown & (height >= low) & (height <= high)
        return np.where(inside, self._table.forces_at(np.clip(height, low, high)), np.nan)


def height_column(dtype: np.dtype[Any], axis: str) -> str:
    """Return the column of a stage's rows with the height of a magnet: of an axis, or of its only length."""
    names = [name for name in dtype.names or () if name != "time_ns"]
    lengths = [name for name in names if name.rpartition("_")[2] in LENGTHS]
    chosen = [name for name in names if name.rpartition("_")[0] == axis] if axis else lengths
    if len(chosen) != 1:
        raise BadInputError(f"which of {', '.join(names)} is the height of the magnet? Name its axis")
    return chosen[0]


class ExtensionCurves:
    """Sums over rows, by bead and force; 24 forces in each factor of ten.

    Memory: 5 KB for each bead, however long it goes on.

    Parameters
    ----------
    z_sign : int
        1 where `z_nm` grows with the extension, else -1.
    """

    def __init__(self, z_sign: int) -> None:
        self._z_sign = z_sign
        self._sums: dict[int, Floats] = {}
        self._first: dict[int, float] = {}
        self._told: dict[int, Floats] = {}
        self._newest_ns: dict[int, int] = {}
        self._edges = np.geomspace(_LEAST_PN, _MOST_PN, 6 * _PER_DECADE + 1)

    @property
    def beads(self) -> tuple[int, ...]:
        """Those that there is something of."""
        return tuple(sorted(self._sums))

    def add(self, rows: NDArray[Any], force: ForceOfTime) -> None:
        """Take rows of the tracker, and the force at their times."""
        good = ((rows["flags"] & HEIGHT_SPOILING) == 0) & np.isfinite(rows["z_nm"])
        rows = rows[good]
        pull = force.at(rows["time_ns"])
        known = np.isfinite(pull) & (pull > _LEAST_PN) & (pull < _MOST_PN)
        rows, pull = rows[known], pull[known]
        place = np.searchsorted(self._edges, pull) - 1
        for bead in np.unique(rows["bead"]).tolist():
            own = rows["bead"] == bead
            self._add(bead, place[own], pull[own], self._z_sign * rows["z_nm"][own])
            self._newest_ns[bead] = int(rows["time_ns"][own][-1])

    def points(self, bead: int, anchor: Anchor | None = None) -> NDArray[Any]:
        """Return the curve of a bead (`EXTENSION_DTYPE`), from small forces to large ones."""
        return self._points(bead, anchor, self._of(bead)[0] >= FEWEST_ROWS)

    def grown(self, bead: int, anchor: Anchor | None = None) -> NDArray[Any]:
        """Return those points of its curve that have changed since this was asked before."""
        counts = self._of(bead)[0].copy()
        changed = counts != self._told.get(bead, 0.0)
        self._told[bead] = counts
        return self._points(bead, anchor, changed & (counts >= FEWEST_ROWS))

    def _of(self, bead: int) -> Floats:
        return self._sums.get(bead, np.zeros((4, self._edges.size - 1)))

    def _points(self, bead: int, anchor: Anchor | None, used: NDArray[np.bool_]) -> NDArray[Any]:
        sums = self._of(bead)
        count, pull, long, squares = sums[:, used]
        points = np.zeros(int(used.sum()), EXTENSION_DTYPE)
        points["bead"], points["time_ns"] = bead, self._newest_ns.get(bead, 0)
        points["samples"], points["force_pn"] = count, pull / count
        mean = long / count
        surface = 0.0 if anchor is None else self._z_sign * anchor.z_nm
        points["extension_nm"] = self._first.get(bead, 0.0) + mean - surface
        spread = np.maximum(squares / count - mean**2, 0.0) * count / (count - 1)
        points["sigma_nm"] = np.sqrt(spread / count)
        return points

    def _add(self, bead: int, place: NDArray[np.int64], pull: Floats, long: Floats) -> None:
        sums = self._sums.setdefault(bead, np.zeros((4, self._edges.size - 1)))
        first = self._first.setdefault(bead, float(long[0]))  # squares of small numbers keep their digits
        apart = long - first
        for row, weights in enumerate((np.ones_like(pull), pull, apart, apart**2)):
            sums[row] += np.bincount(place, weights, sums.shape[1])


def curve_of(points: NDArray[Any], physics: TetherPhysics, *, anchored: bool) -> ForceExtension:
    """Return the points of one bead (`EXTENSION_DTYPE`) as a curve, with the chain that fits them.

    Without an anchor the offset is fitted, and the persistence length held at that of the settings: above
    some 0.3 pN the data do not tell all three apart.
    """
    curve = ForceExtension(
        bead=int(points["bead"][0]) if len(points) else -1,
        forces_pn=tuple(points["force_pn"].tolist()),
        extensions_nm=tuple(points["extension_nm"].tolist()),
        sigmas_nm=tuple(points["sigma_nm"].tolist()),
        samples=tuple(points["samples"].tolist()),
        stretch_pn=physics.stretch_pn,
        temperature_k=physics.temperature_k,
    )
    usable = points[points["sigma_nm"] > 0]
    try:
        chain = fit_worm_like_chain(
            usable["force_pn"],
            usable["extension_nm"],
            usable["sigma_nm"],
            free_offset=not anchored,
            persistence_nm=None if anchored else physics.persistence_nm,
            stretch_pn=physics.stretch_pn,
            temperature_k=physics.temperature_k,
        )
    except BadInputError as error:
        return msgspec.structs.replace(curve, reason=str(error))
    if not chain.contour_nm > _SIGNIFICANT * chain.contour_error_nm:
        return msgspec.structs.replace(curve, reason="the bead does not yield to the force: is it stuck?")
    return with_chain(curve, chain)


def curves_of(
    curves: ExtensionCurves, beads: Collection[int], physics: TetherPhysics, anchors: Mapping[int, Anchor]
) -> dict[int, ForceExtension]:
    """Return the curve of each of these beads that has points."""
    found = {bead: curves.points(bead, anchors.get(bead)) for bead in beads}
    return {
        bead: curve_of(points, physics, anchored=bead in anchors)
        for bead, points in found.items()
        if len(points)
    }
