"""OME-Zarr 0.4 and 0.5 as a source of frames, read through tensorstore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorstore

from parfocal.core.errors import DeviceError
from parfocal.devices.replay.planes import checked_dtype, frame_count, plane_index

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CACHE_BYTES = 200_000_000
_UM = {"meter": 1e6, "millimeter": 1e3, "micrometer": 1.0, "nanometer": 1e-3, "angstrom": 1e-4}
_SECONDS = {"hour": 3600.0, "minute": 60.0, "second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6}


class ZarrSource:
    """The full-resolution array of the first image of an OME-Zarr."""

    def __init__(self, path: Path, channel: int) -> None:
        self._path = path
        self._channel = channel
        image, driver = _image_of(path)
        try:
            dataset = image["datasets"][0]
            axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
            self._axes = "".join(axis["name"].lower() for axis in axes)
            location = str(path / dataset["path"])
        except (KeyError, IndexError, TypeError) as error:
            raise DeviceError(f"cannot replay {path}: its multiscales metadata lacks {error}") from error
        self._store = _open(driver, location)
        self._sizes = tuple(int(n) for n in self._store.shape)
        if len(self._sizes) != len(self._axes):
            raise DeviceError(
                f"cannot replay {path}: axes {self._axes!r} for an array of shape {self._sizes}"
            )
        self._count = frame_count(self._axes, self._sizes, channel, path)
        self.dtype = checked_dtype(self._store.dtype.numpy_dtype, path)
        self.shape = (self._sizes[-2], self._sizes[-1])
        self.pixel_size_um, interval = _steps(axes, dataset)
        self.frame_rate_hz = 1 / interval if interval else None

    def __len__(self) -> int:
        return self._count

    def read_into(self, index: int, out: NDArray[Any]) -> None:
        """Fill `out` with one image."""
        place = plane_index(self._axes, self._sizes, index, self._channel)
        try:
            np.copyto(out, self._store[place].read().result())
        except (ValueError, OSError) as error:
            raise DeviceError(f"image {index} of {self._path} cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the array."""
        self._store = None


def _image_of(path: Path) -> tuple[dict[str, Any], str]:
    """Return the first image's metadata and tensorstore's driver for its version of Zarr."""
    try:
        if (path / "zarr.json").exists():
            attributes = json.loads((path / "zarr.json").read_text()).get("attributes", {})
            images, driver = attributes.get("ome", attributes).get("multiscales"), "zarr3"
        else:
            file = path / ".zattrs"
            images = json.loads(file.read_text()).get("multiscales") if file.exists() else None
            driver = "zarr"
    except (OSError, ValueError) as error:
        raise DeviceError(f"cannot replay {path}: its metadata cannot be read: {error}") from error
    if not images:
        raise DeviceError(f"cannot replay {path}: it is a Zarr without OME multiscales metadata")
    return images[0], driver


def _open(driver: str, location: str) -> Any:
    try:
        return tensorstore.open(
            {"driver": driver, "kvstore": {"driver": "file", "path": location}},
            open=True,
            read=True,
            context=tensorstore.Context({"cache_pool": {"total_bytes_limit": _CACHE_BYTES}}),
        ).result()
    except (ValueError, OSError) as error:
        raise DeviceError(f"cannot replay {location}: {error}") from error


def _steps(axes: list[dict[str, Any]], dataset: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return micrometres a pixel along x and seconds a frame along t, where the units are told."""
    scale = next(
        (one["scale"] for one in dataset.get("coordinateTransformations", []) if one.get("type") == "scale"),
        None,
    )
    found: dict[str, float] = {}
    for axis, step in zip(axes, scale or [], strict=False):
        units = _SECONDS if axis["name"].lower() == "t" else _UM
        if axis.get("unit") in units and step > 0:
            found[axis["name"].lower()] = float(step) * units[axis["unit"]]
    return found.get("x"), found.get("t")
