"""What a recording is to the replay camera, and which file is read by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parfocal.core.errors import DeviceError
from parfocal.devices.replay.planes import TIFF_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".pgm")


class Source(Protocol):
    """A series of images of one shape and dtype, read by index.

    Attributes
    ----------
    shape, dtype
        Of each image, (y, x).
    pixel_size_um, frame_rate_hz
        As the file tells; None if it does not.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size_um: float | None
    frame_rate_hz: float | None

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def read_into(self, index: int, out: NDArray[Any]) -> None:
        """Fill `out` with one image; raises `DeviceError` if it is missing or of another shape."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


def open_source(path: Path, channel: int = 0) -> Source:
    """Open a recording.

    Parameters
    ----------
    path : Path
        A TIFF or OME-TIFF, a PNG or another picture, an OME-Zarr, or a folder of pictures or TIFFs, one image
        each, in the order of their names (numbers count as numbers: 2 comes before 10).
    channel : int
        Which one, where there are several. Times, positions and heights follow one another as frames.

    Raises
    ------
    DeviceError
        If there is nothing at `path`, or nothing that can be played; says what it found.
    """
    if not path.exists():
        raise DeviceError(f"nothing to replay: {path} does not exist")
    if path.is_dir():
        return _open_folder(path, channel)
    if path.suffix.lower() in TIFF_SUFFIXES:
        from parfocal.devices.replay.tiff import TiffSource

        return TiffSource(path, channel)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        from parfocal.devices.replay.pictures import PictureSource

        return PictureSource([path])
    known = ", ".join((*TIFF_SUFFIXES, *PICTURE_SUFFIXES))
    raise DeviceError(f"cannot replay {path}: known are {known}, OME-Zarr, and folders of images")


def _open_folder(path: Path, channel: int) -> Source:
    if any((path / name).exists() for name in ("zarr.json", ".zattrs", ".zgroup", ".zarray")):
        from parfocal.devices.replay.zarr import ZarrSource

        return ZarrSource(path, channel)
    from parfocal.devices.replay.pictures import PictureSource, in_order

    files = in_order(
        file for file in path.iterdir() if file.suffix.lower() in (*TIFF_SUFFIXES, *PICTURE_SUFFIXES)
    )
    if not files:
        raise DeviceError(f"nothing to replay: folder {path} is no OME-Zarr and holds no images")
    return PictureSource(files)
