"""What the devices of a rig really took in its runs: the newest measurements, and the times that follow."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes

_KEPT = 60
_MOST_NAMES = 500
_LEAST = 3
"""Fewer measurements tell nothing."""
_LEAST_MOVES = 5
"""Fewer moves do not make an axis a slow one."""
_SLOW = 0.75
"""An axis below this part of its declared speed is named ..."""
_COSTS_S = 0.1
"""... if that costs its longest move more."""
_TELLS_S = 0.02
"""Ways whose times differ by less at the declared speed tell nothing of it."""

Measurements = Mapping[str, Sequence[tuple[float, float]]]
"""By name, what was measured last: how far (um; 0 where nothing moves), and how long (s)."""


class MeasuredTimes:
    """Measurements of a rig's devices, the newest of each. Any thread.

    Each number is the mean of what was measured, but for single ones far off: events add up, and so do means.
    What is measured is kept under the name that `DeviceTimes.kept_as` gives to its device and settings.

    Parameters
    ----------
    kept : mapping, optional
        What was measured before, as `measurements` returned it.
    """

    def __init__(self, kept: Measurements | None = None) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, deque[tuple[float, float]]] = {}
        for name, found in (kept or {}).items():
            self._kept[name] = deque(found, maxlen=_KEPT)

    def measurements(self) -> dict[str, list[tuple[float, float]]]:
        """Return a copy of all measurements."""
        with self._lock:
            return {name: list(found) for name, found in self._kept.items()}

    def knows(self, camera: str) -> bool:
        """Whether exposures of a camera of that name (`DeviceTimes.kept_as`) were measured."""
        with self._lock:
            return len(self._kept.get(f"before {camera}", ())) >= _LEAST

    def saw_move(self, distances_um: Mapping[str, float], took_s: float, expected: DeviceTimes) -> None:
        """Take note of a move: of several axes, the one that is expected to take longest is told by it."""
        moving = {name: expected.axes[name].seconds_for(way) for name, way in distances_um.items()}
        if moving:
            slowest = max(moving, key=moving.__getitem__)
            self._keep(_name("move", expected, slowest), took_s, abs(distances_um[slowest]))

    def saw_switch(self, before: str, after: str, took_s: float, expected: DeviceTimes) -> None:
        """Take note of how long the light path took from one channel to another."""
        self._keep(_name("switch", expected, "light", before, after), took_s)

    def saw_shade(self, took_s: float, expected: DeviceTimes) -> None:
        """Take note of how long it took to hold the light back."""
        self._keep(_name("shade", expected, "light"), took_s)

    def saw_light(self, took_s: float, expected: DeviceTimes) -> None:
        """Take note of how long it took to let the light through."""
        self._keep(_name("light", expected, "light"), took_s)

    def saw_exposure(self, before_s: float, expected: DeviceTimes) -> None:
        """Take note of how long it took from the camera being asked until the exposure began."""
        self._keep(_name("before", expected, "camera"), before_s)

    def saw_next(self, after_s: float, expected: DeviceTimes) -> None:
        """Take note of how long after an exposure the run was ready for the next event."""
        self._keep(_name("after", expected, "camera"), after_s)

    def over(self, declared: DeviceTimes) -> DeviceTimes:
        """Return the times as they were measured, as declared where they were not."""
        with self._lock:
            return msgspec.structs.replace(
                declared,
                axes={name: self._axis(declared, name) for name in declared.axes},
                switch_s={
                    before: {
                        after: self._typical(declared, seconds, "switch", "light", before, after)
                        for after, seconds in row.items()
                    }
                    for before, row in declared.switch_s.items()
                },
                shade_s=self._typical(declared, declared.shade_s, "shade", "light"),
                light_s=self._typical(declared, declared.light_s, "light", "light"),
                before_s=self._typical(declared, declared.before_s, "before", "camera"),
                after_s=self._typical(declared, declared.after_s, "after", "camera"),
            )

    def slow_axes(self, declared: DeviceTimes) -> tuple[str, ...]:
        """Return which axes are much slower than they declare, in words.

        Examples
        --------
        >>> measured = MeasuredTimes()
        >>> declared = DeviceTimes(axes={"x": AxisTimes(speed_um_per_s=100)})
        >>> for way_um in (50, 100, 150, 200, 250):
        ...     measured.saw_move({"x": way_um}, 0.02 + way_um / 50, declared)
        >>> measured.slow_axes(declared)
        ('x moves at 0.5 of its declared speed',)
        """
        told = []
        with self._lock:
            for name, axis in declared.axes.items():
                moves = self._kept.get(_name("move", declared, name), ())
                if len(moves) < _LEAST_MOVES:
                    continue
                found, longest_um = fitted(np.array(moves), axis), max(way for way, _ in moves)
                part = found.speed_um_per_s / axis.speed_um_per_s
                lost_s = longest_um / found.speed_um_per_s - longest_um / axis.speed_um_per_s
                if part < _SLOW and lost_s > _COSTS_S:
                    told.append(f"{name} moves at {part:.2g} of its declared speed")
        return tuple(told)

    def _keep(self, name: str, took_s: float, way_um: float = 0.0) -> None:
        with self._lock:
            found = self._kept.pop(name, None) or deque(maxlen=_KEPT)
            found.append((way_um, max(0.0, took_s)))
            self._kept[name] = found  # the last to be forgotten
            while len(self._kept) > _MOST_NAMES:
                del self._kept[next(iter(self._kept))]

    def _typical(self, declared: DeviceTimes, seconds: float, what: str, part: str, *channels: str) -> float:
        found = self._kept.get(_name(what, declared, part, *channels), ())
        return typical(took_s for _, took_s in found) if len(found) >= _LEAST else seconds

    def _axis(self, declared: DeviceTimes, name: str) -> AxisTimes:
        moves = self._kept.get(_name("move", declared, name), ())
        axis = declared.axes[name]
        return axis if len(moves) < _LEAST else fitted(np.array(moves), axis)


def _name(what: str, times: DeviceTimes, part: str, *channels: str) -> str:
    """Return the name under which a measurement is kept."""
    return " ".join((what, times.kept_as.get(part, part), *map(repr, channels)))


def typical(values: Iterable[float]) -> float:
    """Return the mean of numbers, without those that are far from their median.

    Examples
    --------
    >>> typical([1.0, 2.0, 3.0, 4.0, 900.0])
    2.5
    """
    found = np.fromiter(values, np.float64)
    off = np.abs(found - np.median(found))
    return float(np.mean(found[off <= 5 * np.median(off) + 1e-9]))


def fitted(moves: np.ndarray, declared: AxisTimes) -> AxisTimes:
    """Return what fits the ways (um) and durations (s) of moves: the median of the slopes of all pairs.

    Ways that are all alike, or so short that what else a move takes outweighs them, tell no slope: then what
    a move takes beside its declared speed is fixed, unless that is more than half of the move, and then the
    axis is slower than it declares.

    Parameters
    ----------
    moves : array of float, shape (n, 2)
        How far and how long.
    declared : AxisTimes
        What the axis says.

    Examples
    --------
    >>> fitted(np.array([[10, 0.3], [20, 0.5], [40, 0.9]]), AxisTimes(speed_um_per_s=100))
    AxisTimes(speed_um_per_s=50.0, fixed_s=0.1, poll_s=0.0)
    """
    ways, took = moves[:, 0], moves[:, 1]
    first, second = np.triu_indices(len(moves), 1)
    apart = ways[second] - ways[first]
    differ = np.abs(apart) > 0.2 * ways.max()
    spread_s = (ways.max() - ways.min()) / declared.speed_um_per_s
    much_slower = typical(took) > declared.seconds_for(float(ways.max())) + _COSTS_S
    if differ.any() and (spread_s > _TELLS_S or much_slower):
        slope = float(np.median((took[second] - took[first])[differ] / apart[differ]))
        if slope > 0:
            return AxisTimes(
                speed_um_per_s=round(1 / slope, 6),
                fixed_s=round(max(0.0, typical(took - slope * ways)), 6),
            )
        return AxisTimes(speed_um_per_s=math.inf, fixed_s=typical(took))
    alone_s = float(np.median(ways)) / declared.speed_um_per_s
    fixed_s = typical(took) - alone_s
    if 0 <= fixed_s <= alone_s / 2 + 0.1:
        return AxisTimes(speed_um_per_s=declared.speed_um_per_s, fixed_s=fixed_s)
    took_s = typical(took)
    return AxisTimes(speed_um_per_s=float(np.median(ways)) / took_s if took_s > 0 else math.inf)
