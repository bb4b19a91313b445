"""Channels that are made of a rig's lights, its camera and a filter wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import BadInputError, ConfigError, DeviceError, nearest
from parfocal.core.protocols import HasSwitchTimes, LightPath
from parfocal.devices.lamps import ANSWER_S, FoundLight, Lamp
from parfocal.devices.limits import check_values
from parfocal.devices.registry import make_device
from parfocal.ipc import all_results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.core.channels import LightState
    from parfocal.devices.context import DeviceContext
    from parfocal.ipc import Call


class PresetSettings(BaseModel):
    """One channel, as a rig file writes it; see `parfocal.core.channels.ChannelPreset`.

    Parameters
    ----------
    light : str
        Name of a light service; "" for a channel without one: all lights are dark then.
    filter : str
        Of the light path; "" leaves it as it is.
    power : float or None
        0 to 1: every channel with a light has one.
    exposure_ms : float or None
        None for the exposure that was found when the first channel was set.
    settle_s : float
        How long to wait once everything has arrived.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    light: str = ""
    filter: str = ""
    power: Annotated[float | None, Field(ge=0, le=1)] = None
    exposure_ms: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0

    @model_validator(mode="after")
    def _power_belongs_to_a_light(self) -> Self:
        if bool(self.light) != (self.power is not None):
            raise ValueError("a channel has a light and its power, or neither")
        return self


class LightPathSettings(BaseModel):
    """The filter wheel: a device by its short name or "package.module:Class", and its options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    options: dict[str, Any] = {}


class ChannelSettings(BaseModel):
    """What channels there are, and what they are made of.

    Parameters
    ----------
    presets : dict
        A channel for each name.
    camera : str
        Name of the camera service whose exposure is set; "" for none.
    light_path : table or None
        The filter wheel, if there is one.
    lights : list of str
        Lights that have to be dark, beside those of the channels themselves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    presets: Annotated[dict[str, PresetSettings], Field(min_length=1)]
    camera: str = ""
    light_path: LightPathSettings | None = None
    lights: list[str] = []

    @model_validator(mode="after")
    def _presets_ask_for_what_there_is(self) -> Self:
        for name, preset in self.presets.items():
            if preset.filter and self.light_path is None:
                raise ValueError(f"channel {name!r} has a filter, but there is no light_path")
            if preset.exposure_ms is not None and not self.camera:
                raise ValueError(f"channel {name!r} has an exposure, but there is no camera")
        return self


class FoundState(NamedTuple):
    """What stood where before the first channel was set."""

    filter: str
    exposure_ms: float | None
    lights: dict[str, FoundLight]
    limits: dict[str, tuple[float, float]]  # that the camera declares


