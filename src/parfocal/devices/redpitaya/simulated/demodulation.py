"""Demodulation of any signal over any time: I + iQ, from enough samples. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.devices.redpitaya.simulated.sources import angles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_MOST_SAMPLES = 65536
_MOST_CYCLES = 4096


def demodulate(
    signal: Callable[[NDArray[np.int64]], NDArray[np.float64]], begin: int, end: int, step: int, phase: int
) -> complex:
    """Return the mean of signal x (sin + i cos) over the ticks `begin` to `end`.

    Whole cycles are taken where there is one, at most 4096 of them and those last, in at most 65536
    samples: of a sine A sin(wt + p) comes A/2 e^(ip), with an error below 1e-4 A.

    Parameters
    ----------
    signal : callable
        The signal at given ticks.
    step, phase : int
        Of the reference's accumulator, in cycles / 2**32.

    Examples
    --------
    >>> step = 2**32 // 1000
    >>> sine = lambda ticks: 100 * np.sin(2 * np.pi * ticks * step / 2**32 + 0.5)
    >>> mean = demodulate(sine, 0, 10_000, step, 0)
    >>> round(2 * abs(mean), 2), round(float(np.angle(mean)), 3)
    (100.0, 0.5)
    """
    length = max(1, end - begin)
    cycles_per_tick = step / 2**32
    cycles = min(int(length * cycles_per_tick), _MOST_CYCLES)
    if cycles:
        length = round(cycles / cycles_per_tick)
    stride = -(-length // _MOST_SAMPLES)
    ticks = np.arange(end - length, end, stride, dtype=np.int64)
    reference = angles(ticks, step, phase)
    values = signal(ticks)
    return complex(np.mean(values * np.sin(reference)), np.mean(values * np.cos(reference)))
