"""The positions of a run as seen from above, in the order in which they are visited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from parfocal.app.run_window.colours import kind_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.run_window.run_view import RunView
    from parfocal.runs.plans.outline import MapPosition
    from parfocal.viewers.qt.theme import Theme

_MARGIN, _FOOT = 16.0, 22.0
_MOST_NUMBERED = 60


class PositionMap(QWidget):
    """Paints the map of a `RunView`: both directions on one scale, y downwards, the active position full."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._view: RunView | None = None
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_view(self, view: RunView | None) -> None:
        """Paint this run; nothing is to be seen of one whose stages stay where they are."""
        self._view = view
        self.setVisible(view is not None and len(_known(view.places)) > 0)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that it would like."""
        return QSize(320, 230)

    def minimumSizeHint(self) -> QSize:
        """Return the size below which it can't be read."""
        return QSize(140, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(0, 0, self.width(), self.height() - _FOOT)
        painter.fillRect(room, QColor(self._theme.canvas))
        if self._view is not None and _known(self._view.places):
            painter.save()
            self._paint_places(painter, self._view, room)
            painter.restore()
            foot = QRectF(0, room.height(), self.width(), _FOOT)
            text = painter.fontMetrics().elidedText(
                self._view.place_text, Qt.TextElideMode.ElideRight, round(foot.width())
            )
            painter.setPen(QColor(self._theme.text))
            painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    def _paint_places(self, painter: QPainter, view: RunView, room: QRectF) -> None:
        numbers = _known(view.places)
        spots = spots_in(room, [view.places[number] for number in numbers])
        faint, radius = QColor(self._theme.faint), _radius(len(spots), room)
        painter.setPen(QPen(faint, 1, Qt.PenStyle.DotLine))
        painter.drawPolyline(QPolygonF(spots))
        painter.setPen(QPen(faint, 2 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF(spots))
        if view.place in numbers:
            painter.setPen(QPen(QColor(self._theme.text), 2))
            painter.setBrush(QColor(kind_colours(self._theme).get(view.kind, self._theme.accent)))
            painter.drawEllipse(spots[numbers.index(view.place)], radius + 3, radius + 3)
        if len(spots) <= _MOST_NUMBERED:
            self._paint_numbers(painter, view, numbers, spots, radius)

    def _paint_numbers(
        self, painter: QPainter, view: RunView, numbers: list[int], spots: list[QPointF], radius: float
    ) -> None:
        font = QFont(painter.font())
        font.setPixelSize(round(max(8.0, 1.25 * radius)))
        painter.setFont(font)
        for number, spot in zip(numbers, spots, strict=True):
            painter.setPen(QColor(self._theme.base if number != view.place else "#000000"))
            around = QRectF(spot.x() - 20, spot.y() - 20, 40, 40)
            painter.drawText(around, Qt.AlignmentFlag.AlignCenter, str(number + 1))


def spots_in(room: QRectF, places: Sequence[MapPosition]) -> list[QPointF]:
    """Return where places are drawn in a rectangle: one scale for both directions, in its middle."""
    across = [place.x_um or 0.0 for place in places]
    down = [place.y_um or 0.0 for place in places]
    wide, high = max(across) - min(across), max(down) - min(down)
    inner = room.adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
    scales = [size / span for size, span in ((inner.width(), wide), (inner.height(), high)) if span > 0]
    scale = max(0.0, min(scales, default=0.0))
    centre_x, centre_y = (max(across) + min(across)) / 2, (max(down) + min(down)) / 2
    middle = inner.center()
    return [
        QPointF(middle.x() + (x - centre_x) * scale, middle.y() + (y - centre_y) * scale)
        for x, y in zip(across, down, strict=True)
    ]


def _known(places: Sequence[MapPosition]) -> list[int]:
    """Return the numbers of the places of which somebody said where they are."""
    return [number for number, place in enumerate(places) if None not in (place.x_um, place.y_um)]


def _radius(count: int, room: QRectF) -> float:
    """Return how large a place is drawn, so that many find room."""
    return min(9.0, max(1.5, 0.2 * math.sqrt(room.width() * room.height() / count)))
