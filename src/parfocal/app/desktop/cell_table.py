"""A table of texts that is changed in place: what a person has selected stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QShowEvent

    from parfocal.viewers.qt.theme import Theme

CellTone = Literal["text", "faint", "accent", "good", "flagged", "alarm"]
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TableCell(NamedTuple):
    """A text, how it is to be taken (a colour of the theme), and what is told when the mouse is over it."""

    text: str
    tone: CellTone = "text"
    tip: str = ""


_Cells = tuple[TableCell, ...]


class CellTable(QTreeWidget):
    """Shows rows by their keys. What `itemSelectionChanged` tells, a person has done.

    Parameters
    ----------
    columns : dict of str to int
        Titles and widths in pixels; 0 for what is left over.
    numbers : tuple of int
        Columns that are aligned to the right.
    """

    def __init__(self, columns: dict[str, int], numbers: tuple[int, ...], theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._numbers = numbers
        self._rows: dict[str, tuple[TableCell, ...]] = {}
        self._items: dict[str, QTreeWidgetItem] = {}
        self.setRootIsDecorated(False)
        self.setAlternatingRowColors(False)
        self.setUniformRowHeights(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setColumnCount(len(columns))
        self.setHeaderLabels(list(columns))
        head = self.header()
        head.setStretchLastSection(False)
        for number, width in enumerate(columns.values()):
            if width:
                self.setColumnWidth(number, width)
            else:
                head.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
            if number in numbers:
                self.headerItem().setTextAlignment(number, _RIGHT)

    def showEvent(self, event: QShowEvent) -> None:
        """Lay the rows out anew: only now has the style said how high they are."""
        super().showEvent(event)
        self.scheduleDelayedItemsLayout()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        rows, self._rows = self._rows, {}
        self.show_rows(rows)

    def show_rows(self, rows: Mapping[str, tuple[TableCell, ...]]) -> None:
        """Show these, in this order; only what differs is changed."""
        if list(rows) != list(self._items):
            with QSignalBlocker(self):
                self.clear()
                self._items = {key: QTreeWidgetItem(self) for key in rows}
            self._rows = {}
        for key, cells in rows.items():
            known = self._rows.get(key, ())
            if cells != known:
                self._show(self._items[key], cells, known)
        self._rows = dict(rows)

    def key_of(self, item: QTreeWidgetItem) -> str:
        """Return the key of the row that an item stands for."""
        return next(key for key, known in self._items.items() if known is item)

    def select_key(self, key: str) -> None:
        """Select the row of a key, without telling that a person has."""
        item = self._items.get(key)
        if item is not None and not item.isSelected():
            with QSignalBlocker(self):
                self.setCurrentItem(item)

    def selected_key(self) -> str:
        """Return the key of the row that is selected; "" if none is."""
        return next((key for key, item in self._items.items() if item.isSelected()), "")

    def texts(self) -> dict[str, tuple[str, ...]]:
        """Return what is shown, by key."""
        return {key: tuple(cell.text for cell in cells) for key, cells in self._rows.items()}

    def _show(self, item: QTreeWidgetItem, cells: _Cells, known: _Cells) -> None:
        """Show cells of a row, each as far as it differs from the known one."""
        for number, cell in enumerate(cells):
            before = known[number] if known else None
            if before is None or cell.text != before.text:
                item.setText(number, cell.text)
            if before is None or cell.tip != before.tip:
                item.setToolTip(number, cell.tip)
            if before is None or cell.tone != before.tone:
                item.setForeground(number, QBrush(QColor(getattr(self._theme, cell.tone))))
            if before is None and number in self._numbers:
                item.setTextAlignment(number, _RIGHT)
