"""The compiled steps of the closed loops: each step needs the result of the one before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parfocal.core.compiled import keep_compiled_code

keep_compiled_code()

import numba  # noqa: E402 (it looks for its cache when it is imported)

_MEMORY_LIMIT = 4 * 8192.0


@numba.njit(cache=True)
def signal(slot: int, outside: float, pids: NDArray[np.void], past: NDArray[np.float32], now: int) -> float:
    """Return what a controller sees of a slot: what comes from `outside`, and what controllers add to it."""
    if slot < 3:
        outside = pids[slot].output
    elif slot == 10 or slot == 11:
        outside += past[slot - 5, now]
    elif slot == 12 or slot == 13:
        outside += past[slot - 9, now - 1]
    return min(max(outside, -8192.0), 8191.0)


@numba.njit(cache=True)
def run(
    outside: NDArray[np.float64],
    pids: NDArray[np.void],
    plants: NDArray[np.void],
    past: NDArray[np.float32],
    first: int,
) -> None:
    """Let three PIDs and two plants act for as many steps as `outside` has columns.

    `pids` and `plants` (see `loop.PID` and `loop.PLANT`) hold the state too, which is changed.
    `past` is a ring of rows: three outputs, two drives, two inputs; `first` is the number of the first step.
    """
    kept = past.shape[1]
    seen = np.zeros(3)
    for step in range(outside.shape[1]):
        now = (first + step) % kept
        for k in range(2):
            plant = plants[k]
            driven = past[3 + plant.source, (first + step - plant.delay) % kept]
            plant.behind += plant.approach * (driven - plant.behind)
            past[5 + k, now] = plant.gain * plant.behind
        for j in range(3):
            pid = pids[j]
            value = signal(pid.slot, outside[j, step], pids, past, now)
            for stage in range(4):
                if pid.alpha[stage] > 0:
                    pid.filters[stage] += pid.alpha[stage] * (value - pid.filters[stage])
                    value = value - pid.filters[stage] if pid.high_pass[stage] else pid.filters[stage]
            seen[j] = value
        for j in range(3):
            pid = pids[j]
            error = seen[j] - (seen[1 - j] if pid.differential and j < 2 else pid.setpoint)
            pid.memory = min(max(pid.memory + pid.integral * error, -_MEMORY_LIMIT), _MEMORY_LIMIT)
            value = min(max(pid.proportional * error + pid.memory, -8192.0), 8191.0)
            pid.output = min(max(value, pid.low), pid.high)
            past[j, now] = pid.output
        for k in range(2):
            total = 0.0
            for j in range(3):
                if pids[j].routes >> k & 1:
                    total += pids[j].output
            past[3 + k, now] = min(max(total, -8192.0), 8191.0)
