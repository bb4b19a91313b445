"""What is drawn over an image: regions of beads, a scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.viewers.panes import Marker
    from parfocal.viewers.qt.theme import Theme

_NICE_UM = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
_SELECTED_PX = 3
"""Width of the line around a bead that is selected, in pixels of the screen."""
_BAR_PART = 0.2
"""Part of the window's width that the scale bar has at most."""


class RegionMarks(pg.GraphicsObject):
    """Squares around beads in the colours of how they are, drawn into one picture: cheap for thousands.

    That of a selected bead is thick, and "ref" stands beside the number of a reference.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._colours = {kind: QColor(getattr(theme, kind)) for kind in ("good", "flagged", "untracked")}
        self._shade = QColor(theme.base)
        self._shade.setAlpha(170)
        self._picture = QPicture()
        self._bounds = QRectF()

    def show_markers(self, markers: Sequence[Marker]) -> None:
        """Draw these."""
        self.prepareGeometryChange()
        self._picture = QPicture()
        bounds = QRectF()
        painter = QPainter(self._picture)
        font = QFont()
        for marker in sorted(markers, key=lambda marker: marker.selected):  # above the others
            half = marker.size_px / 2
            square = QRectF(marker.x_px - half, marker.y_px - half, marker.size_px, marker.size_px)
            pen = QPen(self._colours[marker.kind], _SELECTED_PX if marker.selected else 0)
            pen.setCosmetic(True)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(square)
            font.setPixelSize(max(9, round(marker.size_px / 4)))
            font.setBold(marker.selected)
            painter.setFont(font)
            label = f"{marker.bead} ref" if marker.reference else str(marker.bead)
            size = QFontMetricsF(font).size(0, label)
            place = QRectF(square.left(), square.top(), size.width() + 4, size.height())
            painter.fillRect(place, self._shade)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, label)
            bounds = bounds.united(square)
        painter.end()
        self._bounds = bounds.adjusted(-2, -2, 2, 2)
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Play the picture."""
        painter.drawPicture(0, 0, self._picture)

    def boundingRect(self) -> QRectF:
        """Return where the squares lie."""
        return self._bounds


class ScaleBar(pg.GraphicsObject):
    """A bar of a round length in the lower left corner; hidden while nobody knows the pixel size."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__()
        self._box = box
        self._ink = QColor("#ffffff")
        self._shade = QColor(0, 0, 0, 150)
        self._pixel_size_um: float | None = None
        self.setParentItem(box)
        self.setZValue(100)
        box.sigRangeChanged.connect(lambda *_: self.update())

    def set_pixel_size(self, pixel_size_um: float | None) -> None:
        """Tell the edge of a pixel in the sample, um."""
        if pixel_size_um != self._pixel_size_um:
            self._pixel_size_um = pixel_size_um
            self.update()

    def boundingRect(self) -> QRectF:
        """Return the whole box: the bar stays in its corner."""
        return QRectF(0, 0, self._box.width(), self._box.height())

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw the bar and its length."""
        if self._pixel_size_um is None:
            return
        (left, right), _range = self._box.viewRange()
        screen_per_um = self._box.width() / max(right - left, 1e-9) / self._pixel_size_um
        length_um = bar_length_um(_BAR_PART * self._box.width() / screen_per_um)
        width, bottom = length_um * screen_per_um, self._box.height() - 14
        painter.fillRect(QRectF(8, bottom - 22, width + 16, 32), self._shade)
        painter.fillRect(QRectF(16, bottom, width, 3), self._ink)
        painter.setPen(self._ink)
        label = f"{length_um:g} \u00b5m" if length_um < 1000 else f"{length_um / 1000:g} mm"
        painter.drawText(QRectF(16, bottom - 20, max(width, 60), 18), Qt.AlignmentFlag.AlignLeft, label)


def bar_length_um(most_um: float) -> float:
    """Return the longest round length that is not longer than `most_um`; the shortest if all are.

    Examples
    --------
    >>> bar_length_um(17.3), bar_length_um(0.01)
    (10.0, 0.1)
    """
    fitting = [length for length in _NICE_UM if length <= most_um]
    return fitting[-1] if fitting else _NICE_UM[0]
