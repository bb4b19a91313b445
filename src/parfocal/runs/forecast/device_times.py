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

    Examples
    --------
    >>> AxisTimes(speed_um_per_s=500, fixed_s=0.5).seconds_for(-250)
    1.0
    """

    speed_um_per_s: float = math.inf
    fixed_s: float = 0.0

    def seconds_for(self, distance_um: float) -> float:
        """Return how long a move takes; 0 for none."""
        return self.fixed_s + abs(distance_um) / self.speed_um_per_s if distance_um else 0.0


class DeviceTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long the devices of a run take.

    Attributes
    ----------
    axes : dict of str to AxisTimes
        Of "x", "y" and "z"; one that is left out takes no time.
    switch_s : dict of str to float
        How long the light path takes to become each channel.
    exposure_ms : dict of str to float
        Of events that name none: by channel, and of the camera under "".
    before_s : float
        From the end of all moves to the begin of the exposure: the light is let through, the camera is asked.
    after_s : float
        From the end of an exposure until the run is ready for the next event: read-out, and the answers.
    frame_s : float
        From frame to frame of a camera that runs by itself.
    """

    axes: dict[str, AxisTimes] = {}
    switch_s: dict[str, float] = {}
    exposure_ms: dict[str, float] = {}
    before_s: float = 0.0
    after_s: float = 0.0
    frame_s: float = 0.0

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

    def exposure_s(self, channel: str, asked_ms: float | None) -> float:
        """Return how long an exposure lasts: as asked for, else as its channel or the camera has it."""
        if asked_ms is None:
            asked_ms = self.exposure_ms.get(channel, self.exposure_ms.get("", 0.0))
        return asked_ms * 1e-3
