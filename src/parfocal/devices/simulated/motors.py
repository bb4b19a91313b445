"""Simulated motors: the focus, the magnet, and a stage with any axes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.core.protocols import Axis, Unit
from parfocal.devices.faults import Faults
from parfocal.devices.simulated.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.devices.context import DeviceContext


class SimulatedAxis(BaseModel):
    """One axis of a simulated stage.

    Parameters
    ----------
    unit : str
        Of positions and limits.
    low, high, speed : float
        Limits, and the speed in units per second.
    home : float
        Where it stands in a world in which nobody has moved it.
    thing : str
        What it moves in the simulated world; by default ``<axis>_<unit>``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Unit = "um"
    low: float = -10_000.0
    high: float = 10_000.0
    speed: float = 5_000.0
    home: float = 0.0
    thing: str = ""


class StageSettings(BaseModel):
    """The axes of a simulated stage by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    axes: dict[str, SimulatedAxis] = {"x": SimulatedAxis(), "y": SimulatedAxis()}


class FocusSettings(BaseModel):
    """Limits and speed of the simulated focus."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low_nm: float = -10_000.0
    high_nm: float = 10_000.0
    speed_nm_per_s: float = 50_000.0


class MagnetSettings(BaseModel):
    """Limits and speeds of the simulated magnet: heights above contact with the flow cell, and turns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low_nm: float = 0.0
    high_nm: float = 10e6
    speed_nm_per_s: float = 5e6
    low_turns: float = -1_000.0
    high_turns: float = 1_000.0
    speed_turns_per_s: float = 5.0


class SimulatedStage:
    """Axes of the simulated world, each moved at constant speed (a `parfocal.core.protocols.Stage`).

    Thread-safe. It keeps no position of its own: a stage that is closed, or whose process died, stands where
    the world says, and a move that was under way arrives.

    Parameters
    ----------
    settings : StageSettings
        Its axes.
    context : DeviceContext
        Clock and world.
    """

    Settings: type[BaseModel] = StageSettings

    def __init__(self, settings: Any, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._made = self.axes_of(settings)
        self._axes = {name: _axis(name, made) for name, made in self._made.items()}
        self._world: World | None = None
        self._lock = threading.Lock()
        self._faults = Faults(
            {"error": {"message": "injected fault"}, "slow": {"part": 0.5}, "stuck": {}, "free": {}}
        )
        self._stuck, self._part = False, 1.0

    @staticmethod
    def axes_of(settings: Any) -> dict[str, SimulatedAxis]:
        """Return the axes that settings describe, by name."""
        axes: dict[str, SimulatedAxis] = settings.axes
        return axes

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its axes, with the speeds as they are now."""
        return tuple(self._axes.values())

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
        """Return what it is."""
        return {"device": "simulated stage", **self._settings.model_dump(mode="json")}

    def position(self, axis: str) -> float:
        """Return where an axis is now."""
        self._axis(axis)
        thing, home = self._moved_by(axis)
        return self._opened().position(thing, self._now_ns(), home)

    def move_to(self, targets: Mapping[str, float]) -> None:
        """Begin to move; returns at once."""
        for axis, target in targets.items():
            self._axis(axis).check(target)
        with self._lock:
            self._disturb()
            for axis, target in targets.items():
                self._send(axis, target, 1e-6 if self._stuck else self._axes[axis].speed * self._part)

    def is_moving(self, axis: str) -> bool:
        """Whether an axis is not yet at its target."""
        self._axis(axis)
        self._disturb()
        thing, home = self._moved_by(axis)
        now_ns = self._now_ns()
        return self._opened().motion(thing, now_ns, home).arrives_ns() > now_ns

    def halt(self) -> None:
        """Stop where it is."""
        with self._lock:
            for axis in self._axes:
                self._send(axis, self.position(axis), self._axes[axis].speed)

    def set_speed(self, axis: str, speed: float) -> float:
        """Set the speed of moves that begin from now on, units per second."""
        old = self._axis(axis)
        self._axes[axis] = Axis(name=axis, unit=old.unit, low=old.low, high=old.high, speed=speed)
        return speed

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: "error" once, or until "free" "stuck", in which moves never arrive, or "slow".

        Slow moves go at a `part` of the speed that the axis declares, by default half of it.
        """
        part = details.get("part", 1.0)
        if isinstance(part, int | float) and not 0 < part <= 1:
            raise BadInputError(f"fault {kind!r}: part must be above 0 and at most 1, not {part}")
        self._faults.inject(kind, details)

    def _send(self, axis: str, target: float, speed: float) -> None:
        thing, home = self._moved_by(axis)
        self._opened().move(thing, target, self._now_ns(), speed, home)

    def _moved_by(self, axis: str) -> tuple[str, float]:
        """Return what an axis moves in the world, and where that stands before it is moved."""
        made = self._made[axis]
        return made.thing or f"{axis}_{made.unit}", made.home

    def _axis(self, axis: str) -> Axis:
        if axis not in self._axes:
            raise BadInputError(f"no axis is called {axis!r}; {nearest(axis, self._axes)}")
        return self._axes[axis]

    def _now_ns(self) -> int:
        return self._context.clock.monotonic_ns()

    def _disturb(self) -> None:
        if (fault := self._faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        if self._faults.take("stuck") is not None:
            self._stuck = True
        if (fault := self._faults.take("slow")) is not None:
            self._part = float(fault["part"])
        if self._faults.take("free") is not None:
            self._stuck, self._part = False, 1.0

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError("the simulated stage is closed; open it first")
        return self._world


class SimulatedFocus(SimulatedStage):
    """Moves the focal plane: its position adds to the height of the focal plane above every bead."""

    Settings = FocusSettings
    THING = "focus_nm"
    HOME_NM = 0.0

    @staticmethod
    def axes_of(settings: FocusSettings) -> dict[str, SimulatedAxis]:
        """Return its one axis, z."""
        return {"z": _nanometres(settings, SimulatedFocus.THING, SimulatedFocus.HOME_NM)}


class SimulatedMagnet(SimulatedStage):
    """Moves the magnet: the higher, the smaller the force on the tethers. Turns leave them as they are."""

    Settings = MagnetSettings
    THING = "magnet_nm"
    HOME_NM = 2e6

    @staticmethod
    def axes_of(settings: MagnetSettings) -> dict[str, SimulatedAxis]:
        """Return its axes: its height z, and its rotation."""
        return {
            "z": _nanometres(settings, SimulatedMagnet.THING, SimulatedMagnet.HOME_NM),
            "rotation": SimulatedAxis(
                unit="turn",
                low=settings.low_turns,
                high=settings.high_turns,
                speed=settings.speed_turns_per_s,
                thing="magnet_turns",
            ),
        }


def _nanometres(settings: FocusSettings | MagnetSettings, thing: str, home: float) -> SimulatedAxis:
    return SimulatedAxis(
        unit="nm",
        low=settings.low_nm,
        high=settings.high_nm,
        speed=settings.speed_nm_per_s,
        home=home,
        thing=thing,
    )


def _axis(name: str, made: SimulatedAxis) -> Axis:
    return Axis(name=name, unit=made.unit, low=made.low, high=made.high, speed=made.speed)
