"""The events of a run from left to right, with their legend; it costs the same however long the plan is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from parfocal.app.run_window.colours import kind_colours

if TYPE_CHECKING:
    from parfocal.app.run_window.run_view import RunView
    from parfocal.viewers.qt.theme import Theme

_LEGEND_HEIGHT, _STRIP_HEIGHT, _MARK_HEIGHT, _SWATCH, _GAP = 22.0, 30.0, 9.0, 15.0, 14.0
_PAST, _FUTURE = 1.0, 0.32
_LEAST_MARK = 6.0


class EventStrip(QWidget):
    """Paints legend and strip of a `RunView`: past events full, others faint, the one in hand framed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._view: RunView | None = None
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_view(self, view: RunView | None) -> None:
        """Paint this run."""
        self._view = view
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that it would like."""
        return QSize(480, round(_LEGEND_HEIGHT + _STRIP_HEIGHT + _MARK_HEIGHT + 2))

    def minimumSizeHint(self) -> QSize:
        """Return the size below which it can't be read."""
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        view = self._view
        if view is None or not view.outline.cells:
            painter.setPen(QColor(self._theme.faint))
            middle = QRectF(0, _LEGEND_HEIGHT, self.width(), _STRIP_HEIGHT)
            painter.drawText(middle, Qt.AlignmentFlag.AlignCenter, "(no events loaded)")
        else:
            self._paint_legend(painter, view)
            self._paint_cells(painter, view)
            self._paint_mark(painter, view)
        painter.end()

    def _paint_legend(self, painter: QPainter, view: RunView) -> None:
        """Paint the kinds of events that the plan has, the one in hand full."""
        colours, left = kind_colours(self._theme), 0.0
        bold = painter.font()
        bold.setBold(True)
        widths = [QFontMetricsF(bold).horizontalAdvance(entry.word) for entry in view.legend]
        spare = self.width() - sum(widths) - len(widths) * _SWATCH
        gap = min(_GAP, max(2.0, spare / len(widths)))
        for (kind, word, _, now), width in zip(view.legend, widths, strict=True):
            painter.setOpacity(1.0 if now else 0.75)
            painter.fillRect(QRectF(left, (_LEGEND_HEIGHT - 10) / 2, 10, 10), _brush(kind, colours[kind]))
            bold.setBold(now)
            painter.setFont(bold)
            painter.setPen(QColor(self._theme.text))
            room = QRectF(left + _SWATCH, 0, width + 2, _LEGEND_HEIGHT)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, word)
            left += _SWATCH + width + gap
        painter.setOpacity(1.0)

    def _paint_cells(self, painter: QPainter, view: RunView) -> None:
        """Paint each cell, what is past of it full."""
        colours = kind_colours(self._theme)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(QRectF(0, _LEGEND_HEIGHT, self.width(), _STRIP_HEIGHT), QColor(self._theme.canvas))
        for cell in view.outline.cells:
            past = min(max(0, view.consumed - cell.first), cell.count)
            brush = _brush(cell.kind, colours[cell.kind])
            for first, count, opacity in (
                (cell.first, past, _PAST),
                (cell.first + past, cell.count - past, _FUTURE),
            ):
                if count:
                    painter.setOpacity(opacity)
                    painter.fillRect(self._span(first, count), brush)
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_mark(self, painter: QPainter, view: RunView) -> None:
        """Frame the event in hand, and point at it from below."""
        if not 0 <= view.event < view.outline.events_total:
            return
        span = self._span(view.event, 1)
        if span.width() < _LEAST_MARK:
            middle = min(max(span.center().x(), _LEAST_MARK / 2), self.width() - _LEAST_MARK / 2)
            span = QRectF(middle - _LEAST_MARK / 2, span.y(), _LEAST_MARK, span.height())
        ink = QColor(self._theme.text)
        painter.setPen(QPen(ink, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(span.adjusted(1, 1, -1, -1))
        below, middle = _LEGEND_HEIGHT + _STRIP_HEIGHT + 1, span.center().x()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        corners = [(middle, below), (middle - 5, below + 7), (middle + 5, below + 7)]
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))

    def _span(self, first: int, count: int) -> QRectF:
        """Return where events lie; one pixel wide or more."""
        assert self._view is not None
        scale = self.width() / self._view.outline.events_total
        return QRectF(first * scale, _LEGEND_HEIGHT, max(1.0, count * scale), _STRIP_HEIGHT)


def _brush(kind: str, colour: str) -> QBrush:
    """Return how a kind of event is filled: waits are hatched."""
    hatched = kind == "wait"
    return QBrush(QColor(colour), Qt.BrushStyle.BDiagPattern if hatched else Qt.BrushStyle.SolidPattern)
