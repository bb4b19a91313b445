"""Where the simulated motors and the lamp stand: numbers in one mapped file that outlive their processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError, nearest
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext

HOME = {"focus_nm": 0.0, "magnet_nm": 2e6, "light": 1.0}
"""What the world holds, and where each thing stands before anybody moved it."""

_MOTION = np.dtype(
    [("sequence", "<i8"), ("origin", "<f8"), ("target", "<f8"), ("start_ns", "<i8"), ("speed", "<f8")]
)
_FILE = "simulated.world"
_ATTEMPTS = 1000


class Motion(NamedTuple):
    """A move at constant speed: from where, to where, since when, how fast (units per second)."""

    origin: float
    target: float
    start_ns: int
    speed: float

    def position(self, now_ns: int) -> float:
        """Where it is at `now_ns`.

        Examples
        --------
        >>> Motion(0.0, 100.0, 0, 50.0).position(1_000_000_000)
        50.0
        """
        if now_ns >= self.arrives_ns():
            return self.target
        gone = self.speed * max(0, now_ns - self.start_ns) * 1e-9
        return self.origin + float(np.copysign(gone, self.target - self.origin))

    def arrives_ns(self) -> int:
        """When it is at its target."""
        return self.start_ns + int(np.ceil(abs(self.target - self.origin) / self.speed * 1e9))


class World:
    """The simulated things that move. Each of them is written by one process and read by any.

    A move is written once and evaluated by whoever looks, at the time it asks about: nothing ticks.
    Made by `World.of`; a file full of zeros is a world at `HOME`, so whoever comes first may make it.
    """

    def __init__(self, motions: NDArray[Any]) -> None:
        self._motions = motions

    @classmethod
    def of(cls, context: DeviceContext) -> World:
        """Return the world of this context: in its folder, or inside the context if it has none."""
        if context.folder is None:
            world: World = context.local.setdefault("world", cls(np.zeros(len(HOME), _MOTION)))
            return world
        shared = mapped_file(context.folder / _FILE, len(HOME) * _MOTION.itemsize)
        return cls(np.frombuffer(shared, _MOTION))

    def motion(self, name: str) -> Motion:
        """Return the last move of `name`, undivided even while its writer changes it."""
        row = self._motions[_index(name)]
        now: Any = row.copy()
        for _ in range(_ATTEMPTS):
            before = int(row["sequence"])
            now = row.copy()
            if before % 2 == 0 and int(row["sequence"]) == before:
                break
        if now["sequence"] == 0:
            return Motion(HOME[name], HOME[name], 0, 1.0)
        return Motion(float(now["origin"]), float(now["target"]), int(now["start_ns"]), float(now["speed"]))

    def position(self, name: str, now_ns: int) -> float:
        """Return where `name` is at `now_ns`."""
        return self.motion(name).position(now_ns)

    def move(self, name: str, target: float, now_ns: int, speed: float = np.inf) -> None:
        """Send `name` from where it is now to `target`, at `speed` units per second."""
        origin = self.position(name, now_ns)
        row = self._motions[_index(name)]
        even = int(row["sequence"]) // 2 * 2
        row["sequence"] = even + 1
        row["origin"], row["target"], row["start_ns"], row["speed"] = origin, target, now_ns, speed
        row["sequence"] = even + 2


def _index(name: str) -> int:
    if name not in HOME:
        raise BadInputError(f"the simulated world has no {name!r}; {nearest(name, HOME)}")
    return list(HOME).index(name)
