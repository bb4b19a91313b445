"""A viewer without a window: the same contract, for tests and servers. It paints into an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.viewers.display import Display, colour
from parfocal.viewers.rasters import draw
from parfocal.viewers.service import ViewerService

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from parfocal.viewers.actions import Action
    from parfocal.viewers.panes import Marker, Pane, Plot, View

_COLOURS = {"good": (80, 220, 120), "flagged": (255, 90, 70), "untracked": (150, 150, 150)}
_PAINTED = ("version", "display", "markers", "annotations", "picked")
"""What of a pane is painted: if none of these differs, its picture is the same."""


class HeadlessView:
    """Paints panes side by side, one image pixel for one pixel."""

    def __init__(self) -> None:
        self._pixels = np.zeros((1, 1, 3), np.uint8)
        self._painted: dict[str, tuple[Pane, NDArray[np.uint8]]] = {}

    def paint(self, panes: Sequence[Pane], plots: Sequence[Plot]) -> None:
        """Paint the panes next to each other."""
        del plots
        pictures = [self._picture(pane) for pane in panes if pane.image is not None]
        height = max((len(picture) for picture in pictures), default=1)
        padded = [np.pad(picture, ((0, height - len(picture)), (0, 0), (0, 0))) for picture in pictures]
        self._pixels = np.concatenate(padded, axis=1) if padded else np.zeros((1, 1, 3), np.uint8)

    def _picture(self, pane: Pane) -> NDArray[np.uint8]:
        """Return a pane's picture, painted anew if what is painted of it is another than before."""
        before = self._painted.get(pane.name)
        if before is None or _differs(before[0], pane):
            self._painted[pane.name] = before = pane, _picture(pane)
        return before[1]

    def grab(self) -> NDArray[Any]:
        """Return what was painted."""
        return self._pixels.copy()

    def displays(self) -> Mapping[str, Display]:
        """Return nothing: nobody chooses anything here but by commands."""
        return {}

    def new_actions(self) -> Sequence[Action]:
        """Return nothing: nobody does anything here but by commands."""
        return ()

    def close(self) -> None:
        """Nothing is held."""


class HeadlessViewer(ViewerService):
    """The headless kind."""

    kind = "headless"

    def make_view(self) -> View:
        """Return a view that paints into an array."""
        return HeadlessView()


def _differs(one: Pane, other: Pane) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in _PAINTED)


def _picture(pane: Pane) -> NDArray[np.uint8]:
    assert pane.image is not None
    picture = colour(pane.image, pane.display).copy()
    for annotation in pane.annotations:
        draw(picture, annotation, pane.index, pane.picked)
    for marker in pane.markers:
        _frame(picture, marker)
    return picture


def _frame(picture: NDArray[np.uint8], marker: Marker) -> None:
    """Draw the edge of a region."""
    half = marker.size_px / 2
    height, width, _ = picture.shape
    left, right = (int(np.clip(round(marker.x_px + d), 0, width - 1)) for d in (-half, half))
    top, bottom = (int(np.clip(round(marker.y_px + d), 0, height - 1)) for d in (-half, half))
    ink = _COLOURS[marker.kind]
    picture[[top, bottom], left : right + 1] = ink
    picture[top : bottom + 1, [left, right]] = ink
