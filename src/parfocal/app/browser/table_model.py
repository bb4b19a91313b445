"""The rows of a snapshot as a Qt model. For the GUI thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap

from parfocal.app.browser.arrangement import Key
from parfocal.app.browser.columns import COLUMNS
from parfocal.app.browser.messages import Pixels
from parfocal.app.browser.pictures import Thumbnails
from parfocal.app.browser.rows import ImageRow
from parfocal.viewers.qt.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_OUTCOME = next(number for number, column in enumerate(COLUMNS) if column.name == "outcome")
_RIGHT = {number for number, column in enumerate(COLUMNS) if column.name in ("z", "t", "shape", "pixel")}
_ICONS = 400
ICON_PX = 34


class RowModel(QAbstractTableModel):
    """Shows a list of rows, which is exchanged as a whole; what is selected stays selected.

    Parameters
    ----------
    theme : Theme
        Its colours.
    thumbnails : Thumbnails
        The pictures in the first column.
    """

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._theme = theme
        self._thumbnails = thumbnails
        self._icons: dict[tuple[Key, int], QIcon] = {}
        self.rows: list[ImageRow] = []
        self.with_thumbnails = True

    def show_rows(self, rows: list[ImageRow]) -> None:
        """Show other rows."""
        held = self.persistentIndexList()
        before = [(index, self.rows[index.row()].key) for index in held]
        self.layoutAboutToBeChanged.emit()
        self.rows = rows
        if before:
            wanted = {key for _, key in before}
            places = {row.key: number for number, row in enumerate(rows) if row.key in wanted}
            for index, key in before:
                place = places.get(key)
                fresh = QModelIndex() if place is None else self.index(place, index.column())
                self.changePersistentIndex(index, fresh)
        self.layoutChanged.emit()

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].name
        return COLUMNS[section].tip or None if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour, alignment and picture of a cell."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.path}\n{row.problem}".strip() if column == 0 else self._text(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and self.with_thumbnails:
            return self._icon(row)
        return None

    def _text(self, row: ImageRow, column: int) -> str:
        text = COLUMNS[column].text(row)
        if column == _OUTCOME and not text and (problem := self._thumbnails.problem(row)):
            return f"cannot be read: {problem}"
        return text

    def _colour(self, row: ImageRow, column: int) -> QColor | None:
        if row.problem or (column == _OUTCOME and not row.outcome and self._thumbnails.problem(row)):
            return QColor(self._theme.alarm if column == _OUTCOME else self._theme.faint)
        if not row.is_read:
            return QColor(self._theme.faint)
        if column == _OUTCOME and row.outcome:
            names = {"complete": self._theme.good, "recording": self._theme.accent}
            return QColor(names.get(row.outcome, self._theme.flagged))
        return None

    def _icon(self, row: ImageRow) -> QIcon | None:
        pixels = self._thumbnails.get(row)
        if pixels is None:
            return None
        key = row.key, id(pixels)
        if key not in self._icons:
            if len(self._icons) >= _ICONS:
                self._icons.clear()
            self._icons[key] = QIcon(_squared(pixmap_of(pixels, self._theme)))
        return self._icons[key]


def _squared(picture: QPixmap) -> QPixmap:
    """Return a picture in the middle of a square, so that all names begin at one place."""
    side = QPixmap(ICON_PX, ICON_PX)
    side.fill(Qt.GlobalColor.transparent)
    fitted = picture.scaled(
        side.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    painter = QPainter(side)
    painter.drawPixmap((ICON_PX - fitted.width()) // 2, (ICON_PX - fitted.height()) // 2, fitted)
    painter.end()
    return side


def pixmap_of(pixels: Pixels, theme: Theme) -> QPixmap:
    """Return a grey picture for Qt; red where everything is."""
    height, width = pixels.shape
    if theme.window == "#0b0000":
        colours = np.zeros((height, width, 3), np.uint8)
        colours[..., 0] = pixels
        image = QImage(colours.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    else:
        image = QImage(pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.copy())
