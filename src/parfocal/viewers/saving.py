"""What is seen, to a PNG; what was measured, to a TIFF. Both whole or not at all."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.files import replace_file
from parfocal.viewers.display import Display, colour

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def save_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (y, x, 3) uint8 as a PNG file."""
    from PIL import Image

    picture = BytesIO()
    Image.fromarray(pixels).save(picture, format="PNG")
    replace_file(path, picture.getvalue())


def save_image(image: NDArray[Any], pixel_size_um: float | None, path: Path) -> None:
    """Write an image (y, x): as PNG what is seen of it, grey with its contrast stretched, else its counts."""
    if path.suffix.lower() == ".png":
        save_picture(colour(image, Display()), path)
    else:
        save_counts(image, pixel_size_um, path)


def save_counts(image: NDArray[Any], pixel_size_um: float | None, path: Path) -> None:
    """Write an image (y, x) of any number type as an ImageJ TIFF, with its pixel size if that is known."""
    import tifffile

    kept = image if image.dtype in (np.uint8, np.uint16, np.float32) else image.astype(np.float32)
    written = BytesIO()
    per_um = None if pixel_size_um is None else (1 / pixel_size_um, 1 / pixel_size_um)
    metadata = {"axes": "YX"} | ({} if per_um is None else {"unit": "um"})
    tifffile.imwrite(written, kept, imagej=True, metadata=metadata, resolution=per_um)
    replace_file(path, written.getvalue())
