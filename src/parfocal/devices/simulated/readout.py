"""Which part of a simulated sensor is read, and how many pixels make one: region and binning. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINNINGS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Readout:
    """A rectangle of the sensor, in its own pixels, read in squares of `binning` x `binning`.

    Parameters
    ----------
    x_px, y_px, width_px, height_px : int
        The region: its first column and row, and its size. What does not fill a square at the right and at
        the bottom is left out.
    binning : int
        1, 2, 4 or 8.

    Examples
    --------
    >>> readout = Readout(x_px=10, y_px=0, width_px=101, height_px=50, binning=2)
    >>> readout.shape
    (25, 50)
    >>> readout.to_frame(np.array([10.5]), np.array([0.5]))
    (array([0.]), array([0.]))
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    binning: int = 1

    @classmethod
    def checked(
        cls, x_px: int, y_px: int, width_px: int, height_px: int, binning: int, sensor: tuple[int, int]
    ) -> Readout:
        """Return a readout that fits a sensor of (height, width) pixels; `BadInputError` otherwise."""
        height, width = sensor
        if binning not in BINNINGS:
            raise BadInputError(f"binning must be one of {', '.join(map(str, BINNINGS))}, not {binning}")
        if not (x_px >= 0 and y_px >= 0 and x_px + width_px <= width and y_px + height_px <= height):
            raise BadInputError(
                f"the region x {x_px}, y {y_px}, {width_px} x {height_px} does not lie within the sensor of "
                f"{width} x {height} pixels"
            )
        if width_px < binning or height_px < binning:
            raise BadInputError(
                f"the region of {width_px} x {height_px} pixels holds no square of {binning} x {binning}"
            )
        return cls(x_px, y_px, width_px, height_px, binning)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return self.height_px // self.binning, self.width_px // self.binning

    def read(self, sensor: NDArray[Any], out: NDArray[Any], *, offset_adu: float, bits: int) -> None:
        """Fill `out` from the whole sensor: sums of counts above the offset, cut to `bits`."""
        rows, columns = self.shape
        b = self.binning
        part = sensor[self.y_px : self.y_px + rows * b, self.x_px : self.x_px + columns * b]
        if b == 1:
            out[:] = part
            return
        sums = part.reshape(rows, b, columns, b).sum(axis=(1, 3), dtype=np.int64)
        np.clip(sums - round((b * b - 1) * offset_adu), 0, (1 << bits) - 1, out=sums)
        out[:] = sums

    def to_frame(self, x_px: NDArray[Any], y_px: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return where places on the sensor lie in a frame; the centre of pixel (0, 0) is the origin."""
        middle = 0.5 * (self.binning - 1)
        return (x_px - self.x_px - middle) / self.binning, (y_px - self.y_px - middle) / self.binning
