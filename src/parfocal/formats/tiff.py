"""TIFF in all its kinds: pages, series, ImageJ, OME, Micro-Manager; compressed ones through imagecodecs."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from parfocal.core.errors import MovieError
from parfocal.formats.contents import Contents
from parfocal.formats.pages import CUT, errors, is_cut
from parfocal.formats.pixels import native, read_raw
from parfocal.formats.selection import listed
from parfocal.formats.tiff_words import Words, words_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ERRORS = errors()
_MANY_PAGES = 500


class TiffReader:
    """All images of a TIFF.

    Series of one shape are joined: those of OME and of Micro-Manager are positions, any others follow one
    another in time, as a movie that was written page by page or block by block.

    Parameters
    ----------
    path : Path
        The file. Other files that an OME-TIFF names are read too.
    position : int or "all"
        Which series, where those of an OME-TIFF differ in shape.
    """

    def __init__(self, path: Path, position: int | str = 0) -> None:
        self._path = path
        self._file = _opened(path)
        try:
            self._series, unread = _series_of(self._file, path, position)
            self._starts = [0, *accumulate(_planes(series) for series in self._series)]
            words = words_of(self._file, self._series, None if unread is None else int(position))
            self.contents = self._contents(words, unread)
            self._check_decoder()
        except BaseException:
            self._file.close()
            raise

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        number = bisect_right(self._starts, plane) - 1
        series, index = self._series[number], plane - self._starts[number]
        offset = series.dataoffset
        if offset is not None:
            self._read_raw(series.keyframe, offset + index * out.nbytes, out)
            return
        page = series.pages[index]
        if page is None:
            raise MovieError("the file does not hold it")
        try:
            if page.is_memmappable and page.dataoffsets:
                self._read_raw(page.keyframe, page.dataoffsets[0], out)
            else:
                np.copyto(out, np.asarray(page.asarray()).reshape(out.shape), casting="same_kind")
        except MovieError:
            raise
        except _ERRORS as error:
            raise MovieError(str(error)) from error

    def file_names(self) -> set[str]:
        """Return the names of all files in which its images lie."""
        pages = (page for series in self._series for page in series.pages if page is not None)
        return {self._path.name, *(page.parent.filehandle.name for page in pages)}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_raw(self, keyframe: Any, offset: int, out: NDArray[Any]) -> None:
        handle = keyframe.parent.filehandle
        if handle.closed:
            handle.open()
        dtype = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
        read_raw(handle._fh, offset, dtype, out)

    def _contents(self, words: Words, unread: tuple[str, ...] | None) -> Contents:
        first = self._series[0]
        axes, sizes = first.axes.lower(), tuple(int(n) for n in first.shape)
        if "s" in axes:
            raise MovieError(f"{self._path}: it is a colour image ({sizes[axes.index('s')]} samples a pixel)")
        if not axes.endswith("yx"):
            raise MovieError(f"{self._path}: its axes are {axes!r}, wanted are ones that end in 'yx'")
        axes, shape, sizes = axes[:-2], (sizes[-2], sizes[-1]), sizes[:-2]
        if len(self._series) > 1:
            axes, sizes = ("p" if self._file.is_ome else "q") + axes, (len(self._series), *sizes)
        return Contents(
            path=self._path,
            format=words.format,
            axes=axes,
            sizes=sizes,
            shape=shape,
            dtype=native(first.dtype, self._path),
            names={axis: names for axis, names in words.names.items() if any(names)},
            pixel_size_um=words.pixel_size_um,
            interval_s=words.interval_s,
            plane_times_s=words.times_s(axes, sizes),
            plane_times_from=words.times_from,
            sensor=words.sensor,
            chosen_of=0 if unread is None else len(self._file.series),
            missing=frozenset(self._missing()),
            unread=unread or (),
            remarks=self._remarks(),
        )

    def _missing(self) -> list[int]:
        """Return the planes of which the file has no page."""
        return [
            start + index
            for start, series in zip(self._starts, self._series, strict=False)
            if series.dataoffset is None
            for index in range(_planes(series))
            if len(series.pages) <= index or series.pages[index] is None
        ]

    def _remarks(self) -> tuple[str, ...]:
        compression = self._series[0].keyframe.compression.name
        lossy = "JPEG" in compression or compression in ("WEBP", "LERC")
        stated = (f"compressed with loss ({compression})",) if lossy else ()
        return (*stated, f"{self._path.name} {CUT}") if is_cut(self._file) else stated

    def _check_decoder(self) -> None:
        """Decode an image of a compressed file: its decoder may not be installed."""
        page = next(page for series in self._series for page in series.pages if page is not None)
        if page.is_memmappable:
            return
        try:
            page.asarray()
        except _ERRORS as error:
            if isinstance(error, ImportError) or "imagecodecs" in str(error):
                kind = page.keyframe.compression.name
                raise MovieError(
                    f"{self._path}: it is compressed ({kind}): pip install 'parfocal[tiff]' (imagecodecs)"
                ) from error


def _opened(path: Path) -> tifffile.TiffFile:
    try:
        file = tifffile.TiffFile(path)
        if len(file.pages) > _MANY_PAGES and file.is_shaped and not _is_truncated(file.pages[0]):
            file.close()  # to pair thousands of series takes minutes, and pages alone tell as much
            file = tifffile.TiffFile(path, is_shaped=False)
    except _ERRORS as error:
        raise MovieError(f"{path}: {error}") from error
    return file


def _is_truncated(page: Any) -> bool:
    """Whether tifffile wrote a page for the first image alone, before the pixels of all."""
    return "truncated" in page.description


def _series_of(
    file: tifffile.TiffFile, path: Path, position: int | str
) -> tuple[list[Any], tuple[str, ...] | None]:
    """Return the series to read; and what is left unread where only the one at `position` is, else None."""
    try:
        found = list(file.series)
    except _ERRORS as error:
        raise MovieError(f"{path}: {error}") from error
    if not found:
        raise MovieError(f"{path}: it holds no image")
    looks = [f"{tuple(series.shape)} {series.dtype}" for series in found]
    if len(set(looks)) == 1:
        return found, None
    found_looks = listed(looks, "series")
    if not file.is_ome or position == "all":
        raise MovieError(f"{path}: its images differ in shape or type: {found_looks}")
    if int(position) >= len(found):
        raise MovieError(f"{path}: no position {position}; {found_looks}")
    others = f"{len(found) - 1} of {len(found)} positions: read is position {position}, --position chooses"
    return [found[int(position)]], (f"{others} ({found_looks})",)


def _planes(series: Any) -> int:
    return int(np.prod(series.shape[:-2], dtype=np.int64))
