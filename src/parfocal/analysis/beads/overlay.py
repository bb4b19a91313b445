"""A picture of a frame with its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.analysis.beads.rois import RoiSet

_REGION = (255, 196, 0)
_DARK = (20, 20, 20)
_TEXT_PX = 14


def draw_overlay(frame: NDArray[Any], rois: RoiSet, path: Path) -> None:
    """Write a PNG of a frame, its contrast stretched, with a numbered square for each region.

    Parameters
    ----------
    frame : ndarray, (y, x)
        Any numbers; the darkest and brightest 0.1 % are clipped.
    rois : RoiSet
        The regions.
    path : Path
        Where to write; replaced if it is there.
    """
    low, high = np.percentile(frame, (0.1, 99.9))
    grey = np.clip((frame - low) / max(float(high - low), 1e-9) * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT_PX)
    corners, last = rois.corners().tolist(), rois.roi_px - 1
    for y, x in corners:
        pen.rectangle((x, y, x + last, y + last), outline=_REGION)
    for roi, (y, x) in zip(rois.rois, corners, strict=True):  # after all squares, so that none crosses them
        place = (x + 3, y + 2)
        pen.text(place, str(roi.bead), fill=_REGION, font=font, stroke_width=2, stroke_fill=_DARK)
    picture.save(path, format="PNG")
