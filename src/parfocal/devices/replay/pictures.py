"""Single images in files of their own as a source of frames."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import DeviceError
from parfocal.devices.replay.planes import TIFF_SUFFIXES, checked_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


class PictureSource:
    """Images of one shape, each in its own file; shapes are checked as they are read."""

    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        first = read_picture(files[0])
        self.shape = (first.shape[0], first.shape[1])
        self.dtype = first.dtype

    def __len__(self) -> int:
        return len(self._files)

    def read_into(self, index: int, out: NDArray[Any]) -> None:
        """Fill `out` with one image."""
        file = self._files[index]
        image = read_picture(file)
        if image.shape != out.shape or image.dtype != out.dtype:
            raise DeviceError(
                f"{file} is {image.dtype} {image.shape}, but the images before it are {out.dtype} {out.shape}"
            )
        np.copyto(out, image)

    def close(self) -> None:
        """Nothing is held."""


def read_picture(file: Path) -> NDArray[Any]:
    """Return the grey image in a file, (y, x); a colour image whose channels are equal counts as grey."""
    try:
        image = _tiff(file) if file.suffix.lower() in TIFF_SUFFIXES else _picture(file)
    except (OSError, ValueError) as error:
        raise DeviceError(f"cannot read {file}: {error}") from error
    if image.ndim == 3 and image.shape[2] in (3, 4) and (image[..., :3] == image[..., :1]).all():
        image = image[..., 0]
    if image.ndim != 2:
        raise DeviceError(f"cannot replay {file}: not one grey image but an array of shape {image.shape}")
    return np.ascontiguousarray(image, dtype=checked_dtype(image.dtype, file))


def in_order(files: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names, in which numbers count as numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> [file.name for file in in_order([Path("f10.png"), Path("f9.png")])]
    ['f9.png', 'f10.png']
    """

    def key(file: Path) -> list[tuple[int, str]]:
        parts = re.findall(r"\d+|\D+", file.name)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted(files, key=key)


def _tiff(file: Path) -> NDArray[Any]:
    import tifffile

    return np.asarray(tifffile.imread(file))


def _picture(file: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(file) as picture:
        if picture.mode in ("P", "1", "LA", "PA"):
            return np.asarray(picture.convert("RGB"))
        if picture.mode in ("I", "I;16B"):
            return np.asarray(picture).astype(np.uint16)
        return np.asarray(picture)
