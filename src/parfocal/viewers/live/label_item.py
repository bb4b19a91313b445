"""A picture of labels over an image in a window: its edges are whole however small the image is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QPainter


class LabelItem(pg.GraphicsObject):
    """Draws a picture of labels. For the GUI thread.

    An edge is one pixel wide. Where the image is shown so small that not each pixel has room, those of edges
    are drawn and those beside them are not: Qt alone would leave out every second one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture = np.zeros((0, 0, 4), np.uint8)
        self._reduced: dict[int, QImage] = {}

    def show_picture(self, picture: NDArray[np.uint8]) -> None:
        """Draw a picture, (y, x, 4) uint8, whose pixel (0, 0) has its centre at the origin."""
        self.prepareGeometryChange()
        self._picture = np.ascontiguousarray(picture)
        self._reduced = {}
        self.update()

    def boundingRect(self) -> QRectF:
        """Return where the picture lies."""
        height, width = self._picture.shape[:2]
        return QRectF(-0.5, -0.5, width, height)

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw as many pixels as there is room for."""
        screen_px = abs(painter.deviceTransform().m11())
        if not self._picture.size or not screen_px:
            return
        step = max(1, min(math.ceil(1 / screen_px), *self._picture.shape[:2]))
        if step not in self._reduced:
            self._reduced = {step: _as_image(reduced_labels(self._picture, step))}
        image = self._reduced[step]
        painter.drawImage(QRectF(-0.5, -0.5, image.width() * step, image.height() * step), image)


def reduced_labels(picture: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return the most opaque of each `step` by `step` pixels.

    Examples
    --------
    >>> picture = np.zeros((3, 5, 4), np.uint8)
    >>> picture[1, 1:4] = 10, 20, 30, 255
    >>> picture[0, 0] = 99, 99, 99, 90
    >>> reduced_labels(picture, 2)[0].tolist()
    [[10, 20, 30, 255], [10, 20, 30, 255], [0, 0, 0, 0]]
    """
    if step == 1:
        return picture
    words = np.ascontiguousarray(picture).view("<u4")[..., 0]  # with their opacity in front
    for axis in (0, 1):
        words = np.maximum.reduceat(words, np.arange(0, words.shape[axis], step), axis=axis)
    return words[..., None].view(np.uint8)


def _as_image(picture: NDArray[np.uint8]) -> QImage:
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)  # a copy, which is quick to draw
