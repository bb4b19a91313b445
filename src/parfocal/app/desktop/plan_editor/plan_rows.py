"""Rows of a list in a plan, such as its channels, as a table that can be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor

from parfocal.app.desktop.plan_editor.plan_text import shown, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.viewers.qt.theme import Theme

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_Index = QModelIndex | QPersistentModelIndex


class RowColumn(NamedTuple):
    """A column.

    Attributes
    ----------
    key, title : str
        The field of a row, and what stands above.
    kind : str
        "number", "text", "name" (of something that the rig has), or "truth"; "told" is not edited.
    width : int
        Pixels; 0 for what is left over.
    empty : str
        What an empty cell means.
    tip : str
        What is told when the mouse is over it.
    default : Any
        The value of a row that does not have the field.
    tell : callable, optional
        Returns what a cell that is "told" shows of its row.
    """

    key: str
    title: str
    kind: Literal["number", "text", "name", "truth", "told"] = "number"
    width: int = 74
    empty: str = ""
    tip: str = ""
    default: Any = None
    tell: Callable[[dict[str, Any]], str] | None = None


class PlanRows(QAbstractTableModel):
    """Rows as mappings of their fields; fields without a column stay as they are.

    Signals
    -------
    edited
        A person has changed a cell.
    """

    edited = Signal()

    def __init__(self, columns: Sequence[RowColumn], theme: Theme) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.rows: list[dict[str, Any]] = []
        self._theme = theme
        self._fault: tuple[int, str, str] | None = None

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._changed()

    def show_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these."""
        if list(rows) == self.rows:
            return
        if len(rows) == len(self.rows):
            self.rows = [dict(row) for row in rows]
            self._changed()
            return
        self.beginResetModel()
        self.rows = [dict(row) for row in rows]
        self.endResetModel()

    def show_fault(self, row: int, key: str, text: str) -> None:
        """Mark what is wrong: a cell, or a row; row -1: nothing."""
        fault = (row, key, text) if row >= 0 else None
        if fault != self._fault:
            self._fault = fault
            self._changed()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own signature)
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return what stands above a column, or before a row."""
        if orientation == Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        column = self.columns[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.kind == "number" else _LEFT
        told = {Qt.ItemDataRole.DisplayRole: column.title, Qt.ItemDataRole.ToolTipRole: column.tip}
        return told.get(Qt.ItemDataRole(role))

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what is shown of a cell."""
        column, row = self.columns[index.column()], self.rows[index.row()]
        value = column.tell(row) if column.tell else row.get(column.key, column.default)
        match role:
            case Qt.ItemDataRole.CheckStateRole if column.kind == "truth":
                return Qt.CheckState.Checked if value else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.DisplayRole if column.kind != "truth":
                return shown(value) or column.empty
            case Qt.ItemDataRole.EditRole:
                return shown(value)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if column.kind == "number" else _LEFT
            case Qt.ItemDataRole.ForegroundRole:
                faint = column.kind == "told" or value in (None, "")
                return QBrush(QColor(self._ink(index.row(), column.key, faint=faint)))
            case Qt.ItemDataRole.ToolTipRole:
                return (
                    self._fault[2] if self._is_wrong(index.row(), column.key) and self._fault else column.tip
                )
        return None

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take what a person has written."""
        del role
        column, row = self.columns[index.column()], self.rows[index.row()]
        new = _written(column, value)
        before = row.get(column.key, column.default)
        if (new, type(new)) == (before, type(before)):
            return False
        if new is None or new == column.default:
            row.pop(column.key, None)
        else:
            row[column.key] = new
        self.dataChanged.emit(index, index)
        self.edited.emit()
        return True

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Return what may be done with a cell."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        known = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        kind = self.columns[index.column()].kind
        more = {"truth": Qt.ItemFlag.ItemIsUserCheckable, "told": Qt.ItemFlag.NoItemFlags}
        return known | more.get(kind, Qt.ItemFlag.ItemIsEditable)

    def _is_wrong(self, row: int, key: str) -> bool:
        return self._fault is not None and self._fault[0] == row and self._fault[1] in ("", key)

    def _ink(self, row: int, key: str, *, faint: bool) -> str:
        if self._is_wrong(row, key):
            return self._theme.alarm
        return self._theme.faint if faint else self._theme.text

    def _changed(self) -> None:
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.columns) - 1))


def _written(column: RowColumn, value: Any) -> Any:
    """Return what a person has written into a cell of a column; None for nothing."""
    match column.kind:
        case "truth":
            return Qt.CheckState(value) == Qt.CheckState.Checked
        case "number":
            return typed(str(value))
        case "name":
            return str(value).strip()
        case _:
            return str(value).strip() or None
