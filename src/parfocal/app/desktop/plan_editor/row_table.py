"""A list of a plan as a table, as high as it has rows; and buttons that add, remove and move them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.plan_editor.plan_rows import PlanRows, RowColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.viewers.qt.theme import Theme

_ROW_PX, _MOST_ROWS = 26, 6
_BUTTON_PX = 26


class RowTable(QWidget):
    """Edits rows; its `tools` are a widget for the title above it.

    Parameters
    ----------
    columns : sequence of RowColumn
        What a row has.
    first : dict
        The fields of a row that is added.
    theme : Theme
        Its colours.

    Signals
    -------
    edited
        A person has changed, added, removed or moved a row.
    chosen : int
        The row in which the cursor is; -1: none.
    """

    edited = Signal()
    chosen = Signal(int)

    def __init__(self, columns: Sequence[RowColumn], first: dict[str, Any], theme: Theme) -> None:
        super().__init__()
        self.first = first
        self.model = PlanRows(columns, theme)
        self.view = _RowView(self.model)
        self.names = _NameDelegate(self.view)
        self.tools = QWidget()
        self.buttons = QHBoxLayout(self.tools)
        self.buttons.setContentsMargins(0, 0, 0, 0)
        self.add, self.remove, self.up, self.down = (
            self._button(text, tip)
            for text, tip in (("+", "Add a row"), ("−", "Remove the row"), ("↑", "Earlier"), ("↓", "Later"))  # noqa: RUF001
        )
        for number, column in enumerate(columns):
            if column.kind == "name":
                self.view.setItemDelegateForColumn(number, self.names)
        self._lay_out()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What stands in it."""
        return [dict(row) for row in self.model.rows]

    @property
    def row(self) -> int:
        """The row in which the cursor is; -1: none."""
        index = self.view.currentIndex()
        return index.row() if index.isValid() and index.row() < len(self.model.rows) else -1

    def show_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these."""
        self.model.show_rows(rows)
        self._fit()

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these in columns of names."""
        self.names.names = tuple(names)

    def change(self, row: int, fields: dict[str, Any]) -> None:
        """Give a row other fields, as if a person had."""
        rows = self.rows
        rows[row] = fields
        self._take(rows, row)

    def append(self, fields: dict[str, Any]) -> None:
        """Add a row, as if a person had."""
        self._take([*self.rows, dict(fields)], len(self.model.rows))

    def _take(self, rows: list[dict[str, Any]], row: int) -> None:
        self.show_rows(rows)
        self._choose(min(row, len(rows) - 1))
        self.edited.emit()

    def _add(self) -> None:
        """Add a row like the one before it."""
        self.append(dict(self.model.rows[-1]) if self.model.rows and not self.first else self.first)

    def _remove(self) -> None:
        rows, row = self.rows, self.row if self.row >= 0 else len(self.model.rows) - 1
        if rows:
            del rows[row]
            self._take(rows, row)

    def _move(self, way: int) -> None:
        rows, row = self.rows, self.row
        if row >= 0 and 0 <= row + way < len(rows):
            rows[row], rows[row + way] = rows[row + way], rows[row]
            self._take(rows, row + way)

    def _choose(self, row: int) -> None:
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row, max(0, self.view.currentIndex().column())))

    def _fit(self) -> None:
        self.setVisible(bool(self.model.rows))
        self.view.updateGeometry()
        for button in (self.remove, self.up, self.down):
            button.setEnabled(bool(self.model.rows))

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("small")
        button.setFixedWidth(_BUTTON_PX)
        button.setToolTip(tip)
        self.buttons.addWidget(button)
        return button

    def _lay_out(self) -> None:
        self.add.clicked.connect(self._add)
        self.remove.clicked.connect(self._remove)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.model.edited.connect(self.edited)
        self.view.selectionModel().currentChanged.connect(lambda *_: self.chosen.emit(self.row))
        self.model.modelReset.connect(lambda: self.chosen.emit(-1))
        self.buttons.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.view)
        self._fit()


class _RowView(QTableView):
    """As high as its rows, up to a limit; one click edits."""

    def __init__(self, model: PlanRows) -> None:
        super().__init__()
        self.setModel(model)
        self.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(True)
        self.setCornerButtonEnabled(False)
        rows, head = self.verticalHeader(), self.horizontalHeader()
        rows.setDefaultSectionSize(_ROW_PX)
        rows.setMinimumWidth(28)
        head.setHighlightSections(False)
        head.setMinimumSectionSize(28)
        for number, column in enumerate(model.columns):
            if column.width:
                self.setColumnWidth(number, column.width)
            else:
                head.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)

    def sizeHint(self) -> QSize:
        """Return a size with room for its rows."""
        rows = max(1, min(self.model().rowCount(), _MOST_ROWS))
        return QSize(240, rows * _ROW_PX + self.horizontalHeader().sizeHint().height() + 4)

    def minimumSizeHint(self) -> QSize:
        """Return the same height."""
        return QSize(120, self.sizeHint().height())


class _NameDelegate(QStyledItemDelegate):
    """Offers names, and takes any other."""

    names: tuple[str, ...] = ()

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        """Return a field with the names below it."""
        del option, index
        box = QComboBox(parent)
        box.setEditable(True)
        box.addItems(list(self.names))
        box.activated.connect(lambda _: self._done(box))
        return box

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        """Show the name that stands in the cell."""
        assert isinstance(editor, QComboBox)
        editor.setCurrentText(str(index.data(Qt.ItemDataRole.EditRole)))

    def setModelData(self, editor: QWidget, model: Any, index: QModelIndex | QPersistentModelIndex) -> None:
        """Take the name that was chosen or written."""
        assert isinstance(editor, QComboBox)
        model.setData(index, editor.currentText())

    def _done(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)
