"""The force of a magnet at its heights: measured pairs, a curve through them, and its inverse. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

FEWEST_PAIRS = 3
_LEAST_PN, _MOST_PN, _FARTHEST = 1e-6, 1e6, 1e12
"""What a magnet may do to a bead, and at what height in whatever unit."""
_SAME_HEIGHT = 1e-9
"""Heights that are no further apart than this part of their range are one."""
_DECAYS = 240
"""Exponentials that are offered to a fit; a handful of them is taken up."""


@dataclass(frozen=True)
class MagnetTable:
    """Force as a function of the height of a magnet.

    The curve is a sum of decaying exponentials with positive parts, the usual form for a pair of magnets, so
    that it falls with height everywhere and has an inverse. The parts are fitted to the logarithms of the
    forces: a pair counts as much at 0.1 pN as at 10 pN.

    Parameters
    ----------
    heights : sequence of float
        Where forces were measured, in the unit of the magnet's axis.
    forces_pn : sequence of float
        The forces there; positive.

    Attributes
    ----------
    spread : float
        How far the measured forces lie from the curve, root mean square, as a part of the force.

    Raises
    ------
    BadInputError
        If there are fewer than 3 pairs, or one is no positive force at a height of its own, or the forces do
        not fall with height; names the pair.

    Examples
    --------
    >>> table = MagnetTable([0.0, 1e6, 2e6, 4e6], [20.0, 10.27, 5.27, 1.39])
    >>> round(table.force_pn(3e6), 1), round(table.height(5.27) / 1e6, 2), table.covers(5e6)
    (2.7, 2.0, False)
    """

    heights: Sequence[float]
    forces_pn: Sequence[float]

    def __post_init__(self) -> None:
        heights, forces = _checked_pairs(self.heights, self.forces_pn)
        object.__setattr__(self, "heights", tuple(heights.tolist()))
        object.__setattr__(self, "forces_pn", tuple(forces.tolist()))

    @cached_property
    def _curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The decay lengths of the exponentials, and how much of each there is."""
        return _fitted(np.array(self.heights), np.array(self.forces_pn))

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest height at which a force was measured."""
        return self.heights[0], self.heights[-1]

    @property
    def force_range_pn(self) -> tuple[float, float]:
        """Smallest and largest force of the curve within its range."""
        return self.force_pn(self.heights[-1]), self.force_pn(self.heights[0])

    @property
    def spread(self) -> float:
        """How far the measured forces lie from the curve, root mean square, as a part of the force."""
        curve = np.array([self.force_pn(height) for height in self.heights])
        return float(np.sqrt(np.mean((np.array(self.forces_pn) / curve - 1) ** 2)))

    def covers(self, height: float) -> bool:
        """Return whether a height lies within those that were measured."""
        low, high = self.range
        return low <= height <= high

    def force_pn(self, height: float) -> float:
        """Return the force at a height; outside of the range the curve goes on as it is."""
        return float(self.forces_at(np.array([height]))[0])

    def forces_at(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the forces at heights (n,); as `force_pn`."""
        decays, parts = self._curve
        return np.asarray(_basis(heights, self.heights[0], decays) @ parts)

    def height(self, force_pn: float) -> float:
        """Return the height at which the magnet pulls with a force.

        Raises
        ------
        BadInputError
            If the force is none that the curve has within its range; names the range.
        """
        least, most = self.force_range_pn
        if not least * (1 - 1e-9) <= force_pn <= most * (1 + 1e-9):
            raise BadInputError(
                f"force_pn = {force_pn!r} is outside of {least:.4g} to {most:.4g} pN, which the magnet's "
                "table covers: measure further pairs, or ask for less"
            )
        low, high = self.range
        if force_pn >= most:
            return low
        if force_pn <= least:
            return high
        from scipy.optimize import brentq  # here and below: a rig that pulls at nothing does without it

        return float(brentq(lambda at: np.log(self.force_pn(at) / force_pn), low, high, rtol=1e-12))


def _checked_pairs(heights: ArrayLike, forces: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pairs in order of height."""
    at, pull = np.asarray(heights, dtype=float), np.asarray(forces, dtype=float)
    if at.ndim != 1 or at.shape != pull.shape or at.size < FEWEST_PAIRS:
        raise BadInputError(
            f"a magnet's table needs {FEWEST_PAIRS} heights or more and as many forces, "
            f"not {at.shape} and {pull.shape}"
        )
    order = np.argsort(at)
    at, pull = at[order], pull[order]
    for height, force in zip(at.tolist(), pull.tolist(), strict=True):
        if not (np.isfinite(height) and np.isfinite(force) and force > 0):
            raise BadInputError(f"{force} pN at {height} is no positive force at a height; leave it out")
        if not (_LEAST_PN <= force <= _MOST_PN and abs(height) <= _FARTHEST):
            raise BadInputError(
                f"{force} pN at {height} is beyond what magnets do: forces are in pN, from {_LEAST_PN:g} to "
                f"{_MOST_PN:g}, heights in the unit of the axis, up to {_FARTHEST:g}"
            )
    same = np.flatnonzero(np.diff(at) <= _SAME_HEIGHT * (at[-1] - at[0]))
    if same.size:
        raise BadInputError(f"the height {at[same[0]]} has two forces; give their mean")
    if not pull[0] > pull[-1]:
        raise BadInputError(
            f"{pull[0]} pN at {at[0]} and {pull[-1]} pN at {at[-1]}: the force of a magnet falls with height"
        )
    return at, pull


def _fitted(
    heights: NDArray[np.float64], forces: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the decay lengths of the exponentials, and how much of each there is.

    Non-negative least squares of the relative error: to first order that of the logarithm.
    """
    from scipy.optimize import nnls

    span = heights[-1] - heights[0]
    steepest = np.log(forces.max() / forces.min()) / span
    decays = np.geomspace(0.1, 10.0, _DECAYS) / steepest
    parts, _ = nnls(_basis(heights, heights[0], decays) / forces[:, None], np.ones(heights.size))
    used = parts > 0
    return decays[used], parts[used]


def _basis(heights: NDArray[np.float64], lowest: float, decays: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(heights[:, None] - lowest) / decays))
