"""The table of images: rows with thumbnails under a head with filters. For the GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView

from parfocal.app.browser.columns import COLUMNS
from parfocal.app.browser.filter_header import FilterHeader
from parfocal.app.browser.rows import ImageRow
from parfocal.app.browser.table_model import ICON_PX, RowModel

_HIGH_PX, _LOW_PX = ICON_PX + 4, 21


class ImageTable(QTableView):
    """Shows the rows of a model.

    Signals
    -------
    opened
        The selected rows are to be shown in a viewer: a double click, or Enter.
    sorted_by(str, bool)
        The head of a column was clicked; whether last comes first.
    """

    opened = Signal()
    sorted_by = Signal(str, bool)

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self._model = model
        self.head = FilterHeader(self)
        self.setHorizontalHeader(self.head)
        self.setModel(model)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, column.width)
        self.head.setStretchLastSection(True)
        self.head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.head.sortIndicatorChanged.connect(self._sort)
        self.doubleClicked.connect(lambda _index: self.opened.emit())
        self.show_thumbnails(True)

    def show_thumbnails(self, wanted: bool) -> None:
        """Show rows with thumbnails, or more rows without."""
        self._model.with_thumbnails = wanted
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.verticalHeader().setDefaultSectionSize(_HIGH_PX if wanted else _LOW_PX)
        self.viewport().update()

    @property
    def selected(self) -> list[ImageRow]:
        """The selected rows, in the order in which they are shown."""
        numbers = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [self._model.rows[number] for number in numbers]

    @property
    def current(self) -> ImageRow | None:
        """The row that was clicked last; None if none is selected."""
        index = self.currentIndex()
        if index.isValid() and self.selectionModel().isSelected(index):
            return self._model.rows[index.row()]
        return next(iter(self.selected[:1]), None)

    @property
    def visible(self) -> list[ImageRow]:
        """The rows that are seen just now."""
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        if first < 0:
            return []
        return self._model.rows[first : (last if last >= 0 else len(self._model.rows) - 1) + 1]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open what is selected with Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
            return
        super().keyPressEvent(event)

    def _sort(self, section: int, order: Qt.SortOrder) -> None:
        name = COLUMNS[section].name if section >= 0 else ""
        self.sorted_by.emit(name, order == Qt.SortOrder.DescendingOrder)
