"""An artificial image of cells, on which a pipeline is tried before the first exposure. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameSpec

_CELL_PX, _TOUCHING_PX, _APART_PX = 6.0, 11.0, 40
_BACKGROUND, _CELL = 0.02, 0.4
"""In parts of what a pixel can hold, or of 1 for one that is no integer."""


def trial_image(spec: FrameSpec) -> NDArray[Any]:
    """Return pairs of bright round cells on a grid, in the shape and dtype of a camera.

    The two of a pair touch, and the background is uneven, as in an image that a microscope takes.

    Examples
    --------
    >>> from parfocal.core.frames import FrameSpec
    >>> image = trial_image(FrameSpec(shape=(80, 120), dtype="uint16"))
    >>> image.shape, image.dtype, bool(image[20, 20] > 5 * image[0, 0])
    ((80, 120), dtype('uint16'), True)
    """
    dtype = np.dtype(spec.dtype)
    full = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    y, x = np.indices(spec.shape[-2:], sparse=True)
    from_middle_x = np.abs(x % _APART_PX - _APART_PX / 2)
    from_centre = np.hypot(y % _APART_PX - _APART_PX / 2, from_middle_x - _TOUCHING_PX / 2)
    cells = 1 / (1 + np.exp(from_centre - _CELL_PX))
    background = 1 + 0.1 * np.sin(y * 1.7) * np.cos(x * 2.3)
    image: NDArray[Any] = (full * (_BACKGROUND * background + _CELL * cells)).astype(dtype)
    return image
