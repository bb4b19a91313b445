"""The last moves of a simulated thing, in memory that processes share: one writes, any reads, none waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SLOTS = 256
MOTIONS_KEPT = _SLOTS - 1
"""How many moves of a thing are remembered; one slot more is free to be written."""

_MOTION = np.dtype([("origin", "<f8"), ("target", "<f8"), ("start_ns", "<i8"), ("speed", "<f8")])
MOTIONS_DTYPE = np.dtype([("count", "<i8"), ("slots", _MOTION, (_SLOTS,))])
"""How often a thing was moved since the beginning, and its last moves: number n in slot n modulo 256."""


class Motion(NamedTuple):
    """A move at constant speed: from where, to where, since when, how fast (units per second)."""

    origin: float
    target: float
    start_ns: int
    speed: float

    def position(self, now_ns: int) -> float:
        """Where it is at `now_ns`; at its origin before it starts.

        Examples
        --------
        >>> Motion(0.0, 100.0, 0, 50.0).position(1_000_000_000)
        50.0
        """
        if now_ns >= self.arrives_ns():
            return self.target
        if now_ns <= self.start_ns:
            return self.origin
        gone = self.speed * (now_ns - self.start_ns) * 1e-9
        return self.origin + float(np.copysign(gone, self.target - self.origin))

    def arrives_ns(self) -> int:
        """When it is at its target."""
        return self.start_ns + int(np.ceil(abs(self.target - self.origin) / self.speed * 1e9))


def motion_at(motions: Sequence[Motion], now_ns: int) -> Motion:
    """Return the motion that held at a time: the last one that had started, else the oldest one.

    `motions` are in the order in which they were ordered; the last of two that start at once holds.

    Examples
    --------
    >>> up, down = Motion(0.0, 8.0, 100, 1.0), Motion(3.0, 0.0, 200, 1.0)
    >>> [motion_at([up, down], now_ns).target for now_ns in (50, 199, 200)]
    [8.0, 8.0, 0.0]
    """
    return next((motion for motion in reversed(motions) if motion.start_ns <= now_ns), motions[0])


class Motions:
    """The last moves of one thing: one process writes them, one thread at a time; any process reads them.

    Parameters
    ----------
    memory : ndarray
        One record of `MOTIONS_DTYPE`; zeros before the first move.

    Notes
    -----
    A move counts when it is whole in its slot. So a writer that dies in between leaves what was there, and a
    reader drops what may have been overwritten while it read, and reads on. It reads what is new to it alone.
    """

    def __init__(self, memory: NDArray[Any]) -> None:
        self._count, self._slots = memory["count"].data, memory["slots"][0]
        self._read: tuple[int, tuple[Motion, ...]] = 0, ()

    def add(self, motion: Motion) -> None:
        """Take a move, from now on the newest one."""
        count = self._count[0]
        self._slots[count % _SLOTS] = motion
        self._count[0] = count + 1

    def last(self) -> tuple[Motion, ...]:
        """Return the last moves, at most `MOTIONS_KEPT`, oldest first; empty before the first one."""
        known, motions = self._read
        count = self._count[0]
        if count == known:
            return motions
        while known < count:
            first = max(known, count - MOTIONS_KEPT)
            new = [Motion(*self._slots[number % _SLOTS].item()) for number in range(first, count)]
            known, count = count, self._count[0]
            whole = max(first, count - MOTIONS_KEPT)
            motions = (*motions, *new[whole - first :])[-MOTIONS_KEPT:]
        self._read = known, motions
        return motions
