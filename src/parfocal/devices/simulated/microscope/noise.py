"""Shot noise and read noise of a simulated sensor: quick, and the same for the same number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXTRA = 1 << 18
_AT_ONCE = 1 << 15
"""Pixels: what the caches hold of them."""


class FrameNoise:
    """Turns expected electrons into counts.

    Parameters
    ----------
    pixels : int
        Of the largest image.
    gain_e_per_adu, offset_adu, read_noise_e, bits
        Of the sensor.
    seed : int
        The same seed and number make the same noise.

    Notes
    -----
    Random numbers are drawn once; each image adds two pieces of them that begin anywhere, which no two images
    have in common. Shot noise is normal with the mean as its variance, which is good above some 20 electrons.
    """

    def __init__(
        self,
        pixels: int,
        *,
        gain_e_per_adu: float,
        offset_adu: float,
        read_noise_e: float,
        bits: int,
        seed: int,
    ) -> None:
        rng = np.random.default_rng([seed, 22])
        self._random = rng.standard_normal(pixels + _EXTRA, dtype=np.float32) * np.float32(np.sqrt(0.5))
        self._seed = seed
        self._gain, self._variance = np.float32(1.0 / gain_e_per_adu), np.float32(read_noise_e**2)
        self._offset = np.float32(offset_adu + 0.5)  # counts are cut off, not rounded
        self._largest = np.float32((1 << bits) - 1)
        self._noise, self._width = np.empty((2, _AT_ONCE), np.float32)

    def read_out(self, expected_e: NDArray[np.float32], out: NDArray[Any], number: int) -> None:
        """Fill `out` with the counts of an image; `expected_e`, of the same shape, is used up."""
        pixels = expected_e.size
        rng = np.random.default_rng([self._seed, number])
        one, two = rng.integers(0, self._random.size - pixels + 1, 2).tolist()
        flat, counts = expected_e.reshape(-1), np.empty(pixels, out.dtype)
        for start in range(0, pixels, _AT_ONCE):
            end = min(start + _AT_ONCE, pixels)
            noise, width, part = self._noise[: end - start], self._width[: end - start], flat[start:end]
            np.add(self._random[one + start : one + end], self._random[two + start : two + end], out=noise)
            np.add(part, self._variance, out=width)
            np.sqrt(width, out=width)
            np.multiply(noise, width, out=noise)
            np.add(part, noise, out=part)
            np.multiply(part, self._gain, out=part)
            np.add(part, self._offset, out=part)
            np.maximum(part, 0, out=part)
            np.minimum(part, self._largest, out=part)
            np.copyto(counts[start:end], part, casting="unsafe")
        np.copyto(out, counts.reshape(out.shape))
