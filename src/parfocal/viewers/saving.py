"""Images as files: what is seen as PNG, what was measured as TIFF. Each is whole, or not there."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.files import save_file
from parfocal.formats.write_tiff import write_image
from parfocal.viewers.display import Display, colour

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def save_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (y, x, 3) uint8 as a PNG file."""
    from PIL import Image

    picture = BytesIO()
    Image.fromarray(pixels).save(picture, format="PNG")
    save_file(path, picture.getvalue())


def save_image(image: NDArray[Any], pixel_size_um: float | None, path: Path) -> None:
    """Write an image (y, x): as PNG what is seen of it, grey with its contrast stretched, else its counts."""
    if path.suffix.lower() == ".png":
        save_picture(colour(image, Display()), path)
    else:
        write_image(image, pixel_size_um, path)