class ChannelPresets:
    """Channels of a light each, through a filter (a `parfocal.core.protocols.Channels`).

    It reaches lights and camera through their services, and owns the filter wheel. While a channel is set
    all of its lights are dark, but one that nothing changes for.

    Parameters
    ----------
    settings : ChannelSettings
        The channels.
    context : DeviceContext
        Clock, and the other services.
    """

    Settings = ChannelSettings

    def __init__(self, settings: ChannelSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        self._presets = {
            name: ChannelPreset(**preset.model_dump()) for name, preset in settings.presets.items()
        }
        self._path: LightPath | None = None
        if settings.light_path is not None:
            path = settings.light_path
            self._path = make_device(path.device, path.options, context, LightPath)
        self._lamps: dict[str, Lamp] = {}
        self._camera: Any = None
        self._found: FoundState | None = None
        self._opened = self._leaves_camera = False

    @property
    def presets(self) -> Mapping[str, ChannelPreset]:
        """The channels by name."""
        return self._presets

    def open(self) -> None:
        """Find lights and camera, and open the filter wheel."""
        self._name, self._found = "", None
        self._arrived_ns: int | None = None
        self._in_place = ""  # the filter that was selected last, once it had arrived
        if self._path is not None:
            self._path.open()
            self._check_filters(self._path.filters)
        lights = {*self._settings.lights, *(preset.light for preset in self._presets.values())} - {""}
        self._lamps = {name: Lamp(name, self._context.connect) for name in sorted(lights)}
        if self._settings.camera:
            self._camera = self._context.connect(self._settings.camera)
        self._opened = True

    def close(self) -> None:
        """Switch its lights off, and close the filter wheel."""
        if self._opened:
            self.make_safe()
        self._opened = False
        if self._path is not None:
            self._path.close()

    def make_safe(self) -> None:
        """Ask all lights to be off."""
        for lamp in tuple(self._lamps.values()):
            lamp.off()

    def state(self) -> dict[str, Any]:
        """Return the channels."""
        return {"device": "channel presets", **self._settings.model_dump(mode="json")}

    def switch_s(self, before: str, after: str) -> float:
        """Return how long one channel takes to become another: the way of its filter, and to settle.

        From "" it is the way of the filter that is in place now.
        """
        preset, path = self._presets[after], self._path
        moved_s = 0.0
        if preset.filter and isinstance(path, HasSwitchTimes):
            stands = self._presets[before].filter if before else ""
            moved_s = path.switch_s(stands or path.filter(), preset.filter)
        return moved_s + preset.settle_s

    def set_channel(
        self, name: str, exposure_ms: float | None = None, power: float | None = None
    ) -> ChannelState | None:
        """Begin to set a channel, in the dark; return what was read back if it has settled by then."""
        exposure = self._checked_exposure(name, exposure_ms, power)
        self._leaves_camera = False
        return self._begin(name, power, tuple(self._lamps.values()), exposure)

    def switch_channel(
        self, name: str, exposure_ms: float | None = None, power: float | None = None
    ) -> ChannelState | None:
        """Begin to set a channel as `set_channel` does, but ask neither the camera nor what it left dark.

        A filter that is in place is not selected again.
        """
        self._checked_exposure(name, exposure_ms, power)
        self._leaves_camera, power_of = True, self._power_of(name, power)
        lamps = tuple(lamp for lamp in self._lamps.values() if not lamp.stays_dark(power_of(lamp.name)))
        return self._begin(name, power, lamps, may_stay=True)

    def is_settled(self) -> bool:
        """Whether the filter has arrived, and the channel's own time has passed since."""
        self._check_open()
        preset, now_ns = self._presets.get(self._name), self._context.clock.monotonic_ns()
        if preset is None:
            return True
        if self._arrived_ns is None:
            if preset.filter and self._filter() != preset.filter:
                return False
            self._in_place, self._arrived_ns = preset.filter or self._in_place, now_ns
        return now_ns - self._arrived_ns >= preset.settle_s * 1e9

    def set_lit(self, lit: bool) -> ChannelState:
        """Let the light of the channel reach the sample, or not; return what everything stands at then.

        The filter is that in the way when the lamp was asked.
        """
        self._check_open()
        lamp = self._lamp()
        if lamp is None:
            return self.channel()
        asked = (lamp.begin_lit() if lit else lamp.begin_dark(), *self._begin_reading_camera())
        try:
            in_the_way = self._filter()  # read while the lamp does it
        finally:
            state, *exposure_ms = all_results(*asked)  # also if that fails: nothing is under way after it
        return self._state(lamp.note(state), in_the_way, *exposure_ms)

    def channel(self) -> ChannelState:
        """Return what everything stands at; not the exposure after `switch_channel`."""
        self._check_open()
        lamp, reading = self._lamp(), self._begin_reading_camera()
        if lamp is None:
            return self._state(None, self._filter(), *all_results(*reading))
        light, *exposure_ms = all_results(lamp.begin_reading(), *reading)
        return self._state(light, self._filter(), *exposure_ms)

    def restore(self, lit: bool = False) -> None:
        """Put back what was found; nothing, if no channel was set since."""
        self._check_open()
        found, self._name, self._leaves_camera = self._found, "", False
        if found is None:
            return
        lights = found.lights.items()
        darkened = [self._lamps[name].begin_dark(light.power) for name, light in lights]
        all_results(*darkened, *self._begin_exposure(found.exposure_ms))
        self._select(found.filter)
        all_results(*(self._lamps[name].begin_lit() for name, light in lights if lit and light.lit))
        self._found = None  # not before: who is asked may have ended, and all is put back once it is there

    def _begin(
        self,
        name: str,
        power: float | None,
        lamps: tuple[Lamp, ...],
        exposure_ms: float | None = None,
        *,
        may_stay: bool = False,
    ) -> ChannelState | None:
        """Begin to set a channel, with some lamps to be made dark, and an exposure for the camera or none.

        Its filter is selected when they are dark, unless it `may_stay` and is in place already.
        """
        preset, power_of = self._presets[name], self._power_of(name, power)
        darkened = [dark.begin_dark(power_of(dark.name)) for dark in lamps]
        asked = (*darkened, *self._begin_exposure(exposure_ms))
        try:
            stays = may_stay and self._stays(preset.filter)  # looked at while the lamps go dark
        finally:
            answers = all_results(*asked)  # also if that fails: nothing is under way after it
        for dark, state in zip(lamps, answers, strict=False):
            dark.note(state)
        if not stays:
            self._select(preset.filter)
        self._name, self._arrived_ns = name, self._context.clock.monotonic_ns() if stays else None
        if not self.is_settled():
            return None
        lamp = self._lamp()
        light = None if lamp is None else lamp.state
        return self._state(light, preset.filter or self._filter(), *answers[len(lamps) :])

    def _select(self, filter_name: str) -> None:
        """Begin to bring a filter into the way; "" leaves the one that is there."""
        if self._path is not None and filter_name:
            self._in_place = ""
            self._path.select(filter_name)

    def _stays(self, filter_name: str) -> bool:
        """Whether a filter was selected last, and is in the way."""
        return filter_name != "" and filter_name == self._in_place == self._filter()

    def _filter(self) -> str:
        """Return the filter that is in the way; "" while one moves, and without a wheel."""
        return "" if self._path is None else self._path.filter()

    def _power_of(self, name: str, power: float | None) -> Callable[[str], float | None]:
        """Return what tells the power that a light is to have in a channel; None for other lights."""
        preset = self._presets[name]
        return {preset.light: _first(power, preset.power)}.get

    def _checked_exposure(self, name: str, exposure_ms: float | None, power: float | None) -> float | None:
        """Return the exposure of a channel, None for no camera, or say what is wrong; note what was found."""
        self._check_open()
        preset = self._checked(name, exposure_ms, power)
        found = self._found or self._read_found()
        exposure = exposure_ms or preset.exposure_ms or found.exposure_ms
        if exposure is not None:
            check_values(found.limits, {"exposure_ms": exposure})
        self._found = found
        return exposure

    def _checked(self, name: str, exposure_ms: float | None, power: float | None) -> ChannelPreset:
        """Return a preset that takes these values, or say what is wrong with them."""
        if name not in self._presets:
            raise BadInputError(f"no channel is called {name!r}; {nearest(name, self._presets)}")
        preset = self._presets[name]
        if power is not None and not preset.light:
            raise BadInputError(f"channel {name!r} has no light that could take a power of {power}")
        if power is not None and not 0 <= power <= 1:
            raise BadInputError(f"channel {name!r}: the power must lie from 0 to 1, not {power}")
        if exposure_ms is not None and self._camera is None:
            raise BadInputError(
                f"channel {name!r} sets no camera that could take an exposure of {exposure_ms}"
            )
        if exposure_ms is not None and not 0 < exposure_ms < float("inf"):
            raise BadInputError(f"channel {name!r}: exposure_ms must be positive, not {exposure_ms}")
        return preset

    def _read_found(self) -> FoundState:
        lamps = self._lamps.values()
        states = all_results(*(lamp.begin_reading() for lamp in lamps))
        exposure_ms, limits = None, {}
        if self._camera is not None:
            exposure_ms = self._camera.exposure_ms(timeout_s=ANSWER_S)
            limits = self._camera.declared_limits(timeout_s=ANSWER_S)
        return FoundState(
            filter=self._filter(),
            exposure_ms=exposure_ms,
            lights={lamp.name: lamp.found(state) for lamp, state in zip(lamps, states, strict=True)},
            limits=limits,
        )

    def _begin_reading_camera(self) -> list[Call]:
        """Ask the camera for its exposure, unless there is none, or it is somebody else's business."""
        asks = self._camera is not None and not self._leaves_camera
        return [self._submit_to_camera("exposure_ms")] if asks else []

    def _state(
        self, light: LightState | None, filter_name: str, exposure_ms: float | None = None
    ) -> ChannelState:
        """Return what everything stands at, of what its lamp, the wheel and the camera have answered."""
        lamp = self._lamp()
        found = None if lamp is None or light is None else lamp.found(light)
        return ChannelState(
            name=self._name,
            light=lamp.name if lamp else "",
            filter=filter_name,
            power=found.power if found else None,
            exposure_ms=exposure_ms,
            lit=found.lit if found else False,
        )

    def _begin_exposure(self, exposure_ms: float | None) -> list[Call]:
        """Ask the camera for an exposure; for None, nothing."""
        return [] if exposure_ms is None else [self._submit_to_camera("set_exposure_ms", exposure_ms)]

    def _submit_to_camera(self, command: str, *values: float) -> Call:
        call: Call = self._camera.submit(command, *values, timeout_s=ANSWER_S)
        return call

    def _lamp(self) -> Lamp | None:
        preset = self._presets.get(self._name)
        return self._lamps[preset.light] if preset is not None and preset.light else None

    def _check_filters(self, filters: tuple[str, ...]) -> None:
        for name, preset in self._presets.items():
            if preset.filter and preset.filter not in filters:
                raise ConfigError(
                    f"channel {name!r} has no filter {preset.filter!r}; {nearest(preset.filter, filters)}"
                )

    def _check_open(self) -> None:
        if not self._opened:
            raise DeviceError("the channels are closed; open them first")


def _first(value: float | None, otherwise: float | None) -> float:
    """Return a value that was given, 0 included, or the other one."""
    return (otherwise or 0.0) if value is None else value
