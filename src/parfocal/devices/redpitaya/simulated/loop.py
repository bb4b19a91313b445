"""The PIDs in their closed loops, in steps of 256 ticks (2.048 us).

The FPGA works at every tick. At this step a loop with a unity-gain frequency up to the largest integral
gain that the registers hold (39 kHz) is still stable, and 1 s of board time takes about 80 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.devices.redpitaya.simulated.plant import Plant

STEP_TICKS = 256
STAGES = 4
KEPT = 1 << 19
"""Steps that are remembered: 1.07 s."""
_CHUNK = 16384
_FINE_CHUNK = 512
_DERIVED_SLOTS = (5, 6, 7, 14)
OUTPUT, DRIVE, INPUT = 0, 3, 5
"""Rows of the past: from these on the output of each PID, the sum of those that go to each output, and what
they bring about at each input."""


PID = np.dtype(
    [
        ("slot", np.int64),
        ("setpoint", float),
        ("proportional", float),
        ("integral", float),
        ("low", float),
        ("high", float),
        ("differential", bool),
        ("alpha", float, STAGES),
        ("high_pass", np.uint8, STAGES),
        ("routes", np.int64),
        ("filters", float, STAGES),
        ("memory", float),
        ("output", float),
    ],
    align=True,
)
"""A controller, in counts and steps: what its registers say, then its state."""
PLANT = np.dtype(
    [("gain", float), ("source", np.int64), ("delay", np.int64), ("approach", float), ("behind", float)],
    align=True,
)
"""A plant: its gain, output, delay and how far its low-pass goes in a step; then that low-pass's state."""


class ControlLoop:
    """What the PIDs do to the outputs, and through the plants to the inputs."""

    def __init__(self, plants: tuple[Plant, Plant]) -> None:
        self.pids = np.zeros(3, PID)
        self._plants = np.array([_in_steps(plant) for plant in plants], PLANT)
        slowest = max(plant.tau_ticks for plant in plants) / STEP_TICKS
        self._settling = int(10 * slowest + self._plants["delay"].max()) + 2
        self._past = np.zeros((7, KEPT), np.float32)
        self._step = 0
        self._oldest = 0
        self._used = False
        self._unsettled = 0

    def advance(self, tick: int, seen: Callable[[int, NDArray[np.int64]], NDArray[np.float64]]) -> None:
        """Act until `tick`; ``seen(slot, ticks)`` is what a PID sees of a slot apart from PIDs' own doing."""
        goal = tick // STEP_TICKS
        if goal <= self._step:
            return
        is_acting = bool(self._acting.any())
        self._used = self._used or is_acting or bool(self.pids["memory"].any())
        if not self._used:
            self._step = self._oldest = goal
            return
        if is_acting:
            self._jump(goal - KEPT)
            self._work(goal, seen)
            self._unsettled = self._settling
        else:
            begin = self._step
            self._work(min(goal, begin + self._unsettled), seen)
            self._unsettled -= self._step - begin
            self._jump(goal)

    def disturb(self) -> None:
        """Say that a setting was changed: what follows from it has to be worked through."""
        self._unsettled = self._settling

    def warm_up(self) -> None:
        """Load the compiled steps."""
        if not self._acting.any():
            self._run(np.zeros((len(self.pids), 0)))

    def past(self, row: int, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what was at `ticks`, in counts: row `OUTPUT`, `DRIVE` or `INPUT`, plus a number."""
        if not self._used:
            return np.zeros(len(ticks))
        steps = np.clip(ticks // STEP_TICKS, self._oldest, max(self._step - 1, self._oldest))
        found: NDArray[np.float64] = self._past[row, steps % KEPT].astype(float)
        return found

    @property
    def _acting(self) -> NDArray[np.bool_]:
        """Which of the PIDs have a gain, so that time has to be worked through."""
        return np.asarray((self.pids["proportional"] != 0) | (self.pids["integral"] != 0))

    def _jump(self, goal: int) -> None:
        """Go on to step `goal` with everything staying as it is."""
        if goal <= self._step:
            return
        steps = np.arange(max(self._step, goal - KEPT), goal) % KEPT
        self._past[:, steps] = self._past[:, [(self._step - 1) % KEPT]]
        self._oldest = max(self._oldest, goal - KEPT)
        self._step = goal

    def _work(self, goal: int, seen: Callable[[int, NDArray[np.int64]], NDArray[np.float64]]) -> None:
        acting, slots = self._acting, self.pids["slot"]
        fine = any(int(slot) in _DERIVED_SLOTS for slot in slots[acting])
        while self._step < goal:
            end = min(goal, self._step + (_FINE_CHUNK if fine else _CHUNK))
            ticks = np.arange(self._step, end, dtype=np.int64) * STEP_TICKS
            outside = np.zeros((len(slots), len(ticks)))
            for pid in np.flatnonzero(acting | acting[[1, 0, 2]]):
                outside[pid] = seen(int(slots[pid]), ticks)
            self._run(outside)
            self._step = end
            self._oldest = max(self._oldest, end - KEPT)

    def _run(self, outside: NDArray[np.float64]) -> None:
        # Loading the compiler takes half a second: boards whose PIDs stay off do without.
        from parfocal.devices.redpitaya.simulated.loop_kernel import run

        run(outside, self.pids, self._plants, self._past, self._step)


def _in_steps(plant: Plant) -> tuple[float, int, int, float, float]:
    tau = plant.tau_ticks / STEP_TICKS
    delay = max(1, round(plant.delay_ticks / STEP_TICKS))
    return plant.gain, plant.output, delay, 1 - np.exp(-1 / tau) if tau else 1.0, 0.0
