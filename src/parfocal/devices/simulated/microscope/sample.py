"""Where the lamps, shutters and mirrors of the simulated sample stand: memory that outlives their hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.simulated.microscope.lights import STEPS_OF_A_CHANGE, SampleLight
from parfocal.devices.simulated.microscope.patterns import ModulatorPattern, patterns_kept, shared_patterns
from parfocal.devices.simulated.microscope.shared_state import SharedState
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from parfocal.devices.simulated.microscope.patterns import Shape

T = TypeVar("T")
_LOG_ENTRIES = 100_000
_ENTRY = np.dtype([("time_ns", "<i8"), ("level", "<f8"), ("light", "<i8")])
_LOG = np.dtype([("count", "<i8"), ("entries", _ENTRY, (_LOG_ENTRIES,))])
_WITHDRAWN = -1


class WorldLight(msgspec.Struct, frozen=True):
    """All lights by name, when the world began (nanoseconds of the monotonic clock), and its modulators.

    Attributes
    ----------
    modulators : dict of str to str
        The light that each is before.
    """

    began_ns: int
    lights: dict[str, SampleLight]
    modulators: dict[str, str] = {}


class LightChange(msgspec.Struct, frozen=True):
    """From `time_ns` on, `light` reached the sample with `level`, 0 to 1."""

    time_ns: int
    light: str
    level: float


def shared_sample(folder: Path, world: str) -> SharedState[WorldLight]:
    """Return what the world named `world` shares of its lights with cameras of the same rig."""
    return SharedState(folder / f"{world}.sample", WorldLight)


class SharedSample:
    """The lights of a simulated sample, changed by whoever has a lamp, a shutter or mirrors. Any thread.

    It is hardware, not a safeguard: what was switched on stays on, also when the process that did it has
    ended, until somebody switches it off. Each change is in a log of the last 100 000.

    Parameters
    ----------
    folder : Path
        Of what the rig's processes share.
    world : str
        Name of the service of kind ``simulated_world``, which begins it.
    """

    def __init__(self, folder: Path, world: str) -> None:
        self._world = world
        self._state = shared_sample(folder, world)
        self._patterns = shared_patterns(folder, world)
        log = np.frombuffer(mapped_file(folder / f"{world}.lights", _LOG.itemsize), _LOG)
        self._count, self._entries = log["count"], log["entries"][0]

    def begin(
        self, now_ns: int, lights: tuple[str, ...], modulators: Mapping[str, tuple[Shape, str]]
    ) -> None:
        """Begin, dark and blank: with these lights, and modulators of a shape (y, x) before one of them."""
        before = {name: light for name, (_, light) in modulators.items()}
        masked = set(before.values())
        shapes = {name: shape for name, (shape, _) in modulators.items()}
        with self._patterns.locked():
            self._patterns.write({name: (ModulatorPattern(now_ns, shape),) for name, shape in shapes.items()})
        with self._state.locked():
            self._count[0] = 0
            dark = {name: SampleLight(masked=name in masked) for name in lights}
            self._state.write(WorldLight(now_ns, dark, before))

    def read(self) -> WorldLight:
        """Return what it stands at; `DeviceError` if there is no such world."""
        state = self._state.read()
        if state is None:
            raise DeviceError(f"there is no simulated world {self._world!r}: it is a service of the rig")
        return state

    def light(self, name: str) -> SampleLight:
        """Return one light."""
        return _find(self.read().lights, name, "light")

    def pattern(self, modulator: str) -> ModulatorPattern:
        """Return what a modulator shows."""
        return _find(self._patterns.read() or {}, modulator, "modulator")[-1]

    def lit_pixels(self) -> dict[str, int]:
        """Return how many pixels of each modulator are lit."""
        return {name: patterns[-1].lit for name, patterns in (self._patterns.read() or {}).items()}

    def set_power(self, light: str, power: float, now_ns: int) -> None:
        """Set the power of a lamp, 0 to 1."""
        self._change(light, lambda found: found.with_power(power, now_ns), now_ns)

    def set_shutter(self, light: str, opened: bool, now_ns: int, arrives_ns: int) -> int:
        """Begin to open or close a shutter; return when it will be there."""
        return self._change(
            light, lambda found: found.with_shutter(opened, now_ns, arrives_ns), now_ns
        ).arrives_ns

    def set_pattern(self, modulator: str, packed: bytes, now_ns: int) -> None:
        """Have a modulator show a packed pattern, from now until the next one, whoever is alive."""
        with self._patterns.locked():
            patterns = self._patterns.read() or {}
            earlier = _find(patterns, modulator, "modulator")
            shown = ModulatorPattern.packed(packed, earlier[-1].shape, now_ns)
            kept = patterns_kept(each[-1].shape for each in patterns.values())
            self._patterns.write({**patterns, modulator: (*earlier, shown)[-kept:]})
            light = self.read().modulators[modulator]
            self._change(light, lambda found: found.with_modulator(shown.is_blank, now_ns), now_ns)

    def log(self, since_ns: int) -> list[LightChange]:
        """Return each change of the light in the sample since then, in the order of their times.

        A change that lies ahead, as of a shutter that moves, is in it already; one that did not come to be,
        as the shutter was turned back, is not.
        """
        names = tuple(self.read().lights)
        with self._state.locked():
            entries: Any = self._entries[: min(int(self._count[0]), _LOG_ENTRIES)].copy()
        wanted = entries[(entries["time_ns"] >= since_ns) & (entries["light"] != _WITHDRAWN)]
        changes = [LightChange(time_ns, names[light], level) for time_ns, level, light in wanted.tolist()]
        return sorted(changes, key=lambda change: change.time_ns)

    def _change(self, name: str, change: Callable[[SampleLight], SampleLight], now_ns: int) -> SampleLight:
        """Change a light, for cameras and for the log; return it."""
        with self._state.locked():
            state = self.read()
            old = _find(state.lights, name, "light")
            new = change(old)
            if new is not old:
                self._state.write(msgspec.structs.replace(state, lights={**state.lights, name: new}))
                self._enter(tuple(state.lights).index(name), old, new, now_ns)
        return new

    def _enter(self, number: int, old: SampleLight, new: SampleLight, now_ns: int) -> None:
        """Enter the steps of a light that are new into the log; withdraw one that will not come to be."""
        ahead = old.steps[-1]
        if ahead.time_ns > now_ns and ahead not in new.steps:
            entries = self._entries[: int(self._count[0])]
            (found,) = np.nonzero((entries["time_ns"] == ahead.time_ns) & (entries["light"] == number))
            entries["light"][found] = _WITHDRAWN
        for step in new.steps[-STEPS_OF_A_CHANGE:]:
            if step not in old.steps:
                self._entries[int(self._count[0]) % _LOG_ENTRIES] = (step.time_ns, step.level, number)
                self._count[0] += 1


def _find(things: Mapping[str, T], name: str, kind: str) -> T:
    if name not in things:
        raise BadInputError(f"the simulated sample has no {kind} {name!r}; {nearest(name, things)}")
    return things[name]
