"""Which planes a focus sweep goes through, and what their heights are. Pure."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError

MOST_PLANES = 2000
_FEWEST = 4
_INDEX_FACTORS = (0.1, 10.0)


class SweepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Planes of the focus, in nm from where it stands at the beginning.

    Attributes
    ----------
    start_nm, stop_nm : float
        The first and the last one; downwards if `stop_nm` is below `start_nm`.
    step_nm : float
        From one to the next, positive.
    frames : int
        How many images of each.
    index_factor : float
        By how much heights in the sample change for a change of the focus: about the ratio of the refractive
        indices of sample and immersion.

    Examples
    --------
    >>> plan = SweepPlan(start_nm=200, stop_nm=-200, step_nm=100, frames=5, index_factor=0.88)
    >>> plan.planes_nm().tolist(), plan.height_nm(-200.0)
    ([200.0, 100.0, 0.0, -100.0, -200.0], -176.0)
    """

    start_nm: float
    stop_nm: float
    step_nm: float
    frames: int
    index_factor: float = 1.0

    def planes_nm(self) -> NDArray[np.float64]:
        """Return the planes in the order in which they are visited.

        Raises
        ------
        BadInputError
            If the grid makes no sense.
        """
        numbers = (self.start_nm, self.stop_nm, self.step_nm)
        if not all(map(math.isfinite, numbers)) or self.start_nm == self.stop_nm or not self.step_nm > 0:
            raise BadInputError(
                f"a sweep from {self.start_nm:g} to {self.stop_nm:g} nm in steps of {self.step_nm:g} nm has "
                "no planes: give two different ends, and a positive step"
            )
        if self.frames < 1:
            raise BadInputError(f"frames of each plane must be 1 or more, not {self.frames}")
        if not _INDEX_FACTORS[0] <= self.index_factor <= _INDEX_FACTORS[1]:
            raise BadInputError(f"index_factor must be from 0.1 to 10, not {self.index_factor:g}")
        count = math.floor(abs(self.stop_nm - self.start_nm) / self.step_nm + 1e-9) + 1
        if not _FEWEST <= count <= MOST_PLANES:
            raise BadInputError(f"a sweep of {count} planes: from {_FEWEST} to {MOST_PLANES} are possible")
        way = math.copysign(self.step_nm, self.stop_nm - self.start_nm)
        return np.asarray(self.start_nm + way * np.arange(count), dtype=np.float64)

    def height_nm(self, plane_nm: float) -> float:
        """Return the height that a plane has in the tables."""
        return plane_nm * self.index_factor

    def check_limits(self, home_nm: float, limits: tuple[float, float], focus: str) -> None:
        """Refuse a sweep that leaves the limits of the focus, before anything moves."""
        planes = self.planes_nm()
        low, high = home_nm + float(planes.min()), home_nm + float(planes.max())
        if low < limits[0] or high > limits[1]:
            raise BadInputError(
                f"the sweep goes from {low:.0f} to {high:.0f} nm, "
                f"but the limits of {focus!r} are {limits[0]:.0f} and {limits[1]:.0f} nm"
            )
