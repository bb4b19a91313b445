"""A plate: wells coloured by how many images lie in them; clicks choose wells. For the GUI thread."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from parfocal.app.browser.plate import PlateLayout, plate_of, row_name, well_at
from parfocal.viewers.qt.theme import Theme

_MARGIN_PX = 18.0
_LABELS_FROM_PX = 9.0


class PlateView(QWidget):
    """Draws a plate.

    Signals
    -------
    chosen(list)
        Which wells were clicked; none for all.
    """

    chosen = Signal(list)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._layout: PlateLayout | None = None
        self._wells: list[str] = []
        self.setMinimumSize(QSize(200, 130))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip(
            "click a well to see its images alone; Ctrl adds one, a click beside the wells shows all"
        )

    def show_wells(self, wells: dict[str, int]) -> None:
        """Show how many images lie in which well."""
        layout = plate_of(wells)
        if layout != self._layout:
            self._layout = layout
            self.update()

    def mark(self, wells: list[str]) -> None:
        """Show which wells are chosen; tells nobody."""
        if wells != self._wells:
            self._wells = list(wells)
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the well under the mouse."""
        place = self._place_at(event.position())
        if place is None:
            wells: list[str] = []
        else:
            well = well_at(*place)
            adds = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            others = [one for one in self._wells if one != well] if adds or self._wells == [well] else []
            wells = others if well in self._wells and (adds or self._wells == [well]) else [*others, well]
        self.mark(wells)
        self.chosen.emit(wells)

    def event(self, event: QEvent) -> bool:
        """Tell in a tip how many images lie in the well under the mouse."""
        if isinstance(event, QHelpEvent):
            place = self._place_at(QPointF(event.pos()))
            if place is not None and self._layout is not None:
                number = self._layout.images.get(place, 0)
                QToolTip.showText(event.globalPos(), f"{well_at(*place)}: {number} images", self)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the wells, and names of rows and columns where there is room."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._layout is None:
            painter.setPen(QColor(self._theme.faint))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no wells here")
            return
        pitch = self._pitch()
        for row in range(self._layout.rows):
            for column in range(self._layout.columns):
                self._draw_well(painter, row, column, pitch)
        if pitch >= _LABELS_FROM_PX:
            self._draw_names(painter, pitch)

    def _draw_well(self, painter: QPainter, row: int, column: int, pitch: float) -> None:
        assert self._layout is not None
        number = self._layout.images.get((row, column), 0)
        colour = QColor(self._theme.accent if number else self._theme.base)
        if number:
            colour.setAlphaF(0.4 + 0.6 * math.log1p(number) / math.log1p(self._layout.most))
        is_chosen = well_at(row, column) in self._wells
        edge = QColor(self._theme.text if is_chosen else self._theme.faint)
        edge.setAlphaF(1.0 if is_chosen or number else 0.45)
        painter.setPen(QPen(edge, 2.2 if is_chosen else 0.8))
        painter.setBrush(colour)
        inset = 0.08 * pitch
        painter.drawEllipse(self._square(row, column, pitch).adjusted(inset, inset, -inset, -inset))

    def _draw_names(self, painter: QPainter, pitch: float) -> None:
        assert self._layout is not None
        font = painter.font()
        font.setPixelSize(int(min(11.0, max(7.0, 0.62 * pitch))))
        painter.setFont(font)
        painter.setPen(QColor(self._theme.faint))
        every = 1 if pitch >= 14 else 2
        origin = self._origin()
        for row in range(0, self._layout.rows, every):
            square = self._square(row, 0, pitch)
            square.setLeft(origin.x() - _MARGIN_PX)
            square.setWidth(_MARGIN_PX - 3)
            painter.drawText(
                square, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row_name(row)
            )
        for column in range(0, self._layout.columns, every):
            square = self._square(0, column, pitch)
            square.moveTop(origin.y() - _MARGIN_PX + 2)
            square.setHeight(_MARGIN_PX - 4)
            square.adjust(-6, 0, 6, 0)
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, str(column + 1))

    def _pitch(self) -> float:
        assert self._layout is not None
        width, height = self.width() - _MARGIN_PX - 4, self.height() - _MARGIN_PX - 4
        return max(2.0, min(width / self._layout.columns, height / self._layout.rows, 44.0))

    def _origin(self) -> QPointF:
        assert self._layout is not None
        pitch = self._pitch()
        width, height = pitch * self._layout.columns, pitch * self._layout.rows
        left = max(_MARGIN_PX, _MARGIN_PX + (self.width() - _MARGIN_PX - 4 - width) / 2)
        top = max(_MARGIN_PX, _MARGIN_PX + (self.height() - _MARGIN_PX - 4 - height) / 2)
        return QPointF(left, top)

    def _square(self, row: int, column: int, pitch: float) -> QRectF:
        origin = self._origin()
        return QRectF(origin.x() + column * pitch, origin.y() + row * pitch, pitch, pitch)

    def _place_at(self, point: QPointF) -> tuple[int, int] | None:
        if self._layout is None:
            return None
        pitch, origin = self._pitch(), self._origin()
        row, column = int((point.y() - origin.y()) // pitch), int((point.x() - origin.x()) // pitch)
        inside = 0 <= row < self._layout.rows and 0 <= column < self._layout.columns
        return (row, column) if inside else None

    def centre_of(self, row: int, column: int) -> QPointF:
        """Return where a well is drawn, px."""
        return self._square(row, column, self._pitch()).center()
