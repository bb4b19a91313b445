"""The cells of the optogenetics sample as light has made them, and what more light does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.simulated.microscope.picture import new_cells
from parfocal.devices.simulated.optogenetics.cell_states import CellStates
from parfocal.devices.simulated.optogenetics.lineage import LIVING_DTYPE, Lineages
from parfocal.devices.simulated.optogenetics.reporter import ReporterKinetics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.devices.simulated.optogenetics.settings import OptogeneticsCameraSettings

SAMPLE_DTYPE = np.dtype(
    [*LIVING_DTYPE.descr, ("reporter", "<f4"), ("activity", "<f4"), ("dose", "<f8"), ("lit", "<f4")]
)
"""A living cell, and its reporter: cytoplasm over nucleus; activity; dose so far; part that is lit now."""


class OptogeneticsSample:
    """What is before the camera (`parfocal.devices.simulated.microscope.picture.Cells`).

    Parameters
    ----------
    settings : OptogeneticsCameraSettings
        Cells and kinetics.
    path : Path
        Where the states of the cells lie.
    """

    def __init__(self, settings: OptogeneticsCameraSettings, path: Path) -> None:
        s = settings
        self._kinetics = ReporterKinetics(s)
        self._lineages = Lineages(new_cells(s), cycle_s=s.cycle_s, generations=s.generations, seed=s.seed)
        self._states = CellStates(path, self._lineages.count, self._kinetics)
        self._steered_um = 4 * s.steer_um

    def begin(self, time_s: float) -> None:
        """Tell the time of the scene, before it is drawn."""
        self._states.begin(time_s)

    def within(self, rectangle_um: tuple[float, float, float, float], time_s: float) -> NDArray[Any]:
        """Return the cells (`SAMPLE_DTYPE`) in a rectangle (x, y, x, y), none of them lit."""
        far = self._steered_um
        x0, y0, x1, y1 = rectangle_um
        living = self._lineages.within((x0 - far, y0 - far, x1 + far, y1 + far), time_s)
        states = self._states.at(living["cell"], time_s)
        cells = np.zeros(living.size, SAMPLE_DTYPE)
        for column in LIVING_DTYPE.names or ():
            cells[column] = living[column]
        cells["x_um"] += states["x_um"]
        cells["y_um"] += states["y_um"]
        activity, remaining = self._kinetics.activity(states), self._kinetics.remaining(states)
        cells["activity"], cells["dose"] = activity, states["dose"]
        cells["nucleus"] *= remaining
        cells["reporter_nucleus"] *= remaining * self._kinetics.nucleus(activity)
        cells["cytoplasm"] *= remaining * self._kinetics.cytoplasm(activity)
        cells["reporter"] = cells["cytoplasm"] / cells["reporter_nucleus"]
        x, y = cells["x_um"], cells["y_um"]
        return cells[(x >= x0) & (x < x1) & (y >= y0) & (y < y1)]

    def exposed(
        self,
        cells: NDArray[Any],
        time_s: float,
        *,
        dose: NDArray[np.float64],
        towards: NDArray[np.float64],
        bleach: float,
    ) -> NDArray[Any]:
        """Return the states of cells once light has fallen on them; `put` has them be in those.

        Parameters
        ----------
        cells : ndarray
            As `within` returned them.
        time_s : float
            Of the scene.
        dose : ndarray
            (n,) power times milliseconds times the lit part of the cell.
        towards : ndarray
            (2, n) where in the cell it fell, in radii from its middle.
        bleach : float
            Power times milliseconds of light that falls on all.
        """
        lit = self._kinetics.lit(self._states.at(cells["cell"], time_s), dose=dose, towards=towards)
        lit["bleach"] += bleach + dose
        return lit

    def put(self, cells: NDArray[Any], states: NDArray[Any]) -> None:
        """Have cells be in other states from now on."""
        self._states.put(cells["cell"], states)
