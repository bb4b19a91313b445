"""The positions of a run as seen from above, in the order in which they are visited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from parfocal.app.run_window.colours import kind_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.run_window.run_view import RunView
    from parfocal.runs.plans.outline import MapPosition
    from parfocal.viewers.qt.theme import Theme

_MARGIN, _FOOT = 16.0, 22.0
_MOST_NUMBERED = 60


class _DrawnPlaces(NamedTuple):
    """A picture of places, and where each of them lies in it, by its number."""

    places: tuple[MapPosition, ...]
    picture: QPixmap
    spots: dict[int, QPointF]
    radius: float


class PositionMap(QWidget):
    """Paints the map of a `RunView`: both directions on one scale, y downwards, the active position full."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._view: RunView | None = None
        self._drawn: _DrawnPlaces | None = None
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme, self._drawn = theme, None
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw the places anew."""
        self._drawn = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it: the places from a picture that was drawn once, and the active one over it."""
        del event
        view = self._view
        if view is None or not _known(view.places):
            return
        if self._drawn is None or self._drawn.places is not view.places:
            self._drawn = self._draw(view.places)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._drawn.picture)
        self._paint_active(painter, view, self._drawn)
        foot = QRectF(0, self.height() - _FOOT, self.width(), _FOOT)
        elided = Qt.TextElideMode.ElideRight
        text = painter.fontMetrics().elidedText(view.place_text, elided, round(foot.width()))
        painter.setPen(QColor(self._theme.text))
        painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    def _draw(self, places: tuple[MapPosition, ...]) -> _DrawnPlaces:
        """Draw the places: a line in the order of the visits, a dot and a number for each."""
        room = QRectF(0, 0, self.width(), self.height() - _FOOT)
        numbers = _known(places)
        spots = spots_in(room, [places[number] for number in numbers])
        faint, radius = QColor(self._theme.faint), _radius(len(spots), room)
        scale = self.devicePixelRatioF()
        picture = QPixmap(round(room.width() * scale), round(room.height() * scale))
        picture.setDevicePixelRatio(scale)
        picture.fill(QColor(self._theme.canvas))
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(faint, 1, Qt.PenStyle.DotLine))
        painter.drawPolyline(QPolygonF(spots))
        painter.setPen(QPen(faint, 2 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF(spots))
        for number, spot in zip(numbers, spots, strict=True):
            self._paint_number(painter, len(spots), number, spot, radius, self._theme.base)
        painter.end()
        return _DrawnPlaces(places, picture, dict(zip(numbers, spots, strict=True)), radius)

    def _paint_active(self, painter: QPainter, view: RunView, drawn: _DrawnPlaces) -> None:
        """Paint the active position in the colour of the event in hand."""
        spot = None if view.place is None else drawn.spots.get(view.place)
        if view.place is None or spot is None:
            return
        painter.save()
        painter.setPen(QPen(QColor(self._theme.text), 2))
        painter.setBrush(QColor(kind_colours(self._theme).get(view.kind, self._theme.accent)))
        painter.drawEllipse(spot, drawn.radius + 3, drawn.radius + 3)
        self._paint_number(painter, len(drawn.spots), view.place, spot, drawn.radius, "#000000")
        painter.restore()

    @staticmethod
    def _paint_number(
        painter: QPainter, count: int, number: int, spot: QPointF, radius: float, ink: str
    ) -> None:
        """Paint the number of a place, where numbers find room."""
        if count > _MOST_NUMBERED:
            return
        font = QFont(painter.font())
        font.setPixelSize(round(max(8.0, 1.25 * radius)))
        painter.setFont(font)
        painter.setPen(QColor(ink))
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
