"""The host of channels: light path, light, power and exposure are set as one, and settled."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, MadeSafeError
from parfocal.core.protocols import Channels, HasSwitchTimes, SwitchesChannels
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.devices.lamps import POWER_WITHIN
from parfocal.ipc import RECEIVER, URGENT, command, current_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

_SWITCHED_OFF = "the lights were switched off meanwhile"


class ChannelsConfig(DeviceConfig):
    """Settings of a host of channels.

    Parameters
    ----------
    poll_s : float
        How often the light path is asked whether it has settled.
    settle_timeout_s : float
        A channel that has not settled after so long fails, in the dark.
    """

    device: str = "channel-presets"
    poll_s: Annotated[float, Field(gt=0, le=1)] = 0.002
    settle_timeout_s: Annotated[float, Field(gt=0)] = 10.0


class ChannelsHost(DeviceHost):
    """Sets channels by the names of their presets.

    A channel is set in the dark, and its light is let through when everything has settled: no frame that is
    exposed after `set_channel` has returned is dark or of two channels. What it returns is read back.
    """

    Config = ChannelsConfig
    protocol = Channels
    settings: ChannelsConfig
    device: Channels
    outputs = ("light",)
    _power: float | None = None  # that of the channel that is set, as it was read back; None if none is

    def surround(self, stack: ExitStack) -> None:
        """Note whether the channels can change no more than differs."""
        del stack
        self._switching = self.device if isinstance(self.device, SwitchesChannels) else None

    @command(lane="channel", effect="changes")
    def set_channel(
        self,
        name: str,
        exposure_ms: float | None = None,
        power: float | None = None,
        lit: bool = True,
        alone: bool = False,
    ) -> ChannelState:
        """Set a channel, wait until it has settled, let its light through; returns what is read back.

        An exposure or a power that is given replaces the preset's own; one that the channel does not take is
        refused before anything changes. Without `lit` its light stays behind the shutter. Cancelled, or
        failed, it is dark.

        Whoever uses the lights and the camera `alone`, as a run does that claims them, and sets the exposure
        with each frame, has no more changed than differs: lights that were left dark are not asked again, and
        the camera is not.

        Raises
        ------
        MadeSafeError
            If a light is switched off meanwhile.
        """
        since = self.times_made_safe
        try:
            with self.unless_made_safe(since, _SWITCHED_OFF):
                with self.lock:
                    settled = self._way_to_set(alone)(name, exposure_ms, power)
                self._power = None
                if settled is None:
                    self._settle(name)
                with self.lock:
                    self.check_not_made_safe(since, _SWITCHED_OFF)
                    lights = lit and self.device.presets[name].light
                    state = self.device.set_lit(True) if lights else settled or self.device.channel()
                self._check_is_set(name, power, lit, state)
        except BadInputError:  # nothing was changed
            raise
        except BaseException:
            self.device.make_safe()
            raise
        self._power = state.power
        return state

    @command(lane="channel", effect="changes")
    def open_shutter(self) -> ChannelState:
        """Let the light of the channel that is set reach the sample; returns what is read back.

        Raises
        ------
        MadeSafeError
            If it is switched off meanwhile, or was since the channel was set: that has to be set again.
        """
        return self._set_lit(not self.context.stopping.is_set())

    @command(lane="channel", effect="stops")
    def close_shutter(self) -> ChannelState:
        """Keep the light of the channel from the sample, its power as it is; returns what is read back."""
        return self._set_lit(False)

    @command(lane="channel", effect="changes")
    def restore(self, lit: bool = False) -> ChannelState:
        """Put back what was found before the first channel was set; light goes on again only if `lit`."""
        since, self._power = self.times_made_safe, None
        try:
            with self.unless_made_safe(since, _SWITCHED_OFF) if lit else nullcontext(), self.lock:
                self.device.restore(lit)
                state = self.device.channel()
        except BaseException:
            self.device.make_safe()
            raise
        return state

    @command(lane="channel", effect="reads")
    def channel(self) -> ChannelState:
        """Return what light, filter, power and exposure stand at, read back."""
        with self.lock:
            return self.device.channel()

    @command(lane=RECEIVER, effect="reads")
    def presets(self) -> dict[str, ChannelPreset]:
        """Return the channels by name."""
        return dict(self.device.presets)

    @command(lane="read", effect="reads")
    def switch_times(self) -> dict[str, dict[str, float]]:
        """Return how long each channel takes to become another, seconds; "" is how the light path stands now.

        Told by channels that declare it; of others it is how long they settle.
        """
        device, presets = self.device, self.device.presets
        with self.lock:
            return {
                before: {
                    after: device.switch_s(before, after)
                    if isinstance(device, HasSwitchTimes)
                    else preset.settle_s
                    for after, preset in presets.items()
                }
                for before in ("", *presets)
            }

    @command(lane=URGENT, effect="stops")
    def off(self) -> None:
        """Switch all lights of the channels off, also one that is just being set: that call fails."""
        self.make_safe()
        with self.lock:
            self.device.make_safe()

    def state(self) -> dict[str, Any]:
        """Return the channels, and the name of the one that is set."""
        return self.device.state()

    def _way_to_set(self, alone: bool) -> Callable[[str, float | None, float | None], ChannelState | None]:
        switching = self._switching
        return switching.switch_channel if alone and switching is not None else self.device.set_channel

    def _set_lit(self, lit: bool) -> ChannelState:
        """Open or close the shutter; failing, also where only the reading back does, all lights go off."""
        since = self.times_made_safe
        try:
            with self.unless_made_safe(since, _SWITCHED_OFF) if lit else nullcontext(), self.lock:
                state = self.device.set_lit(lit)
                if lit:
                    self._check_has_power(state)
        except BaseException:
            self.device.make_safe()
            raise
        return state

    def _check_has_power(self, state: ChannelState) -> None:
        """Raise `MadeSafeError` if a light that is let through lost its power after its channel was set."""
        if self._power and state.power == 0:
            raise MadeSafeError(f"light {state.light!r} stands at a power of 0 instead of {self._power}")

    def _settle(self, name: str) -> None:
        """Wait until everything has arrived; raises when the call is to end, or it takes too long."""
        clock, call = self.context.clock, current_call()
        end_ns = clock.monotonic_ns() + round(self.settings.settle_timeout_s * 1e9)
        while True:
            with self.lock:
                if self.device.is_settled():
                    return
            if clock.monotonic_ns() >= end_ns:
                raise DeviceTimeoutError(
                    f"channel {name!r} did not settle within {self.settings.settle_timeout_s:g} s"
                )
            call.check()
            clock.wait(self.context.stopping, self.settings.poll_s)
            if self.context.stopping.is_set():
                raise MadeSafeError(f"channels {self.context.service!r} are being closed")

    def _check_is_set(self, name: str, power: float | None, lit: bool, state: ChannelState) -> None:
        """Compare what is read back with what was asked for; `DeviceError` if it is not that.

        It is a `MadeSafeError` if all that is wrong is that it is dark.
        """
        preset = self.device.presets[name]
        wanted = preset.power if power is None else power
        wrong: list[str] = []
        dark: list[str] = []
        if preset.filter and state.filter != preset.filter:
            wrong.append(f"filter {state.filter!r} instead of {preset.filter!r}")
        if wanted is not None and (state.power is None or abs(state.power - wanted) > POWER_WITHIN):
            (dark if state.power == 0 else wrong).append(f"a power of {state.power} instead of {wanted}")
        if preset.light and lit and wanted != 0 and not state.lit:
            dark.append(f"light {preset.light!r} dark")
        if wrong or dark:
            kind = DeviceError if wrong else MadeSafeError
            raise kind(f"channel {name!r} was set, but has {', '.join((*wrong, *dark))}")
