"""The waveforms of the generators: one cycle in 16384 values from -1 to 1. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError, nearest
from parfocal.devices.redpitaya.memory_map import COUNTS_PER_V, SAMPLES

_PHASE = np.arange(SAMPLES) / SAMPLES
_SIGMAS = 4
_SHAPES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "sin": lambda: np.sin(2 * np.pi * _PHASE),
    "cos": lambda: np.cos(2 * np.pi * _PHASE),
    "ramp": lambda: 1 - 2 * np.abs(1 - 2 * _PHASE),
    "halframp": lambda: 2 * _PHASE - 1,
    "square": lambda: np.where(_PHASE < 0.5, 1.0, -1.0),
    "dc": lambda: np.zeros(SAMPLES),
    "noise": lambda: np.clip(np.random.default_rng().normal(0, 1 / _SIGMAS, SAMPLES), -1, 1),
}
Waveform = Literal["sin", "cos", "ramp", "halframp", "square", "dc", "noise", "arbitrary"]
WAVEFORMS = get_args(Waveform)
"""ramp rises and falls, halframp rises and jumps back; dc is the offset alone; noise is white and Gaussian,
and its amplitude is four standard deviations."""


def table(
    waveform: str, samples: NDArray[np.floating] | Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Return one cycle of a waveform.

    Parameters
    ----------
    waveform : str
        One of `WAVEFORMS`.
    samples : array_like, optional
        The cycle itself, 16384 values from -1 to 1: with "arbitrary", and only then.

    Raises
    ------
    BadInputError
        If there is no such waveform, or `samples` do not fit.

    Examples
    --------
    >>> [float(v) for v in table("ramp")[[0, 4096, 8192, 12288]]]
    [-1.0, 0.0, 1.0, 0.0]
    >>> table("arbitrary", [0.0, 1.0])
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: samples of shape (2,): a table has 16384 values; numpy.interp ...
    """
    if waveform not in WAVEFORMS:
        raise BadInputError(f"waveform = {waveform!r}: {nearest(waveform, WAVEFORMS)}")
    if (samples is not None) != (waveform == "arbitrary"):
        raise BadInputError(f"waveform = {waveform!r}: samples belong to 'arbitrary', and to it alone")
    if samples is not None:
        return _checked(np.asarray(samples, float))
    return _SHAPES[waveform]()


def words(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return a cycle as the board's words: 14 bits, two's complement; 1 becomes 8191 counts of 8192."""
    counts = np.clip(np.rint(values * COUNTS_PER_V), -COUNTS_PER_V, COUNTS_PER_V - 1).astype(np.int64)
    return (counts & 0x3FFF).astype(np.uint32)


def _checked(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    if samples.shape != (SAMPLES,):
        raise BadInputError(
            f"samples of shape {samples.shape}: a table has {SAMPLES} values; numpy.interp stretches yours"
        )
    wrong = ~(np.abs(samples) <= 1)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise BadInputError(
            f"samples[{index}] = {samples[index]} is outside of -1 to 1; amplitude_v scales them"
        )
    return samples
