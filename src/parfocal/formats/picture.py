"""One grey image in a file of its own: PNG, BMP, JPEG and PGM, with the counts that are in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.pixels import native

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".pgm")
_PGM = re.compile(rb"P([25])\s(?:\s*#[^\n]*\n)*\s*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s")
_PNG = b"\x89PNG\r\n\x1a\n"


def read_picture(file: Path) -> NDArray[Any]:
    """Return the grey image in a file, (y, x); a colour image whose channels are equal counts as grey.

    Raises
    ------
    MovieError
        If it is no image, or a colour image.
    """
    from PIL import Image

    try:
        image = _pgm(file) if file.suffix.lower() == ".pgm" else _decoded(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MovieError(f"{file}: {error}") from error
    if image.ndim == 3 and image.shape[2] in (3, 4) and (image[..., :3] == image[..., :1]).all():
        image = image[..., 0]
    if image.ndim != 2:
        raise MovieError(f"{file}: not one grey image but an array of shape {image.shape}")
    return np.ascontiguousarray(image, dtype=native(image.dtype, file))


def look_of(file: Path) -> tuple[int, int]:
    """Return (y, x) of the image in a file, from its first bytes; raises as `read_picture` does."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError) as error:
        raise MovieError(f"{file}: {error}") from error


def _decoded(file: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(file) as picture:
        if picture.mode in ("P", "LA", "PA"):
            return np.asarray(picture.convert("RGB"))
        if picture.mode in ("I", "I;16B"):
            return np.asarray(picture).astype(np.uint16)
        return _unstretched(np.asarray(picture), file)


def _unstretched(image: NDArray[Any], file: Path) -> NDArray[Any]:
    """Return the counts of a PNG of 2 or 4 bits, which the decoder stretches to 8."""
    with file.open("rb") as opened:
        head = opened.read(26)
    bits = head[24] if head.startswith(_PNG) else 8
    if bits not in (2, 4) or image.ndim != 2:
        return image
    return image // np.uint8(255 // (2**bits - 1))


def _pgm(file: Path) -> NDArray[Any]:
    """Return the counts of a PGM as they are; decoders stretch them to the whole range of their type."""
    data = file.read_bytes()
    head = _PGM.match(data)
    if head is None:
        raise MovieError(f"{file}: it does not begin as a grey PGM (P5 or P2) does")
    width, height, most = (int(number) for number in head.groups()[1:])
    dtype = np.dtype(np.uint8 if most < 256 else ">u2")
    if head[1] == b"2":
        values = np.array(data[head.end() :].split()[: width * height], dtype)
    else:
        values = np.frombuffer(data, np.uint8, offset=head.end())[: width * height * dtype.itemsize].view(
            dtype
        )
    if values.size < width * height:
        raise MovieError(f"{file}: {values.size} of its {width * height} pixels are there; was it cut?")
    return values.reshape(height, width).astype(dtype.newbyteorder("="))
