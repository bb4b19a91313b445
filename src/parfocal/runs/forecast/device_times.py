"""How long the devices of a run take for what it asks of them. Plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec


class AxisTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long moves of one axis take.

    Attributes
    ----------
    speed_um_per_s : float
        Infinite if it is not known.
    fixed_s : float
        What every move takes beside its way: the command, and settling.
    poll_s : float
        How often a move is looked at: it has arrived at a multiple of that; 0 for at once.

    Examples
    --------
    >>> AxisTimes(speed_um_per_s=500, fixed_s=0.5).seconds_for(-250)
    1.0
    >>> AxisTimes(speed_um_per_s=500, poll_s=0.4).seconds_for(250)
    0.8
    """

    speed_um_per_s: float = math.inf
    fixed_s: float = 0.0
    poll_s: float = 0.0

    def seconds_for(self, distance_um: float) -> float:
        """Return how long a move takes; 0 for none."""
        if not distance_um:
            return 0.0
        way_s = abs(distance_um) / self.speed_um_per_s
        if self.poll_s > 0:
            way_s = math.ceil(way_s / self.poll_s) * self.poll_s
        return self.fixed_s + way_s


class DeviceTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long the devices of a run take.

    Attributes
    ----------
    axes : dict of str to AxisTimes
        Of "x", "y" and "z"; one that is left out takes no time.
    switch_s : dict of str to (dict of str to float)
        How long the light path takes from one channel to another; from "" that of the first one.
    exposure_ms : dict of str to float
        Of events that name none: by channel, and of the camera under "".
    shade_s, light_s : float
        To hold the light of a channel back before anything moves, and to let it through again.
    before_s : float
        From the camera being asked to the begin of the exposure.
    after_s : float
        From the end of an exposure until the run is ready for the next event: read-out, and the answers.
    frame_s : float
        From frame to frame of a camera that runs by itself.
    kept_as : dict of str to str
        Under which name measurements of an axis, of "light" and of "camera" are kept: it tells the device and
        those of its settings that matter.
    """

    axes: dict[str, AxisTimes] = {}
    switch_s: dict[str, dict[str, float]] = {}
    exposure_ms: dict[str, float] = {}
    shade_s: float = 0.0
    light_s: float = 0.0
    before_s: float = 0.0
    after_s: float = 0.0
    frame_s: float = 0.0
    kept_as: dict[str, str] = {}

    def move_s(self, at: Mapping[str, float], targets: Mapping[str, float]) -> float:
        """Return how long it takes from one place to another: as long as the slowest axis.

        Examples
        --------
        >>> times = DeviceTimes(axes={"x": AxisTimes(speed_um_per_s=100), "y": AxisTimes(speed_um_per_s=50)})
        >>> times.move_s({"x": 0, "y": 0}, {"x": 100, "y": 100})
        2.0
        """
        longest = 0.0
        for name, target in targets.items():
            axis = self.axes.get(name)
            if axis is not None and (distance := target - at.get(name, target)):
                longest = max(longest, axis.seconds_for(distance))
        return longest

    def switch(self, before: str, after: str) -> float:
        """Return how long the light path takes from one channel to another, seconds."""
        return self.switch_s.get(before, {}).get(after, 0.0)

    def exposure_s(self, channel: str, asked_ms: float | None) -> float:
        """Return how long an exposure lasts: as asked for, else as its channel or the camera has it."""
        if asked_ms is None:
            asked_ms = self.exposure_ms.get(channel, self.exposure_ms.get("", 0.0))
        return asked_ms * 1e-3


class PlacedParts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the parts of a placing took, in seconds; None for what was not needed.

    Attributes
    ----------
    shade_s : float or None
        To hold the light back.
    move_s : float or None
        The stages.
    switch_s : float or None
        The light path.
    """

    shade_s: float | None = None
    move_s: float | None = None
    switch_s: float | None = None
