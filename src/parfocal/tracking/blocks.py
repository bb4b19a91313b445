"""From a frame and corners to blocks of regions in the cache, worked on by one or more threads."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.jit import driver
from parfocal.tracking.pixels import PixelGrid, aligned, load_region

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from numpy.typing import ArrayLike, NDArray

_BLOCK_BYTES = 600_000


@dataclass(frozen=True, slots=True)
class PixelResponse:
    """How counts become electrons.

    Attributes
    ----------
    gain_e_per_adu, offset_adu, read_noise_e : float
        Electrons for a count, counts without light, RMS read noise.
    saturation_adu : float or None
        Counts at which a pixel is full; the top of the frame's integer type if None.
    """

    gain_e_per_adu: float = 1.0
    offset_adu: float = 0.0
    read_noise_e: float = 0.0
    saturation_adu: float | None = None

    def __post_init__(self) -> None:
        if not self.gain_e_per_adu > 0:
            raise BadInputError(f"gain_e_per_adu must be positive, not {self.gain_e_per_adu}")
        if not self.read_noise_e >= 0:
            raise BadInputError(f"read_noise_e must not be negative, not {self.read_noise_e}")

    @property
    def noise(self) -> float:
        """Variance of a dark pixel, electrons squared: read noise and rounding to whole counts."""
        return self.read_noise_e**2 + self.gain_e_per_adu**2 / 12

    def limits(self, dtype: np.dtype[Any]) -> NDArray[np.float32]:
        """Return gain, offset and saturation level for frames of this type."""
        top = self.saturation_adu
        if top is None:
            top = float(np.iinfo(dtype).max) if dtype.kind == "u" else np.inf
        return np.array([self.gain_e_per_adu, self.offset_adu, top], np.float32)


class BlockMemory(threading.local):
    """Pixel lists for one block, kept by each thread so that they stay in its cache."""

    def __init__(self, length: int) -> None:
        self._lists = aligned(2, block_size(length), length)

    def lists(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return values and sensitivities for so many regions, with whatever is in them."""
        return self._lists[0, :count], self._lists[1, :count]


def block_size(length: int) -> int:
    """Return how many regions of so many pixels are worked on together."""
    return max(1, _BLOCK_BYTES // (8 * length))


@driver
def load_regions(
    frame: Any, flat: Any, corners: Any, roi: int, camera: Any, values: Any, sensitivity: Any, seen: Any
) -> None:
    """Load each region; `seen`, (n, 2), gets the pixels inside the frame and the saturated ones."""
    for i in range(corners.shape[0]):
        seen[i] = load_region(
            frame, flat, corners[i, 1], corners[i, 0], roi, camera, values[i], sensitivity[i]
        )


def readable(frame: NDArray[Any], flat: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return a read-only view that kernels know, and the flat field, 0 where the frame holds no number."""
    if frame.ndim != 2:
        raise BadInputError(f"a frame must be (y, x), not of shape {frame.shape}")
    if flat.size and flat.shape != frame.shape:
        raise BadInputError(f"the flat field is {flat.shape}, the frame {frame.shape}")
    if frame.dtype in (np.uint8, np.uint16):
        view = frame.view()
    elif frame.dtype.kind in "iuf":
        view = frame.astype(np.float32)
        bad = ~np.isfinite(view)
        if bad.any():
            view[bad] = 0
            flat = np.where(bad, np.float32(0), flat if flat.size else np.float32(1))
    else:
        raise BadInputError(f"a frame must hold numbers, not {frame.dtype}")
    view.flags.writeable = False
    return view, flat


def checked_corners(corners: ArrayLike) -> NDArray[np.int64]:
    """Return corners as (n, 2) whole numbers (y0, x0)."""
    array = np.asarray(corners)
    if array.size == 0:
        return np.zeros((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise BadInputError(
            f"corners must be whole numbers (y0, x0), (n, 2), not {array.dtype} {array.shape}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def for_each_block(
    grid: PixelGrid,
    count: int,
    work: Callable[[slice], None],
    pool: ThreadPoolExecutor | None = None,
    helpers: int = 0,
) -> None:
    """Call `work` with slices of at most a cacheful of regions, here and on so many threads of the pool.

    Who is free takes the next slice; so the caller works too, instead of waiting for threads to wake up.
    """
    block = block_size(grid.length)
    slices = iter([slice(first, min(first + block, count)) for first in range(0, count, block)])

    def work_on() -> None:
        for part in slices:
            work(part)

    others = [pool.submit(work_on) for _ in range(helpers)] if pool is not None and count > block else []
    try:
        work_on()
    finally:
        wait(others)
    for other in others:
        other.result()
