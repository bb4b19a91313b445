"""Pages of a TIFF that is one of many in a folder: each read for itself, whatever else its metadata names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.pixels import native

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")


def pages_of(file: Path) -> tuple[tuple[int, ...], int]:
    """Return (y, x) of the first page of a TIFF, and how many pages it has."""
    with _opened(file) as tiff:
        return tiff.pages[0].shape, len(tiff.pages)


def is_ome_stack(file: Path) -> bool:
    """Whether a TIFF is an OME-TIFF of several pages."""
    with _opened(file) as tiff:
        return bool(tiff.is_ome) and len(tiff.pages) > 1


def read_page(file: Path, page: int) -> NDArray[Any]:
    """Return a page of a TIFF, (y, x); colour whose channels are equal counts as grey."""
    with _opened(file) as tiff:
        try:
            image = np.asarray(tiff.pages[page].asarray())
        except errors() as error:
            raise MovieError(f"{file}: {error}") from error
    if image.ndim == 3 and image.shape[2] in (3, 4) and (image[..., :3] == image[..., :1]).all():
        image = image[..., 0]
    if image.ndim != 2:
        raise MovieError(f"{file}: not one grey image but an array of shape {image.shape}")
    return np.ascontiguousarray(image, dtype=native(image.dtype, file))


def errors() -> tuple[type[Exception], ...]:
    """Return what tifffile and its decoders (`RuntimeError`) raise for what they cannot read."""
    import tifffile

    wrong = (ValueError, IndexError, KeyError, TypeError)
    return (*wrong, OSError, RuntimeError, ImportError, tifffile.TiffFileError)


def _opened(file: Path) -> Any:
    import tifffile

    try:
        return tifffile.TiffFile(file)
    except errors() as error:
        raise MovieError(f"{file}: {error}") from error
