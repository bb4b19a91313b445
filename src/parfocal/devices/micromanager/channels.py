"""The channels of a core: the presets of one of its config groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.limits import check_values
from parfocal.devices.micromanager.core_devices import is_same
from parfocal.devices.micromanager.core_presets import PresetValue
from parfocal.devices.micromanager.core_service import ANSWER_S, CoreDevice, CoreDeviceSettings
from parfocal.ipc import all_results

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

_LIMITS = dict[str, tuple[float, float]]
_GROUPS = dict[str, dict[str, tuple[PresetValue, ...]]]
ExposureMs = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_RESHAPING = ("Binning", "PixelType", "BitDepth", "OnCameraCCDXSize", "OnCameraCCDYSize", "ROI")
"""Properties of a camera that change what frames look like."""


class CoreChannelSettings(CoreDeviceSettings):
    """Which config group, and what its presets do not say.

    Parameters
    ----------
    group : str
        Whose presets are the channels.
    light : str
        The light service of the core's shutter; "" if the channels have none, and nothing opens it.
    exposures_ms : dict
        The exposure of channels that have one of their own.
    settle_s : float
        How long to wait once the devices of a preset say that they have arrived.
    """

    group: str = "Channel"
    light: str = ""
    exposures_ms: dict[str, ExposureMs] = Field(default_factory=dict)
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0


class CoreChannels(CoreDevice):
    """Channels that are presets of a config group (a `parfocal.core.protocols.Channels`).

    A preset is set while all shutters are closed, and each of its values is read back. One that changes what
    frames look like is refused.
    """

    Settings = CoreChannelSettings
    what = "set of channels"

    def __init__(self, settings: CoreChannelSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._presets: dict[str, ChannelPreset] = {}
        self._limits: _LIMITS = {}
        self._name = ""
        self._found: tuple[str, float] | None = None  # preset and exposure
        self._arrived_ns: int | None = None

    @property
    def presets(self) -> Mapping[str, ChannelPreset]:
        """The channels by name."""
        return self._presets

    def find(self) -> None:
        """Ask for the presets of the group, and look whether they change frames."""
        self._read_presets()
        self._name, self._found, self._arrived_ns = "", None, None

    def make_safe(self) -> None:
        """Close all shutters. Any thread."""
        self.ask_safe("close_shutter")

    def state(self) -> dict[str, Any]:
        """Return the group, and its presets."""
        return {"device": "config group of Micro-Manager", **self._settings.model_dump(mode="json")}

    def set_channel(
        self, name: str, exposure_ms: float | None = None, power: float | None = None
    ) -> ChannelState | None:
        """Begin to set a preset, with all shutters closed; return what is read back if it has settled."""
        core = self.core
        preset = self._checked(name, exposure_ms, power)
        found = self._found or self._read_found()
        wanted_ms = exposure_ms or preset.exposure_ms or found[1]
        check_values(self._limits, {"exposure_ms": wanted_ms})
        self._found = found
        begun = core.submit("begin_preset", self._settings.group, name, timeout_s=ANSWER_S)
        exposing = core.submit("set_exposure_ms", wanted_ms, timeout_s=ANSWER_S)
        arrived, made_ms = all_results(begun, exposing)
        self._name, self._arrived_ns = name, self._clock.monotonic_ns() if arrived else None
        return self._state(made_ms, lit=False) if self.is_settled() else None

    def is_settled(self) -> bool:
        """Whether its devices have arrived, and the settling time has passed since."""
        core, now_ns = self.core, self._clock.monotonic_ns()
        if not self._name:
            return True
        if self._arrived_ns is None:
            if not core.preset_arrived(self._settings.group, self._name, timeout_s=ANSWER_S):
                return False
            self._arrived_ns = now_ns
        return now_ns - self._arrived_ns >= self._settings.settle_s * 1e9

    def set_lit(self, lit: bool) -> ChannelState:
        """Open the core's shutter, or close all; return what everything stands at then."""
        core = self.core
        if self._settings.light:
            change = core.open_shutter if lit else core.close_shutter
            change(timeout_s=ANSWER_S)
        return self.channel()

    def channel(self) -> ChannelState:
        """Return the preset, the exposure, and whether a shutter is open, read back."""
        core = self.core
        asked = [core.submit(what, timeout_s=ANSWER_S) for what in ("exposure_ms", "shutter_is_open")]
        exposure_ms, opened = all_results(*asked)
        return self._state(exposure_ms, lit=bool(opened and self._settings.light and self._name))

    def restore(self, lit: bool = False) -> None:
        """Put the preset back that was found, and the exposure; the shutter is opened only if `lit`."""
        core, found, self._name = self.core, self._found, ""
        if found is None:
            return
        preset, exposure_ms = found
        core.close_shutter(timeout_s=ANSWER_S)
        if preset:
            core.set_preset(self._settings.group, preset, timeout_s=2 * ANSWER_S)
        core.set_exposure_ms(exposure_ms, timeout_s=ANSWER_S)
        if lit and self._settings.light:
            core.open_shutter(timeout_s=ANSWER_S)
        self._found = None

    def _read_presets(self) -> None:
        core, settings = self.core, self._settings
        groups: _GROUPS = core.config_groups(timeout_s=ANSWER_S, returns=_GROUPS)
        if settings.group not in groups:
            raise DeviceError(
                f"there is no config group {settings.group!r}; {nearest(settings.group, groups)}"
            )
        properties: dict[str, str] = core.camera_properties(timeout_s=ANSWER_S)
        camera: str = core.camera_label(timeout_s=ANSWER_S)
        presets = groups[settings.group]
        if unknown := [name for name in settings.exposures_ms if name not in presets]:
            raise DeviceError(
                f"exposures_ms: group {settings.group!r} has no preset {unknown[0]!r}; "
                f"{nearest(unknown[0], presets)}"
            )
        self._limits = core.declared_limits(timeout_s=ANSWER_S, returns=_LIMITS)
        self._presets = {
            name: ChannelPreset(
                light=settings.light,
                exposure_ms=settings.exposures_ms.get(name),
                settle_s=settings.settle_s,
                refused=_refusal(values, camera, properties),
            )
            for name, values in presets.items()
        }

    def _checked(self, name: str, exposure_ms: float | None, power: float | None) -> ChannelPreset:
        if name not in self._presets:
            raise BadInputError(f"no channel is called {name!r}; {nearest(name, self._presets)}")
        preset = self._presets[name]
        if preset.refused:
            raise BadInputError(f"channel {name!r} {preset.refused}")
        if power is not None:
            raise BadInputError(f"channel {name!r} has no light that could take a power of {power}")
        if exposure_ms is not None and not 0 < exposure_ms < float("inf"):
            raise BadInputError(f"channel {name!r}: exposure_ms must be positive, not {exposure_ms}")
        return preset

    def _read_found(self) -> tuple[str, float]:
        core, group = self.core, self._settings.group
        preset = core.submit("current_preset", group, timeout_s=ANSWER_S)
        exposure = core.submit("exposure_ms", timeout_s=ANSWER_S)
        found, exposure_ms = all_results(preset, exposure)
        return str(found), float(exposure_ms)

    def _state(self, exposure_ms: float, *, lit: bool) -> ChannelState:
        light = self._settings.light if self._name else ""
        return ChannelState(name=self._name, light=light, exposure_ms=exposure_ms, lit=lit)


def _refusal(values: tuple[PresetValue, ...], camera: str, properties: Mapping[str, str]) -> str:
    """Return why a preset cannot be a channel; "" if it can."""
    for device, name, value in values:
        reshapes = device == camera and name in _RESHAPING
        if reshapes and not is_same(value, properties.get(name, value)):
            return (
                f"sets {name} of the camera to {value!r}, which is {properties[name]!r}: it would change "
                "what frames look like in the middle of a run; set it before, and choose the other presets"
            )
    return ""
