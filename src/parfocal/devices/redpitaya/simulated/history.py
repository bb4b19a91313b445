"""Which settings drove the outputs, and since which tick: a trace may begin before the last change."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.simulated.sources import SignalSource, Smoothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.devices.redpitaya.simulated.plant import Plant

_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Epoch:
    """A time in which nobody changed anything.

    Attributes
    ----------
    start : int
        Its first tick.
    sources : mapping of int to SignalSource
        What each DSP slot makes.
    routes : mapping of int to int
        For each slot the outputs it goes to: bit 0 out1, bit 1 out2.
    leftover : tuple of float
        For each plant, how far its low-pass was from the new steady state at the start, in counts. It
        decays with the low-pass's time constant; so each change has its exact transient.
    """

    start: int = -(1 << 62)
    sources: Mapping[int, SignalSource] = field(default_factory=dict)
    routes: Mapping[int, int] = field(default_factory=dict)
    leftover: tuple[float, ...] = (0.0, 0.0)

    def output(self, output: int, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        """Return the sum of the slots that go to `output`, in counts, not saturated."""
        total = np.zeros(len(ticks))
        for slot, source in self.sources.items():
            if self.routes.get(slot, 0) >> output & 1:
                total += source.values(ticks, smoothing)
        return total

    def through(
        self, index: int, plant: Plant, ticks: NDArray[np.int64], average: int
    ) -> NDArray[np.float64]:
        """Return what plant number `index` makes of its output, in counts; `ticks` on the output's side."""
        out = self.output(plant.output, ticks, Smoothing(plant.tau_ticks, average))
        if plant.tau_ticks and self.leftover[index]:
            out += self.leftover[index] * np.exp(-np.maximum(ticks - self.start, 0) / plant.tau_ticks)
        return plant.gain * out


class History:
    """The last epochs, oldest first."""

    def __init__(self, plants: tuple[Plant, Plant]) -> None:
        self._plants = plants
        self._epochs: deque[Epoch] = deque([Epoch()], maxlen=_REMEMBERED)

    @property
    def now(self) -> Epoch:
        """The epoch that lasts."""
        return self._epochs[-1]

    def change(
        self, tick: int, slot: int, *, source: SignalSource | None = None, outputs: int | None = None
    ) -> None:
        """Begin an epoch at `tick` in which `slot` makes `source`, or goes to other `outputs`."""
        old = self.now
        sources, routes = dict(old.sources), dict(old.routes)
        if source is not None:
            sources[slot] = source
        if outputs is not None:
            routes[slot] = outputs
        new = Epoch(start=max(tick, old.start), sources=sources, routes=routes)
        self._epochs.append(replace(new, leftover=self._leftover(old, new)))

    def over(
        self, ticks: NDArray[np.int64], signal: Callable[[Epoch, NDArray[np.int64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return a signal at ascending `ticks`, put together from what it is in each epoch."""
        out = np.zeros(len(ticks))
        starts = [epoch.start for epoch in self._epochs]
        starts[0] = min(starts[0], int(ticks[0])) if len(ticks) else starts[0]
        borders = [*np.searchsorted(ticks, starts), len(ticks)]
        for epoch, begin, end in zip(self._epochs, borders[:-1], borders[1:], strict=True):
            if end > begin:
                out[begin:end] = signal(epoch, ticks[begin:end])
        return out

    def _leftover(self, old: Epoch, new: Epoch) -> tuple[float, ...]:
        at = np.array([new.start])
        found = []
        for index, plant in enumerate(self._plants):
            if not plant.tau_ticks or not plant.gain:
                found.append(0.0)
                continue
            was = old.through(index, plant, at, 1)[0]
            steady = new.through(index, plant, at, 1)[0]
            found.append(float(was - steady) / plant.gain)
        return tuple(found)
