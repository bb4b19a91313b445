"""What the service and the worker that makes its live forces tell one another. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from parfocal.analysis.force.live_records import EXTENSION_DTYPE, LIVE_DTYPE, ForceExtension
from parfocal.analysis.force.live_settings import Anchor, TetherPhysics


class LiveSetup(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First message to a worker: the folder of streams, which of them it reads, and the magnet's axis."""

    streams: str
    tracks: str
    frames: str
    magnet: str
    axis: str


class LiveAsk(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for new forces.

    Attributes
    ----------
    beads : tuple of int or None
        Of which; None for all that there are rows of.
    references : tuple of int
        Beads whose common motion is drift.
    window_s, exposure_s : float
        Over how long, and how long an exposure is.
    physics : TetherPhysics
        What the numbers depend on.
    anchors : dict of int to Anchor
        The surface below beads, where it is known.
    heights, forces_pn : tuple of float
        The magnet's table; empty if there is none.
    curves : int
        Number of the force-extension curves: with another one than before they begin anew.
    rows : bool
        Whether rows and points are wanted.
    fits : tuple of int
        Beads to whose curves a chain is to be fitted.
    lowest : bool
        Ask for where the surface is, too: see `LiveFound.surfaces`.
    """

    beads: tuple[int, ...] | None
    references: tuple[int, ...]
    window_s: float
    exposure_s: float
    physics: TetherPhysics
    anchors: dict[int, Anchor]
    heights: tuple[float, ...]
    forces_pn: tuple[float, ...]
    curves: int
    rows: bool = False
    fits: tuple[int, ...] = ()
    lowest: bool = False


class LiveFound(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a worker has found.

    Attributes
    ----------
    rows : ndarray of LIVE_DTYPE
        A force for each bead.
    points : ndarray of EXTENSION_DTYPE
        Points of their force-extension curves that have changed since the last ones were asked for.
    fits : dict of int to ForceExtension
        Those that were asked for.
    surfaces : dict of int to Anchor
        The lowest hundredth of each bead's heights within the window.
    took_s : float
        How long that took.
    problem : str
        Why there is nothing; "" if there is.
    """

    rows: Any = np.zeros(0, LIVE_DTYPE)
    points: Any = np.zeros(0, EXTENSION_DTYPE)
    fits: dict[int, ForceExtension] = {}
    surfaces: dict[int, Anchor] = {}
    took_s: float = 0.0
    problem: str = ""
