"""Where simulated things stand: a mapped file for each, which outlives the process that moves it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.motions import MOTIONS_DTYPE, Motion, Motions, motion_at
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.devices.context import DeviceContext

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class World:
    """The simulated things that move, by name: each is written by one process and read by any.

    A move is written once and evaluated by whoever looks, at the time it asks about: nothing ticks. The last
    moves are kept, so whoever is late finds what held at its time. What nobody has moved yet stands at the
    home that whoever asks gives. Made by `World.of`.
    """

    def __init__(self, folder: Path | None, local: dict[str, Motions]) -> None:
        self._folder = folder
        self._things = local

    @classmethod
    def of(cls, context: DeviceContext) -> World:
        """Return the world of a device: files in its context's folder, or arrays in a context without one."""
        things = {} if context.folder is not None else context.local.setdefault("world", {})
        return cls(context.folder, things)

    def motion(self, name: str, now_ns: int, home: float = 0.0) -> Motion:
        """Return the move of `name` that held at `now_ns`, or the oldest one that is kept."""
        motions = self.moves(name)
        return motion_at(motions, now_ns) if motions else Motion(home, home, 0, 1.0)

    def position(self, name: str, now_ns: int, home: float = 0.0) -> float:
        """Return where `name` was, or is, at `now_ns`; at `home` if nobody has moved it."""
        return self.motion(name, now_ns, home).position(now_ns)

    def move(self, name: str, target: float, now_ns: int, speed: float = np.inf, home: float = 0.0) -> None:
        """Send `name` from where it is now (from `home` the first time) to `target`, units per second."""
        origin = self.position(name, now_ns, home)
        self._motions(name).add(Motion(origin, target, now_ns, speed))

    def moves(self, name: str) -> tuple[Motion, ...]:
        """Return the last moves of `name`, oldest first: the same tuple until it is moved again."""
        return self._motions(name).last()

    def _motions(self, name: str) -> Motions:
        """Return the moves of a thing; it is made when it is first asked for."""
        if name not in self._things:
            if not _NAME.fullmatch(name):
                raise BadInputError(f"a thing in a simulated world is named like 'focus_nm', not {name!r}")
            self._things[name] = self._new_motions(name)
        return self._things[name]

    def _new_motions(self, name: str) -> Motions:
        if self._folder is None:
            return Motions(np.zeros(1, MOTIONS_DTYPE))
        shared = mapped_file(self._folder / f"world.{name}", MOTIONS_DTYPE.itemsize)
        return Motions(np.frombuffer(shared, MOTIONS_DTYPE))
