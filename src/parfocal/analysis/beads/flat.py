"""The flat field: how bright an empty field is, divided out of what is tracked."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_flat(path: str | Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the relative sensitivity of each pixel, (y, x), with a median of 1; 0 for pixels to leave out.

    Parameters
    ----------
    path : path-like
        A ``.npy`` file, or a picture (PNG, TIFF ...) of one plane: an image of an empty field, without its
        dark counts.
    shape : tuple of int
        Of the frames.

    Raises
    ------
    BadInputError
        If there is no such file, or it holds something else.
    """
    file = Path(path)
    try:
        changed_ns = file.stat().st_mtime_ns
    except OSError as error:
        raise BadInputError(f"flat: {path} cannot be read: {reason_of(error)}") from error
    flat = _read(file, changed_ns)
    if flat.shape != shape:
        raise BadInputError(f"flat: {path} is {flat.shape}, the frames are {shape}")
    return flat


@lru_cache(maxsize=1)
def _read(file: Path, _changed_ns: int) -> NDArray[np.float32]:
    try:
        values: NDArray[Any] = np.load(file, allow_pickle=False) if file.suffix == ".npy" else _picture(file)
    except (OSError, ValueError) as error:
        raise BadInputError(f"flat: {file} holds no image: {error}") from error
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise BadInputError(f"flat: {file} must be numbers (y, x), not {values.dtype} {values.shape}")
    flat = values.astype(np.float32)
    if not (np.isfinite(flat).all() and (flat >= 0).all() and (flat > 0).any()):
        raise BadInputError(
            f"flat: {file} must hold numbers from 0 up, not from {flat.min()} to {flat.max()}"
        )
    flat /= np.median(flat[flat > 0])
    flat.flags.writeable = False
    return flat


def _picture(file: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(file) as picture:
        return np.asarray(picture)
