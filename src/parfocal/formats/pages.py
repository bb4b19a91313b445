"""Pages of a TIFF that is one of many in a folder: each read for itself, whatever else its metadata names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.pixels import native

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
CUT = "names more images than it holds: was it cut?"
"""What is told of a file that `is_cut`, behind its name."""


class Pages(NamedTuple):
    """What a TIFF holds: (y, x) of its first page, how many there are, and whether it names more."""

    shape: tuple[int, ...]
    number: int
    cut: bool


def pages_of(file: Path) -> Pages:
    """Return what a TIFF holds."""
    with _opened(file) as tiff:
        return Pages(tiff.pages[0].shape, len(tiff.pages), is_cut(tiff))


def is_cut(tiff: tifffile.TiffFile) -> bool:
    """Whether the last page of a TIFF names a further one, which is not there: a copy that broke off."""
    pages, handle, size = tiff.pages, tiff.filehandle, tiff.tiff.offsetsize
    count = len(pages)
    position = pages.next_page_offset
    if position is None or tiff.is_ndpi:  # whose offsets have parts elsewhere
        return False
    handle.seek(position)
    stated = handle.read(size)
    offset = int.from_bytes(stated, "little" if tiff.byteorder == "<" else "big")
    return len(stated) < size or (offset != 0 and offset not in {pages[n].offset for n in range(count)})


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
