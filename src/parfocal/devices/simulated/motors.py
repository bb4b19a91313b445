"""The simulated focus motor and the simulated magnet."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.faults import Faults
from parfocal.devices.simulated.world import World

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext


class FocusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and speed of the simulated focus."""

    low_nm: float = -10_000.0
    high_nm: float = 10_000.0
    speed_nm_per_s: float = 50_000.0


class MagnetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and speed of the simulated magnet, heights above contact with the flow cell."""

    low_nm: float = 0.0
    high_nm: float = 10e6
    speed_nm_per_s: float = 5e6


class _Motor:
    """One axis of the simulated world, moved at constant speed (a `parfocal.core.protocols.Stage`).

    Thread-safe. It keeps no position of its own: a motor that is closed, or whose process died, stands where
    the world says, and a move that was under way arrives.
    """

    _moves: ClassVar[str]

    def __init__(self, settings: FocusSettings | MagnetSettings, context: DeviceContext) -> None:
        if not settings.low_nm < settings.high_nm or not settings.speed_nm_per_s > 0:
            raise BadInputError(f"limits must go up and the speed be positive, not {settings}")
        self._settings = settings
        self._context = context
        self._world: World | None = None
        self._lock = threading.Lock()
        self._faults = Faults({"error": {"message": "injected fault"}, "stuck": {}, "free": {}})
        self._stuck = False

    @property
    def axes(self) -> tuple[str, ...]:
        """One axis, z."""
        return ("z",)

    def open(self) -> None:
        """Join the world."""
        self._world = World.of(self._context)

    def close(self) -> None:
        """Leave the world."""
        self._world = None

    def make_safe(self) -> None:
        """Halt."""
        if self._world is not None:
            self.halt()

    def state(self) -> dict[str, Any]:
        """Return the settings and where it stands."""
        return {
            "device": f"simulated {self._moves.removesuffix('_nm')}",
            **msgspec.to_builtins(self._settings),
            "position_nm": None if self._world is None else self.position_nm("z"),
        }

    def limits_nm(self, axis: str) -> tuple[float, float]:
        """Return the lowest and highest position."""
        _check(axis)
        return self._settings.low_nm, self._settings.high_nm

    def position_nm(self, axis: str) -> float:
        """Return where it is now."""
        _check(axis)
        return self._opened().position(self._moves, self._context.clock.monotonic_ns())

    def move_to(self, axis: str, position_nm: float) -> None:
        """Begin to move; returns at once."""
        low, high = self.limits_nm(axis)
        if not low <= position_nm <= high:
            raise BadInputError(f"{axis} cannot go to {position_nm} nm; its limits are {low} to {high} nm")
        with self._lock:
            self._disturb()
            speed = 1e-6 if self._stuck else self._settings.speed_nm_per_s
            self._opened().move(self._moves, position_nm, self._context.clock.monotonic_ns(), speed)

    def is_moving(self, axis: str) -> bool:
        """Whether it is not yet at its target."""
        _check(axis)
        self._disturb()
        return self._opened().motion(self._moves).arrives_ns() > self._context.clock.monotonic_ns()

    def halt(self) -> None:
        """Stop where it is."""
        with self._lock:
            now = self._context.clock.monotonic_ns()
            world = self._opened()
            world.move(self._moves, world.position(self._moves, now), now, self._settings.speed_nm_per_s)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: "error" once, or "stuck" (moves never arrive) until "free"."""
        self._faults.inject(kind, details)

    def _disturb(self) -> None:
        if (fault := self._faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        if self._faults.take("stuck") is not None:
            self._stuck = True
        if self._faults.take("free") is not None:
            self._stuck = False

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError("the simulated motor is closed; open it first")
        return self._world


class SimulatedFocus(_Motor):
    """Moves the focal plane: its position adds to the height of the focal plane above every bead."""

    Settings = FocusSettings
    _moves = "focus_nm"


class SimulatedMagnet(_Motor):
    """Moves the magnet: the higher, the smaller the force on the tethers."""

    Settings = MagnetSettings
    _moves = "magnet_nm"


def _check(axis: str) -> None:
    if axis != "z":
        raise BadInputError(f"no axis is called {axis!r}; {nearest(axis, ('z',))}")
