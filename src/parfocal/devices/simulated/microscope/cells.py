"""The simulated sample: a field of cells whose places and colours are a function of seed and time alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_DTYPE = np.dtype(
    [
        ("cell", "<u4"),
        ("x_um", "<f8"),
        ("y_um", "<f8"),
        ("nucleus", "<f4"),
        ("cytoplasm", "<f4"),
        ("shape", "<u2"),
    ]
)
"""A cell at a time: its number, where its nucleus is, how bright each colour is, and which shape it has."""

SHAPES = 8
_WAVES = 3
_SHAKEN = 0.2
"""How far a home lies from its place on the grid, at most, in spacings."""


class CellField:
    """Cells around homes on a shaken grid; each roams on a path of its own, that no other cell disturbs.

    Parameters
    ----------
    field_um : float
        Edge of the square that they live in, around (0, 0).
    spacing_um : float
        Mean distance of two neighbours.
    roam_um : float
        How far a cell gets from its home, at most.
    seed : int
        The same seed makes the same cells.

    Examples
    --------
    >>> field = CellField(field_um=300.0, spacing_um=30.0, roam_um=5.0, seed=1)
    >>> len(field)
    100
    >>> early, late = (field.within((-50.0, -50.0, 50.0, 50.0), time_s) for time_s in (0.0, 60.0))
    >>> bool((early == field.within((-50.0, -50.0, 50.0, 50.0), 0.0)).all())
    True
    """

    def __init__(self, *, field_um: float, spacing_um: float, roam_um: float, seed: int) -> None:
        rng = np.random.default_rng([seed, 21])
        along = max(1, round(field_um / spacing_um))
        self._along, self._step_um = along, field_um / along
        grid = (np.arange(along) - (along - 1) / 2) * self._step_um
        x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
        count = x.size
        self._stray_um = roam_um + _SHAKEN * spacing_um
        self._home = np.stack([x, y]) + rng.uniform(-_SHAKEN, _SHAKEN, (2, count)) * spacing_um
        size = rng.uniform(0.5, 1.0, (_WAVES, 2, count))
        self._size = size / size.sum(axis=0) * roam_um / np.sqrt(2)
        self._rate = 2 * np.pi / rng.uniform(120.0, 900.0, (_WAVES, 2, count))
        self._phase = rng.uniform(0.0, 2 * np.pi, (_WAVES, 2, count))
        self._nucleus = rng.uniform(0.6, 1.0, count).astype(np.float32)
        self._cytoplasm = rng.uniform(0.3, 0.5, count).astype(np.float32)
        self._beat = 2 * np.pi / rng.uniform(300.0, 1200.0, count)
        self._beat_phase = rng.uniform(0.0, 2 * np.pi, count)
        self._shape = rng.integers(0, SHAPES, count).astype(np.uint16)

    def __len__(self) -> int:
        return int(self._home.shape[1])

    def within(self, rectangle_um: tuple[float, float, float, float], time_s: float) -> NDArray[Any]:
        """Return the cells (`CELL_DTYPE`) whose centre is in a rectangle (x, y, x, y) at a time."""
        x0, y0, x1, y1 = rectangle_um
        near = (self._places(y0, y1)[:, None] * self._along + self._places(x0, x1)).ravel()
        angle = self._rate[:, :, near] * time_s + self._phase[:, :, near]
        x, y = self._home[:, near] + (self._size[:, :, near] * np.sin(angle)).sum(axis=0)
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        near = near[inside]
        cells = np.empty(near.size, CELL_DTYPE)
        cells["cell"] = near
        cells["x_um"], cells["y_um"] = x[inside], y[inside]
        cells["nucleus"] = self._nucleus[near]
        beat = np.sin(self._beat[near] * time_s + self._beat_phase[near])
        cells["cytoplasm"] = self._cytoplasm[near] * (1.0 + 0.6 * beat)
        cells["shape"] = self._shape[near]
        return cells

    def _places(self, low_um: float, high_um: float) -> NDArray[np.int64]:
        """Return the places of the grid, along one axis, whose cells may be between two coordinates."""
        middle = (self._along - 1) / 2
        first = np.floor((low_um - self._stray_um) / self._step_um + middle)
        last = np.ceil((high_um + self._stray_um) / self._step_um + middle)
        return np.arange(max(first, 0), min(last, self._along - 1) + 1, dtype=np.int64)
