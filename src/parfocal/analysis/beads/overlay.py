"""A picture of a frame with its regions, each in the colour of its verdict."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from parfocal.tracking.rows import Flag

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.analysis.beads.rois import RoiSet

_Colour = tuple[int, int, int]

GOOD: _Colour = (90, 220, 90)
COLOURS: dict[Flag, _Colour] = {
    Flag.EMPTY: (160, 160, 160),
    Flag.NOT_CONVERGED: (205, 120, 255),
    Flag.BAD_FIT: (255, 80, 80),
    Flag.SATURATED: (255, 150, 30),
    Flag.AMBIGUOUS: (255, 120, 190),
    Flag.AT_EDGE: (90, 160, 255),
    Flag.OFF_TABLE: (60, 220, 230),
    Flag.NEIGHBOUR: (255, 235, 60),
}
"""The worst first: a region with several flags has the colour of the first one."""
_DARK = (20, 20, 20)
_TEXT_PX, _LINE_PX, _MARGIN_PX = 14, 20, 6


def draw_overlay(frame: NDArray[Any], rois: RoiSet, flags: NDArray[np.uint32], path: Path) -> None:
    """Write a PNG of a frame, its contrast stretched, with a numbered square for each region, and a legend.

    Parameters
    ----------
    frame : ndarray, (y, x)
        Any numbers; the darkest and brightest 0.1 % are clipped.
    rois : RoiSet
        The regions.
    flags : ndarray, (n,)
        Of each region's row in this frame.
    path : Path
        Where to write; replaced if it is there.
    """
    low, high = np.percentile(frame, (0.1, 99.9))
    grey = np.clip((frame - low) / max(float(high - low), 1e-9) * 255, 0, 255).astype(np.uint8)
    verdicts = [verdict(flag) for flag in flags.tolist()]
    font = ImageFont.load_default(_TEXT_PX)
    legend = _legend(verdicts)
    width = max(frame.shape[1], *(int(font.getlength(line)) + 2 * _MARGIN_PX for line, _ in legend))
    height = frame.shape[0] + len(legend) * _LINE_PX + 2 * _MARGIN_PX
    picture = Image.new("RGB", (width, height), _DARK)
    picture.paste(Image.fromarray(grey).convert("RGB"))
    pen = ImageDraw.Draw(picture)
    corners, last = rois.corners().tolist(), rois.roi_px - 1
    colours = [colour for _, colour in verdicts]
    for (y, x), colour in zip(corners, colours, strict=True):
        pen.rectangle((x, y, x + last, y + last), outline=colour)
    for roi, (y, x), colour in zip(rois.rois, corners, colours, strict=True):  # on top of all squares
        place = (x + 3, y + 2)
        pen.text(place, str(roi.bead), fill=colour, font=font, stroke_width=2, stroke_fill=_DARK)
    for number, (line, colour) in enumerate(legend):
        place = (_MARGIN_PX, frame.shape[0] + _MARGIN_PX + number * _LINE_PX)
        pen.text(place, line, fill=colour, font=font)
    picture.save(path, format="PNG")


@lru_cache(maxsize=1024)
def verdict(flags: int) -> tuple[str, _Colour]:
    """Return what the flags of a row say in words, and the colour of the worst.

    Examples
    --------
    >>> verdict(0)
    ('good', (90, 220, 90))
    >>> verdict(Flag.SATURATED | Flag.BAD_FIT)
    ('bad fit, saturated', (255, 80, 80))
    """
    found = [flag for flag in COLOURS if flags & flag]
    words = ", ".join(str(flag.name).lower().replace("_", " ") for flag in found)
    return (words, COLOURS[found[0]]) if found else ("good", GOOD)


def _legend(verdicts: list[tuple[str, _Colour]]) -> list[tuple[str, _Colour]]:
    """Return a line for each verdict that occurs, commonest first."""
    if not verdicts:
        return [("no regions", COLOURS[Flag.EMPTY])]
    return [(f"{count} {words}", colour) for (words, colour), count in Counter(verdicts).most_common()]
