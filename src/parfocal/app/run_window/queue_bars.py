"""The queues of a run as bars, red where little more will fit in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from parfocal.runs.status_parts import QueueLevel
    from parfocal.viewers.qt.theme import Theme

_ROW, _BAR, _MOST = 20, 8.0, 12


class QueueBars(QWidget):
    """Paints a name, a bar and a number for each queue, of at most 12."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._levels: tuple[QueueLevel, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_levels(self, levels: tuple[QueueLevel, ...]) -> None:
        """Paint these; nothing is to be seen without any."""
        if levels == self._levels:
            return
        grown = len(levels) != len(self._levels)
        self._levels = levels[:_MOST]
        self.setVisible(bool(levels))
        if grown:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that it would like."""
        return QSize(300, _ROW * len(self._levels))

    def minimumSizeHint(self) -> QSize:
        """Return the size below which it can't be read."""
        return QSize(180, _ROW * len(self._levels))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, level in enumerate(self._levels):
            self._paint_row(painter, row * _ROW, level)
        painter.end()

    def _paint_row(self, painter: QPainter, top: int, level: QueueLevel) -> None:
        ink = QColor(self._theme.alarm if level.nearly_full else self._theme.text)
        name_wide, text_wide = 0.3 * self.width(), 0.3 * self.width()
        painter.setPen(QColor(self._theme.faint))
        name = painter.fontMetrics().elidedText(level.name, Qt.TextElideMode.ElideRight, round(name_wide))
        painter.drawText(QRectF(0, top, name_wide, _ROW), Qt.AlignmentFlag.AlignVCenter, name)
        painter.setPen(ink)
        text = f"{level.text}, nearly full" if level.nearly_full else level.text
        if painter.fontMetrics().horizontalAdvance(text) > text_wide:
            text = level.text
        right = QRectF(self.width() - text_wide, top, text_wide, _ROW)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(right, flags, text)
        if level.part is None:
            return
        bar = QRectF(name_wide + 4, top + (_ROW - _BAR) / 2, right.left() - name_wide - 12, _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.canvas))
        painter.drawRoundedRect(bar, 3, 3)
        bar.setWidth(bar.width() * level.part)
        painter.setBrush(ink if level.nearly_full else QColor(self._theme.accent))
        painter.drawRoundedRect(bar, 3, 3)
