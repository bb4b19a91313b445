"""TIFF, multi-page TIFF, ImageJ and OME-TIFF as a source of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from parfocal.core.errors import DeviceError
from parfocal.devices.replay.planes import checked_dtype, frame_count, plane_index

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_UM = {"m": 1e6, "mm": 1e3, "µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "Å": 1e-4}
_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6}


class TiffSource:
    """The first series of a TIFF; memory-mapped if its pixels lie in one piece."""

    def __init__(self, path: Path, channel: int) -> None:
        self._path = path
        self._channel = channel
        try:
            self._file = tifffile.TiffFile(path)
        except (tifffile.TiffFileError, ValueError, OSError) as error:
            raise DeviceError(f"cannot replay {path}: {error}") from error
        try:
            self._describe()
        except DeviceError:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._count

    def read_into(self, index: int, out: NDArray[Any]) -> None:
        """Fill `out` with one image."""
        place = plane_index(self._axes, self._sizes, index, self._channel)
        if self._mapped is not None:
            np.copyto(out, self._mapped[place])
            return
        page = self._series.pages[int(np.ravel_multi_index(place, self._sizes[:-2])) if place else 0]
        if page is None:
            raise DeviceError(f"image {index} of {self._path} is missing")
        try:
            np.copyto(out, page.asarray())
        except (ValueError, OSError, tifffile.TiffFileError) as error:
            raise DeviceError(f"image {index} of {self._path} cannot be read: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._mapped: NDArray[Any] | None = None
        self._file.close()

    def _describe(self) -> None:
        self._series = self._first_series()
        self._axes = self._series.axes.lower()
        self._sizes = tuple(self._series.shape)
        self._count = frame_count(self._axes, self._sizes, self._channel, self._path)
        self.dtype = checked_dtype(self._series.dtype, self._path)
        self.shape = (self._sizes[-2], self._sizes[-1])
        self.pixel_size_um, self.frame_rate_hz = _calibration(self._file)
        self._mapped = self._map()

    def _first_series(self) -> tifffile.TiffPageSeries:
        try:
            series = self._file.series
        except (tifffile.TiffFileError, ValueError, IndexError, KeyError) as error:
            raise DeviceError(f"cannot replay {self._path}: {error}") from error
        if not series:
            raise DeviceError(f"cannot replay {self._path}: it holds no image")
        shapes = {(tuple(one.shape), str(one.dtype)) for one in series}
        if len(shapes) > 1 and not (self._file.is_ome or series[0].is_pyramidal):
            found = ", ".join(sorted(f"{shape} {dtype}" for shape, dtype in shapes))
            raise DeviceError(f"cannot replay {self._path}: its images differ in shape or type: {found}")
        return series[0]

    def _map(self) -> NDArray[Any] | None:
        if self._series.dataoffset is None or self._file.is_ome:
            return None
        try:
            mapped = tifffile.memmap(self._path, series=0, mode="r")
        except ValueError:
            return None
        return np.asarray(mapped).reshape(self._sizes)


def _calibration(file: tifffile.TiffFile) -> tuple[float | None, float | None]:
    """Return pixel size and frame rate as OME or ImageJ metadata tell them."""
    if file.is_ome and file.ome_metadata:
        return _ome_calibration(file.ome_metadata)
    metadata = file.imagej_metadata or {}
    interval = metadata.get("finterval")
    rate = metadata.get("fps") or (1 / interval if interval else None)
    return None, float(rate) if rate else None


def _ome_calibration(xml: str) -> tuple[float | None, float | None]:
    try:
        pixels = next(
            (node for node in ElementTree.fromstring(xml).iter() if node.tag.endswith("}Pixels")), None
        )
    except ElementTree.ParseError:
        return None, None
    if pixels is None:
        return None, None
    size = _number(pixels, "PhysicalSizeX", _UM, "µm")
    interval = _number(pixels, "TimeIncrement", _SECONDS, "s")
    return size, 1 / interval if interval else None


def _number(pixels: ElementTree.Element, name: str, units: dict[str, float], default: str) -> float | None:
    try:
        value = float(pixels.get(name, "nan")) * units[pixels.get(f"{name}Unit", default)]
    except (ValueError, KeyError):
        return None
    return value if value > 0 else None
