"""A stage of a core: its XY stage, its focus, or another one of one axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.protocols import Axis
from parfocal.devices.micromanager.core_commands import CorePlace
from parfocal.devices.micromanager.core_service import ANSWER_S, CoreDevice, CoreDeviceSettings

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

_MOVES_WITHIN_S = 60.0
"""An adapter may return only when its stage is there."""


class CoreAxis(BaseModel):
    """An axis, of which Micro-Manager tells neither limits nor speed.

    Parameters
    ----------
    limits : (float, float)
        The lowest and the highest position, um.
    speed : float
        At which it moves, um/s: the time limit of a move is computed from it.
    tolerance : float or None
        How far from its target it has arrived, um; None for a millionth of its range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: tuple[float, float]
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    tolerance: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None


class CoreStageSettings(CoreDeviceSettings):
    """Which stage, and its axes.

    Parameters
    ----------
    stage : str
        Its label in the configuration; "" for the core's own XY stage, or focus.
    axes : dict
        ``x`` and ``y`` of an XY stage, or the one axis of another.
    """

    stage: str = ""
    axes: Annotated[dict[str, CoreAxis], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _are_those_of_a_stage(self) -> Self:
        if len(self.axes) == 2 and set(self.axes) != {"x", "y"}:
            raise ValueError(f"a stage of two axes has x and y, not {' and '.join(self.axes)}")
        return self


class CoreStage(CoreDevice):
    """A stage (a `parfocal.core.protocols.Stage`) whose adapter says whether it is busy.

    It has arrived when it is not busy and reads its target: one that stops short of that is on its way until
    the time limit of its move is over.
    """

    Settings = CoreStageSettings
    what = "stage"

    def __init__(self, settings: CoreStageSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._settings = settings
        names = ("x", "y") if len(settings.axes) == 2 else tuple(settings.axes)
        self._axes = {name: _axis(name, settings.axes[name]) for name in names}
        self._targets: dict[str, float] = {}
        self._sent: CorePlace | None = None
        self._label = ""  # in the configuration that was loaded when it was read last

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its axes, as the rig file has them."""
        return tuple(self._axes.values())

    def find(self) -> None:
        """Find it in the core."""
        self._targets = {}
        self._read()

    def make_safe(self) -> None:
        """Halt, if it moves."""
        self.halt()

    def state(self) -> dict[str, Any]:
        """Return its label in the configuration."""
        return {"device": "stage of Micro-Manager", "stage": self._label}

    def position(self, axis: str) -> float:
        """Return the position read back, um."""
        self._axis(axis)
        return self._read()[0][axis]

    def move_to(self, targets: Mapping[str, float]) -> None:
        """Begin to move all axes that `targets` names, together."""
        for name, target in targets.items():
            self._axis(name).check(target)
        core = self.core
        here = self._read()[0] if len(targets) < len(self._axes) else {}
        stays = here and not self._targets
        if stays and all(self._is_at(name, target, here) for name, target in targets.items()):
            return
        wanted = {**here, **self._targets, **targets}
        self._targets = {**self._targets, **targets}
        send = core.send_xy if len(self._axes) == 2 else core.send_z
        try:
            ends = (wanted[name] for name in self._axes)
            self._sent = send(self._settings.stage, *ends, timeout_s=_MOVES_WITHIN_S, returns=CorePlace)
        except BaseException:
            self._targets = {}
            raise

    def is_moving(self, axis: str) -> bool:
        """Whether it is busy, or not yet at its target."""
        self._axis(axis)
        target = self._targets.get(axis)
        if target is None:
            return False
        sent, self._sent = self._sent, None  # how it stood just after it was sent: it need not be asked again
        here, busy = self._read() if sent is None else self._told(sent)
        if busy or not self._is_at(axis, target, here):
            return True
        self._targets.pop(axis, None)
        return False

    def halt(self) -> None:
        """Stop it where it is, if it moves. Any thread."""
        self._targets, moved = {}, bool(self._targets)
        if moved:
            self.ask_safe("halt_stage", self._settings.stage, len(self._axes))

    def _read(self) -> tuple[dict[str, float], bool]:
        place: CorePlace = self.core.stage_place(
            self._settings.stage, len(self._axes), timeout_s=ANSWER_S, returns=CorePlace
        )
        return self._told(place)

    def _told(self, place: CorePlace) -> tuple[dict[str, float], bool]:
        self._label = place.stage
        return dict(zip(self._axes, place.position_um, strict=True)), place.busy

    def _is_at(self, name: str, target: float, here: Mapping[str, float]) -> bool:
        axis = self._axes[name]
        tolerance = self._settings.axes[name].tolerance or 1e-6 * (axis.high - axis.low)
        return abs(here[name] - target) <= tolerance

    def _axis(self, name: str) -> Axis:
        if name not in self._axes:
            raise BadInputError(f"the stage has no axis {name!r}; {nearest(name, self._axes)}")
        return self._axes[name]


def _axis(name: str, settings: CoreAxis) -> Axis:
    low, high = settings.limits
    return Axis(name=name, unit="um", low=low, high=high, speed=settings.speed)
