"""A picture of a frame with its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.analysis.beads.rois import RoiSet

_REGION = (255, 196, 0)
_CENTRE = (0, 220, 255)
_CROSS_PX = 4


def draw_overlay(
    frame: NDArray[Any], rois: RoiSet, path: Path, centres: dict[int, tuple[float, float]] | None = None
) -> None:
    """Write a PNG of a frame, its contrast stretched, with a numbered square for each region.

    Parameters
    ----------
    frame : ndarray, (y, x)
        Any numbers; the darkest and brightest 0.1 % are clipped.
    rois : RoiSet
        The regions.
    path : Path
        Where to write; replaced if it is there.
    centres : dict, optional
        x, y of beads where they were tracked; shown as crosses.
    """
    low, high = np.percentile(frame, (0.1, 99.9))
    grey = np.clip((frame - low) / max(float(high - low), 1e-9) * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))
    pen = ImageDraw.Draw(picture)
    for roi, (y, x) in zip(rois.rois, rois.corners().tolist(), strict=True):
        pen.rectangle((x, y, x + rois.roi_px - 1, y + rois.roi_px - 1), outline=_REGION)
        pen.text((x + 2, y + 1), str(roi.bead), fill=_REGION)
    for x, y in (centres or {}).values():
        if np.isfinite(x) and np.isfinite(y):
            pen.line((x - _CROSS_PX, y, x + _CROSS_PX, y), fill=_CENTRE)
            pen.line((x, y - _CROSS_PX, x, y + _CROSS_PX), fill=_CENTRE)
    picture.save(path, format="PNG")
