"""Images as OME-TIFF, for programs that read nothing else: a movie, the positions of a plan, one image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import AlreadyExistsError
from parfocal.core.files import draft_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.formats.movie import Movie

_PIXELS = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")
"""Types of pixels that OME has words for."""
_UM_PER_CM = 1e4
_NEEDS_BIG_TIFF = 3_900_000_000


@dataclass(frozen=True)
class TiffSeries:
    """One of the images that an OME-TIFF holds, such as that of a position.

    Attributes
    ----------
    axes, shape, dtype
        Of all its pixels, such as "TCYX".
    planes : iterable of ndarray
        Its planes (y, x), in the order of the axes; taken once.
    pixel_size_um : float or None
        Edge of a pixel in the sample, if that is known.
    metadata : dict
        What else is told of it, in OME's words.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    planes: Iterable[NDArray[Any]]
    pixel_size_um: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def write_tiff(movie: Movie, path: Path) -> None:
    """Write all images of a movie, one page each, with their times and the size of a pixel, uncompressed.

    Takes the memory of one image. The file gets its name when it is whole.

    Parameters
    ----------
    movie : Movie
        What to write.
    path : Path
        Where to; must not be there.

    Raises
    ------
    AlreadyExistsError
        If there is something at `path`.
    MovieError
        If an image cannot be read; then nothing is left.
    """
    images = (movie.read(index) for index in range(len(movie)))
    shape, dtype = (len(movie), *movie.shape), np.dtype(movie.dtype)
    size_um = movie.facts.pixel_size_um
    write_series([TiffSeries(_axes(shape), shape, dtype, images, size_um, _times(movie))], path)


def write_series(series: Sequence[TiffSeries], path: Path) -> None:
    """Write several images into one file, a page for each plane, as `write_tiff` does."""
    if path.exists():
        raise AlreadyExistsError(f"{path} exists; name another folder, or move it away")
    _write(series, path)


def write_image(image: NDArray[Any], pixel_size_um: float | None, path: Path) -> None:
    """Write one image, in place of what is at `path`: the file is the old or the new one, never a part.

    Parameters
    ----------
    image : ndarray
        (y, x) of any number type, or (y, x, 3) uint8; what OME has no word for is written as float32.
    pixel_size_um : float or None
        Edge of a pixel in the sample, if that is known.
    """
    kept = image if image.dtype.name in _PIXELS else image.astype(np.float32)
    shape = (1, *kept.shape)
    _write([TiffSeries(_axes(shape), shape, kept.dtype, [kept], pixel_size_um)], path)


def _write(series: Sequence[TiffSeries], path: Path) -> None:
    import tifffile

    draft = draft_of(path)
    big = sum(math.prod(one.shape) * one.dtype.itemsize for one in series) > _NEEDS_BIG_TIFF
    try:
        with tifffile.TiffWriter(draft, ome=True, bigtiff=big) as tiff:
            for one in series:
                tiff.write(
                    iter(one.planes),
                    shape=one.shape,
                    dtype=one.dtype,
                    photometric="rgb" if one.axes.endswith("S") else "minisblack",
                    metadata={"axes": one.axes, **one.metadata, **_size(one.pixel_size_um)},
                    **_resolution(one.pixel_size_um),
                )
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _axes(shape: tuple[int, ...]) -> str:
    """Return the axes of images that follow one another, in grey or in colour."""
    return "TYXS"[: len(shape)]


def _times(movie: Movie) -> dict[str, Any]:
    """Return the times of a movie in OME's words."""
    rate_hz = movie.facts.frame_rate_hz
    if movie.times_s is None or rate_hz is None:
        return {}
    times = movie.times_s.tolist()
    plane = {"DeltaT": times, "DeltaTUnit": ["s"] * len(times)}
    return {"TimeIncrement": 1 / rate_hz, "TimeIncrementUnit": "s", "Plane": plane}


def _size(pixel_size_um: float | None) -> dict[str, Any]:
    """Return the size of a pixel in OME's words."""
    if pixel_size_um is None:
        return {}
    sizes = {f"PhysicalSize{axis}": pixel_size_um for axis in "XY"}
    return {**sizes, **{f"{name}Unit": "µm" for name in sizes}}


def _resolution(pixel_size_um: float | None) -> dict[str, Any]:
    """Return the size of a pixel for programs that read TIFF's own words alone."""
    if pixel_size_um is None:
        return {}
    per_cm = _UM_PER_CM / pixel_size_um
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
