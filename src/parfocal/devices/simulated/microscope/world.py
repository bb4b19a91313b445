"""The simulated sample's light, in a process of its own that outlives the hosts of lights and camera."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, nearest
from parfocal.devices.simulated.microscope.lights import SampleLight
from parfocal.devices.simulated.microscope.patterns import (
    ModulatorPattern,
    Shape,
    ShownPatterns,
    patterns_kept,
    shared_patterns,
)
from parfocal.devices.simulated.microscope.shared_state import SharedState
from parfocal.ipc import RECEIVER, command
from parfocal.processes import FixedSettings, Service, ServiceContext

if TYPE_CHECKING:
    from pathlib import Path

_LOG_ENTRIES = 100_000
_OUTLIVES_S = 0.25


class WorldModulatorSettings(BaseModel):
    """A light modulator: its pixels (y, x), and the light that it is before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shape: Shape
    light: str = "stimulation"


class WorldSettings(BaseModel):
    """What light there is.

    Parameters
    ----------
    lights : list of str
        Their names.
    modulators : dict
        Light modulators by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lights: Annotated[list[str], Field(min_length=1)] = ["excitation", "stimulation"]
    modulators: dict[str, WorldModulatorSettings] = {}

    @model_validator(mode="after")
    def _modulators_have_their_lights(self) -> Self:
        for name, modulator in self.modulators.items():
            if modulator.light not in self.lights:
                hint = nearest(modulator.light, self.lights)
                raise ValueError(f"modulator {name!r}: there is no light {modulator.light!r}; {hint}")
        return self


class WorldLight(msgspec.Struct, frozen=True):
    """All lights by name, and when the world began, nanoseconds of the monotonic clock."""

    began_ns: int
    lights: dict[str, SampleLight]


class LightChange(msgspec.Struct, frozen=True):
    """From `time_ns` on, `light` reached the sample with `level`, 0 to 1."""

    time_ns: int
    light: str
    level: float


def shared_sample(folder: Path, world: str) -> SharedState[WorldLight]:
    """Return what the world named `world` shares of its lights with cameras of the same rig."""
    return SharedState(folder / f"{world}.sample", WorldLight)


class SimulatedWorld(Service):
    """Holds what a light or a modulator does when nobody steers it any more: it goes on as it was told.

    It is hardware, not a safeguard: a lamp whose host was killed stays on until somebody switches it off.
    Whoever wants to prove that it got dark asks `light` and `light_log`. Where stages and filters stand is in
    `parfocal.devices.simulated.world`, which outlives their hosts as well.
    """

    Config = WorldSettings
    settings: WorldSettings

    def fixed_settings(self) -> FixedSettings:
        """Return all of them: it begins with its lights and modulators."""
        return dict.fromkeys(WorldSettings.model_fields, "restart")

    def open(self, context: ServiceContext) -> None:
        """Begin, dark."""
        self._clock = context.clock
        self._lock = threading.Lock()
        self._log: deque[LightChange] = deque(maxlen=_LOG_ENTRIES)
        self._began_ns = context.clock.monotonic_ns()
        modulators = self.settings.modulators
        masked = {modulator.light for modulator in modulators.values()}
        self._lights = {name: SampleLight(masked=name in masked) for name in self.settings.lights}
        self._shared = shared_sample(context.streams, context.service)
        self._shared.write(WorldLight(self._began_ns, self._lights))
        self._patterns: ShownPatterns = {
            name: (ModulatorPattern.blank(modulator.shape, self._began_ns),)
            for name, modulator in modulators.items()
        }
        self._patterns_kept = patterns_kept(modulator.shape for modulator in modulators.values())
        self._shared_patterns = shared_patterns(context.streams, context.service)
        self._shared_patterns.write(self._patterns)

    @command(lane=RECEIVER, effect="changes", script=False)
    def set_power(self, light: str, power: float) -> None:
        """Set the power of a lamp, 0 to 1."""
        now_ns = self._clock.monotonic_ns()
        self._change(light, self._find(light).with_power(power, now_ns), now_ns)

    @command(lane=RECEIVER, effect="changes", script=False)
    def set_shutter(self, light: str, opened: bool, move_s: float) -> int:
        """Begin to open or close a shutter; returns when it will be there, nanoseconds."""
        now_ns = self._clock.monotonic_ns()
        arrives_ns = now_ns + round(move_s * 1e9)
        self._change(light, self._find(light).with_shutter(opened, now_ns, arrives_ns), now_ns)
        return self._find(light).arrives_ns

    @command(lane=RECEIVER, effect="reads")
    def lamp(self, light: str) -> tuple[float, bool]:
        """Return the power of a lamp, and whether its shutter is open now."""
        found = self._find(light)
        return found.power, found.is_open(self._clock.monotonic_ns())

    @command(lane=RECEIVER, effect="changes", script=False)
    def set_pattern(self, modulator: str, packed: bytes) -> None:
        """Have a modulator show a packed pattern, from now until the next one, whoever is alive."""
        now_ns, shape = self._clock.monotonic_ns(), self._find_modulator(modulator).shape
        shown = ModulatorPattern.packed(packed, shape, now_ns)
        last = (*self._patterns[modulator], shown)[-self._patterns_kept :]
        self._patterns = {**self._patterns, modulator: last}
        self._shared_patterns.write(self._patterns)
        light = self.settings.modulators[modulator].light
        self._change(light, self._lights[light].with_modulator(not shown.lit, now_ns), now_ns)

    @command(lane=RECEIVER, effect="reads")
    def pattern(self, modulator: str) -> bytes:
        """Return the packed pattern that a modulator shows."""
        return self._find_modulator(modulator).bits

    @command(lane=RECEIVER, effect="reads")
    def modulator_shape(self, modulator: str) -> tuple[int, int]:
        """Return the pixels (y, x) of a modulator."""
        return self._find_modulator(modulator).shape

    @command(lane=RECEIVER, effect="reads")
    def lit_pixels(self) -> dict[str, int]:
        """Return how many pixels of each modulator are lit."""
        return {name: patterns[-1].lit for name, patterns in self._patterns.items()}

    @command(lane=RECEIVER, effect="reads")
    def light(self) -> dict[str, float]:
        """Return which lights reach the sample now, and how much of each, 0 to 1; empty when it is dark.

        One behind a modulator that is blank does not; through one pixel it counts in full.
        """
        now_ns = self._clock.monotonic_ns()
        levels = {name: light.level(now_ns) for name, light in self._lights.items()}
        return {name: level for name, level in levels.items() if level > 0}

    @command(lane="log", effect="reads")
    def light_log(self, since_ns: int = 0) -> list[LightChange]:
        """Return each change of the light in the sample since a time of the monotonic clock, in order.

        A change that lies ahead, as of a shutter that moves, is in it already; one that did not come to be,
        as the shutter was turned back, is not.
        """
        with self._lock:
            changes = [change for change in self._log if change.time_ns >= since_ns]
        return sorted(changes, key=lambda change: change.time_ns)

    def make_safe(self) -> None:
        """Stay until the hosts of the lights have switched off, when all of the rig ends at once."""
        poll_until(lambda: not self.light(), _OUTLIVES_S, every_s=0.005)

    def state(self) -> dict[str, Any]:
        """Return all lamps."""
        return {name: {"power": light.power, "open": light.opened} for name, light in self._lights.items()}

    def _change(self, name: str, light: SampleLight, now_ns: int) -> None:
        """Enter what a light is from now on, for cameras and for the log."""
        old = self._lights[name]
        if light == old:
            return
        news = [step for step in light.steps if step not in old.steps]
        with self._lock:
            if old.steps[-1].time_ns > now_ns and old.steps[-1] not in light.steps:
                self._log.remove(LightChange(old.steps[-1].time_ns, name, old.steps[-1].level))
            self._log.extend(LightChange(step.time_ns, name, step.level) for step in news)
        self._lights = {**self._lights, name: light}
        self._shared.write(WorldLight(self._began_ns, self._lights))

    def _find_modulator(self, name: str) -> ModulatorPattern:
        if name not in self._patterns:
            raise BadInputError(
                f"the simulated sample has no modulator {name!r}; {nearest(name, self._patterns)}"
            )
        return self._patterns[name][-1]

    def _find(self, light: str) -> SampleLight:
        if light not in self._lights:
            raise BadInputError(
                f"the simulated sample has no light {light!r}; {nearest(light, self._lights)}"
            )
        return self._lights[light]
