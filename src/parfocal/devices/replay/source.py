"""What a recording is to the replay camera, and which file is read by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_SUFFIXES = (".tif", ".tiff")
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


def checked_dtype(dtype: Any, where: Path) -> np.dtype[Any]:
    """Return the pixel type in the byte order of this machine; refuse what is no grey image."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind not in "uif":
        raise DeviceError(f"cannot replay {where}: pixels of type {found} are no grey levels")
    return found.newbyteorder("=")


def plane_index(axes: str, shape: tuple[int, ...], frame: int, channel: int) -> tuple[int, ...]:
    """Return the index of a frame among all axes but y and x, of which it runs through all but the channel.

    Examples
    --------
    >>> [plane_index("tcyx", (3, 2, 5, 5), frame, channel=1) for frame in (0, 2)]
    [(0, 1), (2, 1)]
    >>> plane_index("tzyx", (3, 4, 5, 5), 5, channel=0)
    (1, 1)
    """
    outer = [n for axis, n in zip(axes, shape, strict=True) if axis not in "cyx"]
    running = iter(np.unravel_index(frame, outer) if outer else ())
    return tuple(channel if axis == "c" else int(next(running)) for axis in axes if axis not in "yx")


def frame_count(axes: str, shape: tuple[int, ...], channel: int, where: Path) -> int:
    """Return the number of frames of one channel; refuse colour, odd axes, and a missing channel."""
    sizes = dict(zip(axes, shape, strict=True))
    if "s" in sizes:
        raise DeviceError(f"cannot replay {where}: it is a colour image ({sizes['s']} samples a pixel)")
    if not axes.endswith("yx"):
        raise DeviceError(f"cannot replay {where}: its axes are {axes!r}, wanted are ones that end in 'yx'")
    if not 0 <= channel < sizes.get("c", 1):
        raise DeviceError(
            f"{where} has {sizes.get('c', 1)} channels, no channel {channel} (they count from 0)"
        )
    return int(np.prod([n for axis, n in sizes.items() if axis not in "cyx"], dtype=np.int64))
