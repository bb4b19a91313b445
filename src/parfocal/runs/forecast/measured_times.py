"""What the devices of a rig really took in its runs: the newest measurements, and the times that follow."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes

_KEPT = 60
_LEAST = 3
"""Fewer measurements tell nothing."""
_SLOW = 0.75
"""An axis below this part of its declared speed is named."""


class MeasuredTimes:
    """Measurements of a rig's devices, the newest of each. Any thread.

    Each number is the mean of what was measured, but for single ones far off: events add up, and so do means.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moves: dict[str, deque[tuple[float, float]]] = {}
        self._switches: dict[str, deque[float]] = {}
        self._before: deque[float] = deque(maxlen=_KEPT)
        self._after: deque[float] = deque(maxlen=_KEPT)

    def saw_placing(
        self, distances_um: Mapping[str, float], channel: str, took_s: float, expected: DeviceTimes
    ) -> None:
        """Take note of how long stages and light path took.

        Parameters
        ----------
        distances_um : dict of str to float
            How far each axis went that moved. Of several the one that is expected to take longest is told.
        channel : str
            What the light path became; "" if it stayed.
        took_s : float
            For all of it.
        expected : DeviceTimes
            What was expected.
        """
        moving = {name: expected.axes[name].seconds_for(way) for name, way in distances_um.items()}
        with self._lock:
            if channel:
                switches = self._switches.setdefault(channel, deque(maxlen=_KEPT))
                if not moving or len(switches) < _LEAST:
                    switches.append(max(0.0, took_s - max(moving.values(), default=0.0)))
                    return
                took_s = max(0.0, took_s - typical(switches))
            if moving:
                slowest = max(moving, key=moving.__getitem__)
                moves = self._moves.setdefault(slowest, deque(maxlen=_KEPT))
                moves.append((abs(distances_um[slowest]), took_s))

    def saw_exposure(self, before_s: float) -> None:
        """Take note of how long it took until an exposure began."""
        with self._lock:
            self._before.append(max(0.0, before_s))

    def saw_next(self, after_s: float) -> None:
        """Take note of how long after an exposure the run was ready for the next event."""
        with self._lock:
            self._after.append(max(0.0, after_s))

    def over(self, declared: DeviceTimes) -> DeviceTimes:
        """Return the times as they were measured, as declared where they were not."""
        with self._lock:
            switches = {name: typical(took) for name, took in self._switches.items() if len(took) >= _LEAST}
            return msgspec.structs.replace(
                declared,
                axes={name: self._axis(name, axis) for name, axis in declared.axes.items()},
                switch_s=declared.switch_s | switches,
                before_s=typical(self._before) if len(self._before) >= _LEAST else declared.before_s,
                after_s=typical(self._after) if len(self._after) >= _LEAST else declared.after_s,
            )

    def _axis(self, name: str, declared: AxisTimes) -> AxisTimes:
        moves = self._moves.get(name, ())
        return declared if len(moves) < _LEAST else fitted(np.array(moves), declared)


def slow_axes(declared: DeviceTimes, measured: DeviceTimes) -> tuple[str, ...]:
    """Return which axes are much slower than they declare, in words.

    Examples
    --------
    >>> measured = MeasuredTimes()
    >>> declared = DeviceTimes(axes={"x": AxisTimes(speed_um_per_s=100)})
    >>> for way_um in (50, 100, 150, 200):
    ...     measured.saw_placing({"x": way_um}, "", 0.02 + way_um / 50, declared)
    >>> slow_axes(declared, measured.over(declared))
    ('x moves at 0.5 of its declared speed',)
    """
    parts = {
        name: measured.axes[name].speed_um_per_s / axis.speed_um_per_s for name, axis in declared.axes.items()
    }
    return tuple(
        f"{name} moves at {part:.2g} of its declared speed" for name, part in parts.items() if part < _SLOW
    )


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

    Ways that are all alike tell no slope: then what a move takes beside its declared speed is fixed, unless
    that is more than half of the move, and then the axis is slower than it declares.

    Parameters
    ----------
    moves : array of float, shape (n, 2)
        How far and how long.
    declared : AxisTimes
        What the axis says.

    Examples
    --------
    >>> fitted(np.array([[10, 0.3], [20, 0.5], [40, 0.9]]), AxisTimes(speed_um_per_s=100))
    AxisTimes(speed_um_per_s=50.0, fixed_s=0.1)
    """
    ways, took = moves[:, 0], moves[:, 1]
    first, second = np.triu_indices(len(moves), 1)
    apart = ways[second] - ways[first]
    differ = np.abs(apart) > 0.2 * ways.max()
    if differ.any():
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
