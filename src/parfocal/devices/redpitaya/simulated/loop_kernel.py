"""The compiled steps of the closed loops: each step needs the result of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.compiled import keep_compiled_code

keep_compiled_code()

import numba  # noqa: E402 (it looks for its cache when it is imported)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEMORY_LIMIT = 4 * 8192.0


@numba.njit(cache=True)
def signal(
    slot: int, outside: float, output: NDArray[np.float64], past: NDArray[np.float32], now: int
) -> float:
    """Return what a controller sees of a slot: what comes from `outside`, and what controllers add to it."""
    if slot < 3:
        outside = output[slot]
    elif slot == 10 or slot == 11:
        outside += past[slot - 5, now]
    elif slot == 12 or slot == 13:
        outside += past[slot - 9, now - 1]
    return min(max(outside, -8192.0), 8191.0)


@numba.njit(cache=True)
def run(
    outside: NDArray[np.float64],
    slot: NDArray[np.int64],
    setpoint: NDArray[np.float64],
    proportional: NDArray[np.float64],
    integral: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    differential: NDArray[np.bool_],
    alpha: NDArray[np.float64],
    high_pass: NDArray[np.bool_],
    routes: NDArray[np.int64],
    memory: NDArray[np.float64],
    filters: NDArray[np.float64],
    output: NDArray[np.float64],
    behind: NDArray[np.float64],
    gain: NDArray[np.float64],
    source: NDArray[np.int64],
    delay: NDArray[np.int64],
    approach: NDArray[np.float64],
    past: NDArray[np.float32],
    first: int,
) -> None:
    """Let three PIDs and two plants act for as many steps as `outside` has columns.

    `memory`, `filters`, `output` and `behind` (the low-passes of the plants) are the state and are changed.
    `past` is a ring of rows: three outputs, two drives, two inputs; `first` is the number of the first step.
    """
    kept = past.shape[1]
    seen = np.zeros(3)
    for step in range(outside.shape[1]):
        now = (first + step) % kept
        for k in range(2):
            driven = past[3 + source[k], (first + step - delay[k]) % kept]
            behind[k] += approach[k] * (driven - behind[k])
            past[5 + k, now] = gain[k] * behind[k]
        for j in range(3):
            value = signal(slot[j], outside[j, step], output, past, now)
            for stage in range(4):
                if alpha[j, stage] > 0:
                    filters[j, stage] += alpha[j, stage] * (value - filters[j, stage])
                    value = value - filters[j, stage] if high_pass[j, stage] else filters[j, stage]
            seen[j] = value
        for j in range(3):
            error = seen[j] - (seen[1 - j] if differential[j] and j < 2 else setpoint[j])
            memory[j] = min(max(memory[j] + integral[j] * error, -_MEMORY_LIMIT), _MEMORY_LIMIT)
            value = min(max(proportional[j] * error + memory[j], -8192.0), 8191.0)
            output[j] = min(max(value, low[j]), high[j])
            past[j, now] = output[j]
        for k in range(2):
            total = 0.0
            for j in range(3):
                if routes[j] >> k & 1:
                    total += output[j]
            past[3 + k, now] = min(max(total, -8192.0), 8191.0)
