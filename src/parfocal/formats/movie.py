"""A series of images of one shape, by index: what viewers, browsers, the replay camera and `track` read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, MovieError
from parfocal.core.frames import Sensor
from parfocal.core.reminder import Reminder
from parfocal.formats.counts import Counts
from parfocal.formats.selection import select
from parfocal.formats.times import image_times_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.formats.contents import PlaneReader
    from parfocal.formats.options import MovieOptions


class MovieFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a movie, as plain values for a record.

    Attributes
    ----------
    path, format : str
        Which file, and what it is.
    images : int
        How many.
    shape, dtype
        (y, x) and the pixel type of an image.
    axes, sizes
        What the images run through, slowest first: "t", or "tz" for z stacks at several times.
    pixel_size_um, pixel_size_from
        Edge of a pixel in the sample, and who says so; None and "untold" if nobody does.
    frame_rate_hz, times_from
        Images a second from the first to the last, and who says so; None and "untold" if nobody does.
    sensor : Sensor or None
        What the counts mean, as far as the file tells; None of counts that were made of other values.
    unread : tuple of str
        What of the file is left unread, in words.
    remarks : tuple of str
        What else should be known: gaps, lossy compression, counts that were made of something else.
    """

    path: str
    format: str
    images: int
    shape: tuple[int, int]
    dtype: str
    axes: str
    sizes: tuple[int, ...]
    pixel_size_um: float | None
    pixel_size_from: str
    frame_rate_hz: float | None
    times_from: str
    sensor: Sensor | None = None
    unread: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Movie:
    """Images by index. Made by `parfocal.formats.open_movie`; close it, or use it in a ``with``.

    One thread at a time.

    Attributes
    ----------
    facts : MovieFacts
        What is known of it.
    times_s : ndarray of float64 (n,), or None
        Seconds since the first image at which each was taken; None if nobody tells.
    names : dict of str to tuple of str
        Names along an axis of the file, where it gives them: "c" channels, "p" positions.
    positions : int
        How many positions the file has, chosen or not.
    """

    def __init__(self, reader: PlaneReader, options: MovieOptions) -> None:
        contents = reader.contents
        self._reader = reader
        self._selection = select(contents, options)
        self._counts = Counts.of(contents.dtype, options)
        self._buffer = None if self._counts is None else np.empty(contents.shape, contents.dtype)
        self._path = contents.path
        self.names = contents.names
        self.positions = contents.positions
        self.shape = contents.shape
        self.dtype: np.dtype[Any] = contents.dtype if self._counts is None else np.dtype(np.uint16)
        self.times_s, times_from = image_times_s(contents, self._selection, options)
        stated = contents.pixel_size_um
        size, size_from = (stated.value, stated.source) if stated is not None else (None, "untold")
        if options.pixel_size_um is not None:
            size, size_from = options.pixel_size_um, "given"
        made = () if self._counts is None else (self._counts.words,)
        self.facts = MovieFacts(
            path=str(contents.path),
            format=contents.format,
            images=len(self),
            shape=self.shape,
            dtype=self.dtype.name,
            axes=self._selection.axes,
            sizes=self._selection.sizes,
            pixel_size_um=size,
            pixel_size_from=size_from,
            frame_rate_hz=_rate(self.times_s),
            times_from=times_from,
            sensor=contents.sensor if self._counts is None else None,
            unread=(*self._selection.unread, *contents.unread),
            remarks=(*self._selection.gaps, *contents.remarks, *made),
        )
        self._reminder = Reminder(self, f"movie {self._path.name!r}")

    def __len__(self) -> int:
        return len(self._selection.planes)

    def image_at(self, place: Mapping[str, int]) -> int:
        """Return the image at a place by axis, such as ``{"t": 3, "c": 1}``; an axis not named is at 0.

        Raises
        ------
        BadInputError
            If there is none: names the axis and how long it is here.
        """
        return self._selection.image_at(place)

    def place_of(self, index: int) -> dict[str, int]:
        """Return where an image stands along each axis of `facts.axes`, such as ``{"t": 3, "c": 1}``."""
        return self._selection.place_of(index)

    def read_into(self, index: int, out: NDArray[Any]) -> None:
        """Fill `out`, of the movie's shape and dtype, with one image.

        Raises
        ------
        BadInputError
            If there is no image `index`, or `out` is of another shape or dtype.
        MovieError
            If it cannot be read; names the file and the image. Others can be read all the same.
        """
        if not 0 <= index < len(self):
            raise BadInputError(f"{self._path} has {len(self)} images, no image {index} (they count from 0)")
        if out.shape != self.shape or out.dtype != self.dtype:
            raise BadInputError(f"out must be {self.dtype} {self.shape}, not {out.dtype} {out.shape}")
        try:
            if self._counts is None or self._buffer is None:
                self._reader.read_into(int(self._selection.planes[index]), out)
            else:
                self._reader.read_into(int(self._selection.planes[index]), self._buffer)
                self._counts.fill(self._buffer, out)
        except (MovieError, OSError, ValueError) as error:
            raise MovieError(f"{self._path}: image {index} cannot be read: {error}") from error

    def read(self, index: int) -> NDArray[Any]:
        """Return one image, (y, x), as an array of its own; raises as `read_into` does."""
        image = np.empty(self.shape, self.dtype)
        self.read_into(index, image)
        return image

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._reminder.cancel()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        facts = self.facts
        return f"<Movie {Path(facts.path).name!r}: {facts.images} images, {facts.dtype} {facts.shape}>"


def _rate(times_s: NDArray[np.float64] | None) -> float | None:
    """Return images a second from the first to the last; None if they are fewer than two, or untold."""
    if times_s is None or len(times_s) < 2:
        return None
    return round(float((len(times_s) - 1) / (times_s[-1] - times_s[0])), 9)
