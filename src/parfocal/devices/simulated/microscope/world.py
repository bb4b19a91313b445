"""The simulated sample's light, in a process of its own that outlives the hosts of lights and camera."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parfocal.core.errors import nearest
from parfocal.devices.simulated.microscope.patterns import Shape
from parfocal.devices.simulated.microscope.sample import LightChange, SharedSample
from parfocal.ipc import RECEIVER, command
from parfocal.processes import FixedSettings, Service, ServiceContext


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


class SimulatedWorld(Service):
    """Tells what lights and modulators do to the sample, whoever of their hosts is alive.

    They stand in memory (`parfocal.devices.simulated.microscope.sample`), in which their hosts change them:
    a lamp whose host was killed stays on until somebody switches it off. Whoever wants to prove that it got
    dark asks `light` and `light_log` here. Where stages and filters stand is in
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
        self._sample = SharedSample(context.streams, context.service)
        modulators = {name: (one.shape, one.light) for name, one in self.settings.modulators.items()}
        self._sample.begin(context.clock.monotonic_ns(), tuple(self.settings.lights), modulators)

    @command(lane=RECEIVER, effect="reads")
    def lamp(self, light: str) -> tuple[float, bool]:
        """Return the power of a lamp, and whether its shutter is open now."""
        found = self._sample.light(light)
        return found.power, found.is_open(self._clock.monotonic_ns())

    @command(lane=RECEIVER, effect="reads")
    def pattern(self, modulator: str) -> bytes:
        """Return the packed pattern that a modulator shows."""
        return self._sample.pattern(modulator).bits

    @command(lane=RECEIVER, effect="reads")
    def modulator_shape(self, modulator: str) -> tuple[int, int]:
        """Return the pixels (y, x) of a modulator."""
        return self._sample.pattern(modulator).shape

    @command(lane=RECEIVER, effect="reads")
    def lit_pixels(self) -> dict[str, int]:
        """Return how many pixels of each modulator are lit."""
        return self._sample.lit_pixels()

    @command(lane=RECEIVER, effect="reads")
    def light(self) -> dict[str, float]:
        """Return which lights reach the sample now, and how much of each, 0 to 1; empty when it is dark.

        One behind a modulator that is blank does not; through one pixel it counts in full.
        """
        now_ns = self._clock.monotonic_ns()
        levels = {name: light.level(now_ns) for name, light in self._sample.read().lights.items()}
        return {name: level for name, level in levels.items() if level > 0}

    @command(lane="log", effect="reads")
    def light_log(self, since_ns: int = 0) -> list[LightChange]:
        """Return each change of the light in the sample since a time of the monotonic clock, in order.

        A change that lies ahead, as of a shutter that moves, is in it already; one that did not come to be,
        as the shutter was turned back, is not.
        """
        return self._sample.log(since_ns)

    def state(self) -> dict[str, Any]:
        """Return all lamps."""
        lights = self._sample.read().lights.items()
        return {name: {"power": light.power, "open": light.opened} for name, light in lights}
