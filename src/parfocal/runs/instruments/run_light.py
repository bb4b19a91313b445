"""The light of a run: channels, shutters, lamps; leased to it, and dark while nothing is exposed."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgspec

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import CommandError
from parfocal.ipc import PendingCalls
from parfocal.runs.instruments.shared_instruments import SharedInstruments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from parfocal.core.clock import Clock
    from parfocal.ipc import Call, OutputLease
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event, EventLight

_LIMITS = dict[str, tuple[float, float]]
_LEASE_S = 1.0
_LIGHT = "light"
_CALLS_OF_SHUTTER = 3
"""What a shutter takes beside its motion, in calls: to the lamp, whose hardware is told and read back."""
_SETTLE_S = 15.0
"""The service of channels gives up by itself before."""


class LightTimes(NamedTuple):
    """How long changes of the light take, in seconds.

    Attributes
    ----------
    switch_s : dict of str to (dict of str to float)
        From one channel to another.
    shutter_s : float
        To hold the light back, or to let it through.
    kept_as : str
        Under which name measurements of them are kept.
    """

    switch_s: Mapping[str, dict[str, float]] = MappingProxyType({})
    shutter_s: float = 0.0
    kept_as: str = "light"


class RunLight:
    """What lights the frames of one run. One thread at a time, but for `dark`.

    A light that no channel switches is as it was found during exposures, and dark at the end.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls the services.
    clock : Clock
        By which it is told how long a change takes.
    channels : str
        The service of channels; "" for none.
    lights : tuple of str
        The services of lights.
    modulator : str
        The service of the modulator before one of them; "" for none. It is blank where the light is off.
    use : SharedInstruments, optional
        What is known to all runs that share the lights.

    Attributes
    ----------
    power : float or None
        Of the channel that is set, as read back last.
    set_within_s : float or None
        How long the channel that was set last was waited for; None if it was set already.
    lit_within_s : float or None
        How long it took to let the light through when that was asked for last; None if it was through.
    """

    def __init__(
        self,
        calls: InstrumentCalls,
        clock: Clock,
        channels: str,
        lights: tuple[str, ...],
        modulator: str = "",
        use: SharedInstruments | None = None,
    ) -> None:
        self._calls, self._clock = calls, clock
        self._use = use or SharedInstruments()
        self._channels, self._lights, self._modulator = channels, lights, modulator
        self._presets: dict[str, ChannelPreset] = {}
        self._found: dict[str, float] = {}
        self._leases: dict[tuple[str, str], OutputLease] = {}
        self._set: EventLight | None = None
        self._begun: tuple[EventLight, Call] | None = None  # a channel that is being set already
        self._lit = False
        self._doubted = False  # whether somebody may have set something else since
        self._offs = PendingCalls()  # asked for by `dark`
        self.power: float | None = None
        self.set_within_s: float | None = None
        self.lit_within_s: float | None = None

    def learn(self) -> dict[str, ChannelPreset] | None:
        """Ask which channels there are, and return them; None without a service of them."""
        if not self._channels:
            return None
        self._presets = self._calls.ask(self._channels, "presets", returns=dict[str, ChannelPreset])
        return self._presets

    def powers(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest power of each light that tells them, lights of channels too."""
        lights = sorted(self.lamps.union(self._lights))
        told = {light: self._calls.ask(light, "declared_limits", returns=_LIMITS) for light in lights}
        return {light: limits["fraction"] for light, limits in told.items() if "fraction" in limits}

    @property
    def lamps(self) -> frozenset[str]:
        """The lights of the channels."""
        return frozenset(preset.light for preset in self._presets.values()) - {""}

    def times(self, calls_s: Mapping[str, float]) -> LightTimes:
        """Return how long changes of the light take, as declared, and with what calls take.

        Whoever sets a channel asks all lamps at once.

        Parameters
        ----------
        calls_s : mapping of str to float
            How long a call to each service takes; one that is not named, none.
        """
        if not self._channels:
            return LightTimes()
        lamps = self.lamps
        lamp_s = max((calls_s.get(lamp, 0.0) for lamp in lamps), default=0.0)
        shutter_s = max((self._calls.declared_times(lamp).get("shutter", 0.0) for lamp in lamps), default=0.0)
        set_s = calls_s.get(self._channels, 0.0) + _CALLS_OF_SHUTTER * lamp_s
        declared = self._calls.ask(self._channels, "switch_times", returns=dict[str, dict[str, float]])
        switch_s = {
            before: {after: seconds + set_s for after, seconds in row.items()}
            for before, row in declared.items()
        }
        return LightTimes(switch_s, shutter_s + set_s, self._kept_as(declared))

    def _kept_as(self, declared: dict[str, dict[str, float]]) -> str:
        """Return under which name measured times of the light are kept: they are of these channels."""
        known = msgspec.json.encode((self._presets, {**declared, "": {}}), order="sorted")
        return f"{self._channels} {crc32(known):08x}"

    @property
    def exposures_ms(self) -> dict[str, float]:
        """The exposure of each channel that has one."""
        presets = self._presets.items()
        return {name: preset.exposure_ms for name, preset in presets if preset.exposure_ms is not None}

    def open(self, *, leased: bool) -> None:
        """Lease every light, unless somebody else does, and note the power of what no channel switches."""
        self._use.untouched = False
        outputs = [(light, "") for light in self._lights]
        outputs += [(self._channels, _LIGHT)] if self._channels else []
        outputs += [(self._modulator, "")] if self._modulator else []
        if self._modulator:
            self._calls.ask(self._modulator, "blank")
        for service, output in outputs if leased else ():
            self._lease(service, output)
        switched = {preset.light for preset in self._presets.values()}
        others = [light for light in self._lights if light not in switched]
        self._found = {light: self._calls.ask(light, "power") for light in others}
        self._lit = True

    @property
    def services(self) -> tuple[str, ...]:
        """All that it takes: channels, lights, and the modulator."""
        return tuple(filter(None, (self._channels, *self._lights, self._modulator)))

    @property
    def is_held_open(self) -> bool:
        """Whether the light of a channel is let through: `shade` would hold it back."""
        return self._lit and self._set is not None

    @property
    def channel(self) -> EventLight | None:
        """The channel that is set, lit or not; None if none is, or nobody knows."""
        return None if self._doubted else self._set

    @property
    def lost(self) -> dict[str, str]:
        """Why each service was made safe that has ended a lease."""
        return {service: lease.lost for (service, _), lease in self._leases.items() if lease.lost}

    def knows_power(self, services: Iterable[str]) -> bool:
        """Whether any of these services is a light that no channel switches, whose power was noted."""
        return not self._found.keys().isdisjoint(services)

    def renew(self) -> str:
        """Lease again what was lost; return which service had lost it, "" if none.

        Its process has ended, or another one for whose end it was made safe, or this one stood still: in any
        case it has been dark.

        Raises
        ------
        CommandError
            If the service is not back in time.
        InstrumentRestartedError
            If it ends once more.
        """
        lost = [place for place, lease in self._leases.items() if lease.lost]
        for service, output in lost:
            self.dark()
            self._calls.wait_for(service)
            self._lease(service, output)
        return lost[0][0] if lost else ""

    def exposure_ms(self, event: Event) -> float | None:
        """Return the exposure of an event: its own, or that of its channel."""
        if event.exposure_ms is not None or not event.channel:
            return event.exposure_ms
        return self._presets[event.channel].exposure_ms

    def is_set(self, event: Event) -> bool:
        """Whether the light path is as an event wants it, lit or not."""
        return not event.channel or self.channel == event.light

    def begin(self, event: Event) -> None:
        """Have the channel of an event set, in the dark; `setting` waits for it.

        Whoever sets another one instead, or switches off, need not care.
        """
        if not self.is_set(event):
            self._begun = event.light, self._begin_setting(event.light)

    def _begin_setting(self, channel: EventLight) -> Call:
        self._set, self._lit, self._doubted = None, False, False
        self._offs.wait()
        alone, self._use.untouched = self._is_alone, True
        return self._calls.begin(
            self._channels, "set_channel", *channel, False, alone, limit_s=_SETTLE_S, returns=ChannelState
        )

    @property
    def _is_alone(self) -> bool:
        """Whether nobody else has used the lights since a channel was set: no more is set than differs."""
        return self._use.untouched and not self._use.forced and self.lamps.issubset(self._lights)

    @contextmanager
    def setting(self, event: Event) -> Iterator[None]:
        """Have the channel of an event set, in the dark, while the block runs; it has settled at the end."""
        begun, self._begun = self._begun, None
        self.set_within_s = None
        if self.is_set(event):
            yield
            return
        is_begun = begun is not None and begun[0] == event.light
        call = begun[1] if begun is not None and is_begun else self._begin_setting(event.light)
        began_ns = self._clock.monotonic_ns()
        try:
            yield
        except BaseException:
            self._calls.give_up(call)
            raise
        self._has_set(event.light, call)
        self.set_within_s = max(0, call.ended_ns - began_ns) * 1e-9

    def _has_set(self, channel: EventLight, call: Call) -> None:
        """Wait until a channel is set."""
        state: ChannelState = self._calls.result(call)
        self._set, self.power = channel, state.power

    def bring_back(self, channel: EventLight | None) -> None:
        """Lease again what was lost, and let the light through as it was: that of `channel`, if one was set.

        Raises as `renew`, and as `setting`; then all is switched off.
        """
        self.renew()
        if channel is not None and self._set != channel:
            self._has_set(channel, self._begin_setting(channel))
        self.light_up()

    def light_up(self) -> None:
        """Let the light through; failing, all is switched off, and no channel is set."""
        with self.lighting_up():
            pass

    @contextmanager
    def lighting_up(self) -> Iterator[None]:
        """Have the light let through while the block runs: it is at the end.

        If the block or the light fails, all is switched off, and no channel is set.
        """
        self.lit_within_s = None
        if self._lit and not self._doubted:
            yield
            return
        self._offs.wait()
        opens, began_ns = self._set is not None and not self._lit, self._clock.monotonic_ns()
        lit: list[Call] = []
        try:
            for light, power in self._found.items():
                lit.append(self._calls.begin(light, "set_power", power))
            if opens:
                lit.append(self._calls.begin(self._channels, "open_shutter", returns=ChannelState))
            yield
            states = self._calls.results(lit)
        except BaseException:
            for call in lit:  # what has not begun would light it up after it is switched off
                self._calls.give_up(call)
            self.dark()
            raise
        if opens:
            self.power = states[-1].power
        self._lit, self._doubted = True, self._doubted and self._set is not None
        self.lit_within_s = (self._clock.monotonic_ns() - began_ns) * 1e-9

    @contextmanager
    def stepping_to(self, event: Event) -> Iterator[None]:
        """Have the channel change by itself while the block runs: at its end it is that of an event.

        If the block fails nobody knows which it is: all is switched off.
        """
        try:
            yield
        except BaseException:
            self.dark()
            raise
        if event.channel:
            self._set = event.light

    def begin_reading(self) -> Call | None:
        """Ask what the channel that is set stands at, read back: a `ChannelState`; None if none is."""
        if self._set is None:
            return None
        return self._calls.begin(self._channels, "channel", returns=ChannelState)

    def shade(self) -> None:
        """Hold the light of the channel back, its power as it is; what no channel switches stays on."""
        if self.is_held_open:
            self._lit = False
            self._ask("close_shutter")

    def forget(self) -> None:
        """Hold nothing for known: the next channel is set whatever was set before.

        One that was begun ends: where the light is switched off, that may overtake it.
        """
        self._set, self._lit, self._doubted = None, False, False
        self._give_up_begun()

    def doubt(self) -> None:
        """Have the next channel set whatever was set before: somebody may have set another one.

        What was let through may be so still: it is held back, and let through again, as if nobody had.
        """
        self._doubted = True
        self._give_up_begun()

    def _give_up_begun(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            begun[1].cancel_soon("another light is wanted")

    def put_out(self) -> None:
        """Switch all light off, and return when it is."""
        self.forget()
        self._calls.results([self._calls.begin(service, command) for service, command in self._ways_off()])

    def dark(self) -> None:
        """Switch all light off. Any thread; waits for nothing."""
        self.forget()
        for service, command in self._ways_off():
            call = self._calls.tell(service, command)
            if call is not None:
                self._offs.add(call)

    def close(self) -> None:
        """Have everything as it was found, but dark; one light that fails keeps nothing else from that."""
        try:
            self.put_out()
        finally:
            if self._channels:
                self._ask("restore", False, limit_s=_SETTLE_S)

    def release(self) -> None:
        """End the leases. Never raises: a service that is not there has switched off by itself."""
        while self._leases:
            with suppress(CommandError):
                self._leases.popitem()[1].release(make_safe=True)

    def _lease(self, service: str, output: str) -> None:
        self._leases[service, output] = self._calls.lease(service, output, _LEASE_S)

    def _ways_off(self) -> list[tuple[str, str]]:
        """Return each service, and its command that switches it off."""
        off = [(service, "off") for service in (self._channels, *self._lights) if service]
        return [*off, (self._modulator, "blank")] if self._modulator else off

    def _ask(self, command: str, *args: Any, limit_s: float = 0.0) -> ChannelState:
        state: ChannelState = self._calls.ask(
            self._channels, command, *args, limit_s=limit_s, returns=ChannelState
        )
        return state
