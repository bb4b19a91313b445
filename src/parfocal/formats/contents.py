"""What a format's reader tells of a file, and how it is asked for pixels: where formats and movies meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from parfocal.core.frames import Sensor


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A number, and who says so, such as ``SourcedValue(0.1, "OME PhysicalSizeX")``."""

    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in a file: planes of one shape and dtype, on a grid of axes.

    Attributes
    ----------
    path : Path
        The file or folder.
    format : str
        In words: "OME-TIFF", "folder of PNG".
    axes : str
        A letter for each axis of the grid, slowest first: "p" position, "t" time, "z" plane, "c" channel;
        any other letter is run through in order, as time is.
    sizes : tuple of int
        How long each axis is.
    shape : tuple of int
        (y, x) of a plane.
    dtype : numpy dtype
        Of a pixel, in this machine's byte order.
    names : dict of str to tuple of str
        Names along an axis, where the file gives them: channels, positions.
    pixel_size_um : SourcedValue or None
        Edge of a pixel in the sample, micrometres.
    interval_s : SourcedValue or None
        Seconds from one time to the next.
    plane_times_s : ndarray or None
        Seconds at which each plane was taken, in the shape of `sizes`, NaN where it is not known.
    plane_times_from : str
        Who says so.
    sensor : Sensor or None
        What the counts mean, as far as the file tells.
    chosen_of : int
        Of how many positions the reader took one, as it must where they differ in shape; 0 if it took all.
    missing : frozenset of int
        Planes of the grid that the file does not hold, counted in the order of the grid.
    unread : tuple of str
        What else is there and is not among these planes, in words.
    remarks : tuple of str
        What else should be known before these images are trusted.
    """

    path: Path
    format: str
    axes: str
    sizes: tuple[int, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pixel_size_um: SourcedValue | None = None
    interval_s: SourcedValue | None = None
    plane_times_s: NDArray[np.float64] | None = None
    plane_times_from: str = ""
    sensor: Sensor | None = None
    chosen_of: int = 0
    missing: frozenset[int] = frozenset()
    unread: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def positions(self) -> int:
        """How many positions the file has."""
        return self.chosen_of or dict(zip(self.axes, self.sizes, strict=True)).get("p", 1)

    @property
    def planes(self) -> int:
        """How many places the grid has."""
        return prod(self.sizes)


class PlaneReader(Protocol):
    """Reads planes of one file. Called by one thread at a time.

    Attributes
    ----------
    contents : Contents
        What is in the file.
    """

    contents: Contents

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` (shape and dtype of the contents) with a plane, counted in the order of the grid.

        Raises
        ------
        MovieError, OSError, ValueError
            If it cannot be read; `out` then holds anything. The next plane may be asked for all the same.
        """
        ...

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        ...
