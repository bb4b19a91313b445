"""NDTiff, Micro-Manager's and Pycro-Manager's data sets: a binary index of where each image lies.

Version 3 of the format, as https://github.com/micro-manager/NDTiffStorage describes it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.contents import Contents, SourcedValue
from parfocal.formats.micromanager import elapsed_s, pixel_size_um, sensor_of
from parfocal.formats.pixels import read_raw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

INDEX = "NDTiff.index"
_WORD, _ENTRY = struct.Struct("<I"), struct.Struct("<8I")
_DTYPES = {0: "u1", 1: "<u2", 3: "<u2", 4: "<u2", 5: "<u2", 6: "<u2"}
"""Pixel types of the index: 8 bits; 16 bits, of which 16, 10, 12, 14 or 11 are used."""
_AXES = {"position": "p", "time": "t", "z": "z", "channel": "c"}


@dataclass(frozen=True, slots=True)
class _Entry:
    axes: dict[str, Any]
    file: str
    offset: int
    shape: tuple[int, int]
    pixel_type: int
    metadata: tuple[int, int]  # offset and length


class NDTiffReader:
    """A data set in a folder with an ``NDTiff.index``; multi-resolution ones in ``Full resolution``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder if (folder / INDEX).exists() else folder / "Full resolution"
        self._files: dict[str, BinaryIO] = {}
        entries = _entries(self._folder / INDEX)
        looks = {(entry.shape, entry.pixel_type) for entry in entries}
        if len(looks) != 1:
            raise MovieError(f"{folder}: its images differ in shape or type: {sorted(looks)}")
        shape, pixel_type = looks.pop()
        if pixel_type not in _DTYPES:
            raise MovieError(f"{folder}: its images are in colour, or of an unknown type ({pixel_type})")
        self._dtype = np.dtype(_DTYPES[pixel_type])
        axes, values = _axes_of(entries)
        sizes = tuple(len(values[name]) for name in axes)
        places = [
            int(np.ravel_multi_index([values[name].index(entry.axes[name]) for name in axes], sizes))
            if axes
            else 0
            for entry in entries
        ]
        self._at = dict(
            zip(places, entries, strict=True)
        )  # an image that was written again counts as the last
        letters = "".join(_AXES.get(name, "q") for name in axes)
        words = {place: self._metadata(entry) for place, entry in self._at.items()}
        self.contents = self._contents(folder, letters, sizes, shape, axes, values, words)

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        entry = self._at[plane]
        read_raw(self._opened(entry.file), entry.offset, self._dtype, out)

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    def _contents(
        self,
        folder: Path,
        letters: str,
        sizes: tuple[int, ...],
        shape: tuple[int, int],
        axes: list[str],
        values: dict[str, list[Any]],
        words: dict[int, dict[str, Any]],
    ) -> Contents:
        planes = int(np.prod(sizes, dtype=np.int64))
        times = np.full(planes, np.nan)
        for place, metadata in words.items():
            times[place] = elapsed_s(metadata)
        size = next((size for one in words.values() if (size := pixel_size_um(one)) is not None), None)
        named = {
            _AXES[name]: tuple(str(v) for v in values[name])
            for name in axes
            if name in ("channel", "position")
        }
        return Contents(
            path=folder,
            format="NDTiff",
            axes=letters,
            sizes=sizes,
            shape=shape,
            dtype=self._dtype.newbyteorder("="),
            names=named,
            pixel_size_um=None if size is None else SourcedValue(size, "Micro-Manager PixelSizeUm"),
            plane_times_s=times.reshape(sizes) if np.isfinite(times).any() else None,
            plane_times_from="Micro-Manager ElapsedTime-ms",
            sensor=next((found for one in words.values() if (found := sensor_of(one)) is not None), None),
            missing=frozenset(range(planes)) - self._at.keys(),
        )

    def _metadata(self, entry: _Entry) -> dict[str, Any]:
        offset, length = entry.metadata
        data = np.zeros(length, np.uint8)
        read_raw(self._opened(entry.file), offset, data.dtype, data)
        try:
            document = json.loads(data.tobytes())
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def _opened(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._files[name] = (self._folder / name).open("rb")
        return self._files[name]


def is_ndtiff(folder: Path) -> bool:
    """Whether a folder is an NDTiff data set."""
    return (folder / INDEX).exists() or (folder / "Full resolution" / INDEX).exists()


def _entries(index: Path) -> list[_Entry]:
    """Return the entries of an index; one that was cut off at its end, as by a crash, is left out."""
    data, at, found = index.read_bytes(), 0, []
    try:
        while at < len(data):
            axes, at = _text(data, at)
            file, at = _text(data, at)
            offset, width, height, pixel_type, _, metadata, length, _ = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size
            found.append(
                _Entry(json.loads(axes), file, offset, (height, width), pixel_type, (metadata, length))
            )
    except (struct.error, ValueError) as error:
        if not found:
            raise MovieError(f"{index}: it is no index of an NDTiff data set: {error}") from error
    if not found:
        raise MovieError(f"{index}: it lists no image")
    return found


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = _WORD.unpack_from(data, at)
    end = at + _WORD.size + length
    if end > len(data):
        raise ValueError("it ends too early")
    return data[at + _WORD.size : end].decode(), end


def _axes_of(entries: list[_Entry]) -> tuple[list[str], dict[str, list[Any]]]:
    """Return the names of the axes, positions first and channels last, and the values along each in order."""
    names = {name for entry in entries for name in entry.axes}
    if any(entry.axes.keys() != names for entry in entries):
        raise MovieError(f"its images have different axes: {', '.join(sorted(names))}")
    rank = {name: place for place, name in enumerate(_AXES)}
    ordered = sorted(names, key=lambda name: (rank.get(name, 1.5), name))
    values: dict[str, list[Any]] = {}
    for name in ordered:
        seen = list(dict.fromkeys(entry.axes[name] for entry in entries))
        values[name] = sorted(seen) if all(isinstance(value, int) for value in seen) else seen
    return ordered, values
