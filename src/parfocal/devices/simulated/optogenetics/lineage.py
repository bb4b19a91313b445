"""Where living cells are, and who came of whom: a function of seed and time alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.simulated.microscope.cells import CELL_DTYPE, CellField

if TYPE_CHECKING:
    from numpy.typing import NDArray

NODES = 7
"""Cells that may come of one that was there at time 0: itself, two daughters, four daughters of those."""
NO_PARENT = -1
_GENERATION = np.array([0, 1, 1, 2, 2, 2, 2])
_APART_UM = (0.0, 6.5, 5.0)
"""How far a cell of each generation gets from where its mother was, and how far it is at once, in radii."""
_AT_ONCE = 0.6
_APART_S = 20.0

LIVING_DTYPE = np.dtype([*CELL_DTYPE.descr, ("parent", "<i8"), ("reporter_nucleus", "<f4")])
"""A cell as a `CellField` has it, which one it came of (-1: none), its reporter in cytoplasm and nucleus."""


class Lineages:
    """Cells that roam as those of a `CellField` do, and divide into two, at most `generations` times.

    Cell number ``NODES * home`` was there at time 0; its daughters have the next two numbers, theirs the next
    four. A daughter moves away from where her mother was within some twenty seconds.

    Parameters
    ----------
    field : CellField
        Those who were there at time 0.
    cycle_s : float
        Each of them divides within this time, and a daughter 0.8 to 1.2 of it after her birth.
    generations : int
        0 to 2.
    seed : int
        The same seed makes the same cells.

    Examples
    --------
    >>> field = CellField(field_um=100.0, spacing_um=40.0, roam_um=3.0, seed=1)
    >>> cells = Lineages(field, cycle_s=100.0, generations=1, seed=1)
    >>> everywhere = (-200.0, -200.0, 200.0, 200.0)
    >>> len(cells.within(everywhere, 0.0)), len(cells.within(everywhere, 100.0))
    (4, 8)
    """

    def __init__(self, field: CellField, *, cycle_s: float, generations: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 31])
        self._field, homes = field, len(field)
        self._born_s, self._ends_s = _lives(rng, homes, cycle_s, generations)
        angle = rng.uniform(0.0, 2 * np.pi, (homes, NODES))
        angle[:, 2::2] = angle[:, 1::2] + np.pi  # sisters go opposite ways
        self._way = np.stack([np.cos(angle), np.sin(angle)])
        self._marker = rng.uniform(0.7, 1.0, (homes, NODES)).astype(np.float32)
        self._reporter = rng.uniform(0.8, 1.2, (homes, NODES)).astype(np.float32)

    @property
    def count(self) -> int:
        """How many cells there may ever be; their numbers are below it."""
        return NODES * len(self._field)

    @property
    def strays_um(self) -> float:
        """How far a cell may be from where the one that was there at time 0 would be."""
        return sum(_APART_UM)

    def within(self, rectangle_um: tuple[float, float, float, float], time_s: float) -> NDArray[Any]:
        """Return the cells (`LIVING_DTYPE`) in a rectangle (x, y, x, y), as nobody has lit them."""
        x0, y0, x1, y1 = rectangle_um
        far = self.strays_um
        founders = self._field.within((x0 - far, y0 - far, x1 + far, y1 + far), time_s)
        homes = founders["cell"].astype(np.int64)
        alive = (self._born_s[homes] <= time_s) & (time_s < self._ends_s[homes])
        which, node = np.nonzero(alive)
        home = homes[which]
        apart = self._apart_um(home, node, time_s)
        x, y = founders["x_um"][which] + apart[0], founders["y_um"][which] + apart[1]
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        which, node, home = which[inside], node[inside], home[inside]
        cells = np.empty(home.size, LIVING_DTYPE)
        cells["cell"] = NODES * home + node
        cells["x_um"], cells["y_um"] = x[inside], y[inside]
        cells["shape"] = founders["shape"][which]
        cells["parent"] = np.where(node > 0, NODES * home + (node - 1) // 2, NO_PARENT)
        cells["nucleus"] = self._marker[home, node]
        cells["cytoplasm"] = 0.4 * self._reporter[home, node]
        cells["reporter_nucleus"] = self._reporter[home, node]
        return cells

    def _apart_um(
        self, home: NDArray[np.int64], node: NDArray[np.int64], time_s: float
    ) -> NDArray[np.float64]:
        """Return (2, n): how far each cell is from its founder's path, with all its mothers' ways."""
        apart = np.zeros((2, home.size))
        for generation in (2, 1):
            late = _GENERATION[node] >= generation
            at = np.where(late, node, 0)
            age_s = np.where(late, time_s - self._born_s[home, at], 0.0)
            gone = 1.0 - (1.0 - _AT_ONCE) * np.exp(-age_s / _APART_S)
            apart += np.where(late, self._way[:, home, at] * (_APART_UM[generation] * gone), 0.0)
            node = np.where(late & (_GENERATION[node] == generation), (node - 1) // 2, node)
        return apart


def _lives(
    rng: np.random.Generator, homes: int, cycle_s: float, generations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return when each cell (home, node) is born, never for some, and when it divides."""
    born = np.full((homes, NODES), np.inf)
    ends = np.full((homes, NODES), np.inf)
    born[:, 0] = -np.inf
    if generations:
        ends[:, 0] = cycle_s * rng.uniform(0.02, 1.0, homes)
        born[:, 1:3] = ends[:, :1]
    if generations > 1:
        ends[:, 1:3] = born[:, 1:3] + cycle_s * rng.uniform(0.8, 1.2, (homes, 2))
        born[:, 3:] = np.repeat(ends[:, 1:3], 2, axis=1)
    return born, ends
