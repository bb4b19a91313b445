"""A force that changes at a constant rate, as heights of a magnet. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from parfocal.analysis.force.magnet_table import MagnetTable
    from parfocal.core.protocols import Axis

_LOOKS = 200
"""Into so many parts a ramp is cut to find how fast the magnet has to be."""


class ForceRamp(NamedTuple):
    """From one force to another at a constant rate.

    Attributes
    ----------
    table : MagnetTable
        Where the magnet has to be for which force.
    start_pn, stop_pn, rate_pn_per_s : float
        From where to where, and how fast; the rate is positive both ways.

    Examples
    --------
    >>> from parfocal.analysis.force.magnet_table import MagnetTable
    >>> table = MagnetTable([0.0, 1.5e6, 3e6, 6e6], [20.0, 7.358, 2.707, 0.3663])
    >>> ramp = ForceRamp(table, 2.0, 10.0, 0.5)
    >>> ramp.duration_s, ramp.force_pn(4.0), round(ramp.height(4.0) / 1e6, 2)
    (16.0, 4.0, 2.41)
    """

    table: MagnetTable
    start_pn: float
    stop_pn: float
    rate_pn_per_s: float

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return abs(self.stop_pn - self.start_pn) / self.rate_pn_per_s

    def force_pn(self, time_s: float) -> float:
        """Return the force that is asked for at a time since its beginning."""
        within_s = min(max(time_s, 0.0), self.duration_s)
        return self.start_pn + math.copysign(self.rate_pn_per_s * within_s, self.stop_pn - self.start_pn)

    def height(self, time_s: float) -> float:
        """Return where the magnet has to be then."""
        return self.table.height(self.force_pn(time_s))

    @property
    def fastest(self) -> float:
        """How fast the magnet has to move where the ramp is hardest, its unit a second."""
        times_s = np.linspace(0.0, self.duration_s, _LOOKS + 1)
        heights = np.array([self.height(time_s) for time_s in times_s])
        return float(np.abs(np.diff(heights)).max() / times_s[1]) if self.duration_s else 0.0


def checked_ramp(
    table: MagnetTable, axis: Axis, start_pn: float, stop_pn: float, rate_pn_per_s: float
) -> ForceRamp:
    """Return a ramp that a magnet can follow.

    Raises
    ------
    BadInputError
        If a force is none that the table covers, or the magnet would have to leave its limits or be faster
        than it is; names the value, and what is possible.
    """
    if not 0 < rate_pn_per_s < math.inf:
        raise BadInputError(
            f"rate_pn_per_s must be positive, not {rate_pn_per_s!r}; it is the same both ways"
        )
    ramp = ForceRamp(table, float(start_pn), float(stop_pn), float(rate_pn_per_s))
    for force in (start_pn, stop_pn):
        axis.check(table.height(force))
    if ramp.fastest > axis.speed:
        most = rate_pn_per_s * axis.speed / ramp.fastest
        raise BadInputError(
            f"rate_pn_per_s = {rate_pn_per_s!r} asks the magnet for {ramp.fastest:.4g} {axis.unit}/s, and it "
            f"does {axis.speed:.4g}: {most:.3g} pN/s is the most from {start_pn} to {stop_pn} pN"
        )
    return ramp
