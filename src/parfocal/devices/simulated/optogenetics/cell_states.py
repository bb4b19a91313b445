"""What light has done to each cell so far, in memory that outlives the camera's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.simulated.optogenetics.lineage import NODES
from parfocal.devices.simulated.optogenetics.reporter import STATE_DTYPE
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.devices.simulated.optogenetics.reporter import ReporterKinetics

_HEAD = 64
_EARLIER_S = 1.0
_WHOLE = np.dtype(f"V{STATE_DTYPE.itemsize}")
"""A state as bytes: taken and put eight times as fast as its columns, which a frame would wait for."""


class CellStates:
    """The states of all cells, by their numbers. One process and thread writes.

    A daughter begins with what her mother had. A scene that goes back in time by more than a second is
    another run's, and begins with cells that no light has met.

    Parameters
    ----------
    path : Path
        Where they lie; made by whoever comes first, empty.
    count : int
        How many cells there may be.
    kinetics : ReporterKinetics
        What time and light do to them.
    """

    def __init__(self, path: Path, count: int, kinetics: ReporterKinetics) -> None:
        self._kinetics = kinetics
        self._memory = mapped_file(path, _HEAD + count * STATE_DTYPE.itemsize)
        self._latest = np.frombuffer(self._memory, "<f8", count=1)
        self._states = np.frombuffer(self._memory, STATE_DTYPE, count=count, offset=_HEAD)
        self._whole = self._states.view(_WHOLE)

    def at(self, cells: NDArray[Any], time_s: float) -> NDArray[Any]:
        """Return the states of cells, by number, at a time: a copy."""
        numbers = cells.astype(np.int64)
        home, node = numbers // NODES * NODES, numbers % NODES
        for _ in range(2):
            untouched = (self._states["touched"][home + node] == 0.0) & (node > 0)
            node = np.where(untouched, (node - 1) // 2, node)
        return self._kinetics.after(self._whole[home + node].view(STATE_DTYPE), time_s)

    def begin(self, time_s: float) -> None:
        """Tell the time of the scene: if it goes back, all begins anew."""
        if time_s < self._latest[0] - _EARLIER_S:
            self._states[:] = np.zeros((), STATE_DTYPE)
            self._latest[0] = time_s
        self._latest[0] = max(time_s, self._latest[0])

    def put(self, cells: NDArray[Any], states: NDArray[Any]) -> None:
        """Keep the states of cells."""
        states["touched"] = 1.0
        self._whole[cells.astype(np.int64)] = states.view(_WHOLE)
