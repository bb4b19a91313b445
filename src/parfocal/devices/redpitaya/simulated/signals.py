"""Every signal of the board at any tick: the DSP slots, the outputs, and the inputs behind their plants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.simulated.history import History
from parfocal.devices.redpitaya.simulated.loop import DRIVE, INPUT, OUTPUT, STEP_TICKS, ControlLoop
from parfocal.devices.redpitaya.simulated.sources import Level, SignalSource, Smoothing
from parfocal.devices.redpitaya.simulated.words import FULL_SCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.devices.redpitaya.simulated.dsp import DspSlot
    from parfocal.devices.redpitaya.simulated.plant import Plant

PID_SLOTS = (0, 1, 2)
IN_SLOTS = (10, 11)
OUT_SLOTS = (12, 13)


class Signals:
    """The physics, closed: generators and loops drive the outputs, plants lead back to the inputs.

    Generators and modulators are functions of the tick, and the plants are linear: what they make of such
    a source is worked out through its spectrum, at the ticks that are asked for and only there. The PIDs
    act in steps (see `ControlLoop`), and their part is added. Outputs and inputs saturate where they are
    looked at; the drive of a plant does not.

    Parameters
    ----------
    plants
        What leads to in1, and to in2.
    seed : int
        Of the noise.

    Attributes
    ----------
    slots : mapping of int to DspSlot
        All of them, by their numbers.
    running : int
        A bit for each slot that is not held.
    """

    def __init__(self, plants: tuple[Plant, Plant], seed: int = 0) -> None:
        self.plants = plants
        self.rng = np.random.default_rng(seed)
        self.loop = ControlLoop(plants)
        self._history = History(plants)
        self.slots: Mapping[int, DspSlot] = {}
        self.running = 0xFFFF
        self.derived: dict[int, Callable[[NDArray[np.int64]], NDArray[np.float64]]] = {}

    def change(
        self, tick: int, slot: int, *, source: SignalSource | None = None, outputs: int | None = None
    ) -> None:
        """Let `slot` make another signal, or go to other outputs (bit 0 out1, bit 1 out2), from `tick` on."""
        self.advance(tick)
        self._history.change(tick, slot, source=source, outputs=outputs)
        if outputs is not None and slot in PID_SLOTS:
            self.loop.pids["routes"][slot] = outputs
            self.loop.disturb()

    def advance(self, tick: int) -> None:
        """Let the PIDs act until `tick`."""
        self.loop.advance(tick, lambda slot, ticks: self._without_pids(slot, ticks, STEP_TICKS))

    def slot(self, slot: int, ticks: NDArray[np.int64], average: int = 1) -> NDArray[np.float64]:
        """Return the signal of a DSP slot in whole counts, -8192 to 8191.

        Parameters
        ----------
        slot : int
            0 to 15.
        ticks : ndarray of int64
            Ascending.
        average : int
            Mean of that many ticks, up to each one given.
        """
        if len(ticks):
            self.advance(int(ticks[-1]))
        return np.clip(np.rint(self._exact(slot, ticks, average)), -FULL_SCALE, FULL_SCALE - 1)

    def now(self, slot: int, tick: int) -> int:
        """Return the signal of a slot at `tick`, in counts."""
        return int(self.slot(slot, np.array([tick]))[0])

    def _exact(self, slot: int, ticks: NDArray[np.int64], average: int) -> NDArray[np.float64]:
        if slot in PID_SLOTS:
            return self.loop.past(OUTPUT + slot, ticks)
        signal = self._without_pids(slot, ticks, average)
        if slot in IN_SLOTS:
            return signal + self.loop.past(INPUT + slot - IN_SLOTS[0], ticks)
        if slot in OUT_SLOTS:
            return signal + self.loop.past(DRIVE + slot - OUT_SLOTS[0], ticks)
        return signal

    def _without_pids(self, slot: int, ticks: NDArray[np.int64], average: int) -> NDArray[np.float64]:
        """Return the signal of a slot apart from what the PIDs make of it."""
        if slot in IN_SLOTS:
            return self._input(slot - IN_SLOTS[0], ticks, average)
        if slot in self.derived:
            return self.derived[slot](ticks)
        smoothing = Smoothing(average=average)
        if slot in OUT_SLOTS:
            index = slot - OUT_SLOTS[0]
            return self._history.over(ticks, lambda epoch, at: epoch.output(index, at, smoothing))
        silence = Level(0.0)
        return self._history.over(
            ticks, lambda epoch, at: epoch.sources.get(slot, silence).values(at, smoothing)
        )

    def _input(self, index: int, ticks: NDArray[np.int64], average: int) -> NDArray[np.float64]:
        plant = self.plants[index]
        left = ticks - plant.delay_ticks
        out = plant.added(ticks)
        out += self._history.over(left, lambda epoch, at: epoch.through(index, plant, at, average))
        if plant.noise_v:
            out += self.rng.normal(0.0, plant.noise_v * FULL_SCALE / np.sqrt(average), len(ticks))
        return out
