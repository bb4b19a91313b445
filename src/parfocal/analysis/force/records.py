"""What is told of forces: rows of the stream, and the results of commands."""

from __future__ import annotations

import msgspec
import numpy as np

FORCE_DTYPE = np.dtype(
    [("time_ns", "<i8"), ("asked_pn", "<f8"), ("height", "<f8"), ("force_pn", "<f8"), ("turns", "<f8")]
)
"""What is told while the magnet is moved for a force: when (monotonic ns), the force that is asked for, where
the magnet stands (in the unit of its axis), the force that the table gives for that, and the turns since a
turn of the magnet began; NaN for what a motion does not concern."""


class TableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The table of a magnet as people see it.

    Attributes
    ----------
    heights, forces_pn : tuple of float
        The measured pairs.
    unit : str
        Of heights.
    range, force_range_pn : tuple of float
        What it covers.
    spread : float
        How far the pairs lie from the curve, root mean square, as a part of the force.
    """

    heights: tuple[float, ...]
    forces_pn: tuple[float, ...]
    unit: str
    range: tuple[float, float]
    force_range_pn: tuple[float, float]
    spread: float


class ForceReading(msgspec.Struct, frozen=True, kw_only=True):
    """The force by the table where the magnet stands now.

    Attributes
    ----------
    force_pn : float
        What the curve says.
    height : float
        Where the magnet is, in the unit of its axis.
    warning : str
        That it is outside of what was measured; "" if it is not.
    """

    force_pn: float
    height: float
    warning: str = ""


class PullDone(msgspec.Struct, frozen=True, kw_only=True):
    """How a motion of the magnet went.

    Attributes
    ----------
    force_pn : float
        By the table, at its end; NaN without one.
    seconds : float
        How long it took, without pauses.
    rate_pn_per_s : float
        Of a ramp: the slope of a line through where the magnet was; else 0.
    turns : float
        By how much it was turned.
    """

    force_pn: float
    seconds: float
    rate_pn_per_s: float = 0.0
    turns: float = 0.0
