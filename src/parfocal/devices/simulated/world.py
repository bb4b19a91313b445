"""Where simulated things stand: a mapped file for each, which outlives the process that moves it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext

_MOTION = np.dtype(
    [("sequence", "<i8"), ("origin", "<f8"), ("target", "<f8"), ("start_ns", "<i8"), ("speed", "<f8")]
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
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
    """The simulated things that move, by name: each is written by one process and read by any.

    A move is written once and evaluated by whoever looks, at the time it asks about: nothing ticks. What
    nobody has moved yet stands at the home that whoever asks gives. Made by `World.of`.
    """

    def __init__(self, folder: Path | None, local: dict[str, NDArray[Any]]) -> None:
        self._folder = folder
        self._rows = local
        self._seen: dict[str, tuple[int, Motion]] = {}

    @classmethod
    def of(cls, context: DeviceContext) -> World:
        """Return the world of a device: files in its context's folder, or arrays in a context without one."""
        rows = {} if context.folder is not None else context.local.setdefault("world", {})
        return cls(context.folder, rows)

    def motion(self, name: str, home: float = 0.0) -> Motion:
        """Return the last move of `name`, whole even while its writer changes it."""
        row = self._row(name)
        known, seen = self._seen.get(name, (0, None))
        for _ in range(_ATTEMPTS):
            before = int(row["sequence"])
            if before == 0:
                return Motion(home, home, 0, 1.0)
            if before == known and seen is not None:
                return seen
            seen = Motion(
                float(row["origin"]), float(row["target"]), int(row["start_ns"]), float(row["speed"])
            )
            if before % 2 == 0 and int(row["sequence"]) == before:
                self._seen[name] = (before, seen)
                return seen
        return seen or Motion(home, home, 0, 1.0)

    def position(self, name: str, now_ns: int, home: float = 0.0) -> float:
        """Return where `name` is at `now_ns`; at `home` if nobody has moved it."""
        return self.motion(name, home).position(now_ns)

    def move(self, name: str, target: float, now_ns: int, speed: float = np.inf, home: float = 0.0) -> None:
        """Send `name` from where it is now (from `home` the first time) to `target`, units per second."""
        origin = self.position(name, now_ns, home)
        row = self._row(name)
        even = int(row["sequence"]) // 2 * 2
        row["sequence"] = even + 1
        row["origin"], row["target"], row["start_ns"], row["speed"] = origin, target, now_ns, speed
        row["sequence"] = even + 2

    def _row(self, name: str) -> Any:
        """Return the record of a thing, which is full of zeros until it is moved."""
        if name not in self._rows:
            if not _NAME.fullmatch(name):
                raise BadInputError(f"a thing in a simulated world is named like 'focus_nm', not {name!r}")
            self._rows[name] = self._new_row(name)
        return self._rows[name][0]

    def _new_row(self, name: str) -> NDArray[Any]:
        if self._folder is None:
            return np.zeros(1, _MOTION)
        shared = mapped_file(self._folder / f"world.{name}", _MOTION.itemsize)
        return np.frombuffer(shared, _MOTION)
