"""A stage, focus or other motor of python-microscope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, ConfigError, DeviceError, nearest
from parfocal.core.protocols import Axis, Unit
from parfocal.devices.microscope.background import BackgroundCalls
from parfocal.devices.microscope.driver import DriverSettings, asking, enable, finite
from parfocal.devices.microscope.driver_device import DriverDevice
from parfocal.devices.microscope.setting_values import Value
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

_ENDS_WITHIN_S = 1.0


class DriverAxis(BaseModel):
    """One axis, and what the driver does not tell of it.

    Parameters
    ----------
    driver_axis : str
        What the driver calls it; "" if the same as here.
    unit : {"nm", "um", "mm", "deg", "turn"}
        Of its positions here.
    driver_units : float
        How many of the driver's units are one of these: 1000 for a driver that counts nm, and um here.
    speed : float
        How fast it moves, units per second: the time limit of a move is computed from it.
    limits : tuple of float, optional
        The lowest and the highest position, within those of the driver.
    tolerance : float, optional
        So close to its target it has arrived; a millionth of its range if nothing is said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver_axis: str = ""
    unit: Unit
    driver_units: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    limits: tuple[float, float] | None = None
    tolerance: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None


class DriverStageSettings(DriverSettings):
    """Which stage, and its axes.

    Parameters
    ----------
    axes : dict
        Those that are used, by the names that they have here.
    may_move_when_opened : bool
        Whether the driver may move it to find its zero. Without this, one that would is refused.
    """

    axes: Annotated[dict[str, DriverAxis], Field(min_length=1)]
    may_move_when_opened: bool = False


class DriverStage(DriverDevice):
    """A stage (a `parfocal.core.protocols.Stage`): moves are made in a thread of their own.

    The library has no command to stop. `halt` sends an axis to where it is read to be; a driver whose moves
    return only when they are done can't hear that: it ends the move, and begins no other.
    """

    Settings = DriverStageSettings
    kind = "Stage"

    def __init__(self, settings: DriverStageSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._axes: dict[str, Axis] = {}
        self._targets: dict[str, float] = {}
        self._calls: BackgroundCalls | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its axes, as they were when it was opened."""
        return tuple(self._axes.values())

    def close(self) -> None:
        """Halt, and shut the driver down."""
        try:
            if self._calls is not None:
                self.halt()
                self._calls.close(_ENDS_WITHIN_S)
                self._calls = None
        finally:
            super().close()

    def make_safe(self) -> None:
        """Halt, if it is open."""
        if self._calls is not None:
            self.halt()

    def position(self, axis: str) -> float:
        """Return the position read back, in the unit of the axis."""
        self._axis(axis)
        said, units = self._driver_axis(axis), self._settings.axes[axis].driver_units
        with asking(self._named, f"tell the position of axis {axis!r}"):
            return float(self._opened().axes[said].position) / units

    def move_to(self, targets: Mapping[str, float]) -> None:
        """Begin to move all axes that `targets` names, together; returns at once."""
        for name, target in targets.items():
            self._axis(name).check(target)
        calls = self._open_calls()
        busy = {**self._targets, **calls.busy()}
        away = {
            name: target
            for name, target in targets.items()
            if name in busy or not self._has_arrived(name, target)
        }
        if away:
            self._targets = {**self._targets, **away}
            calls.submit(self._go, away)

    def is_moving(self, axis: str) -> bool:
        """Whether a move is under way, or the axis is not yet at its target. Raises what the move raised."""
        self._axis(axis)
        if axis in self._open_calls().targets():
            return True
        if axis in self._targets and self._has_arrived(axis, self._targets[axis]):
            self._targets = {name: target for name, target in self._targets.items() if name != axis}
        return axis in self._targets

    def halt(self) -> None:
        """Stop every axis that moves where it is, if the driver can; returns at once. Any thread."""
        calls = self._calls
        if calls is None:
            return
        moving, self._targets = {**self._targets, **calls.busy()}, {}
        if moving:
            calls.replace(self._stop, moving)

    @command(effect="changes")
    def set_driver_setting(self, name: str, value: Value) -> Value | None:
        """Set one of the driver's own settings; returns what is read back."""
        return self._set(name, value)

    def _begin(self) -> None:
        driver = self._driver
        with asking(self._named, "tell whether it moves when it is enabled"):
            moves = driver.may_move_on_enable()
        if moves and not self._settings.may_move_when_opened:
            raise DeviceError(
                f"{self._named} may move when it is enabled, to find its zero: see that nothing is in its "
                f"way, and set the option may_move_when_opened = true"
            )
        enable(driver, self._named)
        self._axes = {name: self._read_axis(name, each) for name, each in self._settings.axes.items()}
        self._targets = {}
        self._calls = BackgroundCalls(f"{self._named} moves")

    def _read_axis(self, name: str, settings: DriverAxis) -> Axis:
        said, there = self._driver_axis(name), self._driver.axes
        if said not in there:
            raise ConfigError(f"{self._named} has no axis {said!r}; {nearest(said, there)}")
        with asking(self._named, f"tell the limits of axis {name!r}"):
            bounds = [finite(bound) for bound in there[said].limits]
        low, high = self._checked_limits(name, settings, bounds)
        return Axis(name=name, unit=settings.unit, low=low, high=high, speed=settings.speed)

    def _checked_limits(
        self, name: str, settings: DriverAxis, bounds: list[float | None]
    ) -> tuple[float, float]:
        """Return the limits of an axis: those of the driver, unless narrower ones are given."""
        own = [None if bound is None else bound / settings.driver_units for bound in bounds]
        if settings.limits is None:
            if own[0] is None or own[1] is None:
                raise ConfigError(f"{self._named} has no limits for axis {name!r}: give it `limits`")
            return own[0], own[1]
        low, high = settings.limits
        if (own[0] is not None and low < own[0]) or (own[1] is not None and high > own[1]):
            raise ConfigError(
                f"axis {name!r}: limits {low} to {high} {settings.unit} go beyond those of {self._named}, "
                f"{own[0]} to {own[1]}"
            )
        return low, high

    def _go(self, targets: Mapping[str, Any]) -> None:
        """Move axes, for as long as the driver takes for that."""
        given = {
            self._driver_axis(name): target * self._settings.axes[name].driver_units
            for name, target in targets.items()
        }
        with asking(self._named, f"move to {dict(targets)}"):
            self._opened().move_to(given)

    def _stop(self, targets: Mapping[str, Any]) -> None:
        """Send axes to where they are now."""
        self._go({name: self._within(name, self.position(name)) for name in targets})

    def _has_arrived(self, name: str, target: float) -> bool:
        axis, settings = self._axes[name], self._settings.axes[name]
        tolerance = settings.tolerance or 1e-6 * (axis.high - axis.low)
        return abs(self.position(name) - target) <= tolerance

    def _within(self, name: str, position: float) -> float:
        return min(max(position, self._axes[name].low), self._axes[name].high)

    def _driver_axis(self, name: str) -> str:
        return self._settings.axes[name].driver_axis or name

    def _axis(self, name: str) -> Axis:
        self._opened()
        if name not in self._axes:
            raise BadInputError(f"{self._named} has no axis {name!r}; {nearest(name, self._axes)}")
        return self._axes[name]

    def _open_calls(self) -> BackgroundCalls:
        if self._calls is None:
            raise DeviceError(f"{self._named} is closed; open it first")
        return self._calls
