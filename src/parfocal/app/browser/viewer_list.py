"""The viewers of this user: how each is, and buttons to close or end them. For the GUI thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.browser.viewer_watch import ViewerLine, ViewerWatch, age_in_words
from parfocal.viewers.qt.theme import Theme

_COLUMNS = ("viewer", "kind", "state", "queue", "memory", "age", "process", "")


class ViewerList(QWidget):
    """Lists viewers.

    Parameters
    ----------
    theme : Theme
        Its colours.
    watch : ViewerWatch
        Who looks at them.
    chosen : callable
        ``chosen(name, kind)`` is called when one is double clicked.
    """

    def __init__(self, theme: Theme, watch: ViewerWatch, chosen: Callable[[str, str], None]) -> None:
        super().__init__()
        self._theme = theme
        self._watch = watch
        self._lines: tuple[ViewerLine, ...] = ()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        for number, width in enumerate((150, 80, 90, 60, 80, 70, 80)):
            self.table.setColumnWidth(number, width)
        self.table.itemDoubleClicked.connect(
            lambda item: chosen(self._lines[item.row()].info.name, self._lines[item.row()].info.kind)
        )
        self.problem = QLabel()
        self.problem.setObjectName("alarm")
        self.close_button = self._button("Close", "ask the selected viewers to close", force=False)
        self.end_button = self._button(
            "End", "end the selected viewers at once, also when they hang", force=True
        )
        refresh = QPushButton("Refresh")
        refresh.setToolTip("look now; the list is renewed twice a second")
        refresh.clicked.connect(watch.refresh)
        buttons = QHBoxLayout()
        buttons.addWidget(QLabel("Viewers of this user"))
        buttons.addWidget(self.problem, 1)
        for button in (refresh, self.close_button, self.end_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.table)

    @property
    def selected(self) -> list[str]:
        """The names of the selected viewers."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        return [line.info.name for number, line in enumerate(self._lines) if number in rows]

    def look(self) -> None:
        """Show the newest list."""
        lines = self._watch.lines
        self.problem.setText(self._watch.problem)
        if [line.info.name for line in lines] != [line.info.name for line in self._lines]:
            selected = set(self.selected)
            self.table.clearSelection()
            self.table.setRowCount(len(lines))
            self._lines = lines
            for number, line in enumerate(lines):
                if line.info.name in selected:
                    self._select(number)
        self._lines = lines
        for number, line in enumerate(lines):
            self._fill(number, line)
        for button in (self.close_button, self.end_button):
            button.setEnabled(bool(self.selected))

    def _select(self, number: int) -> None:
        mode = self.table.selectionMode()
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self.table.selectRow(number)
        self.table.setSelectionMode(mode)

    def _fill(self, number: int, line: ViewerLine) -> None:
        info = line.info
        texts = (
            info.name,
            info.kind,
            info.state,
            str(info.queued),
            f"{line.memory_mb:.0f} MB" if line.memory_mb else "",
            age_in_words(line.age_s),
            str(info.pid),
            info.error,
        )
        colours = {"hung": self._theme.alarm, "ready": self._theme.good, "starting": self._theme.accent}
        for column, text in enumerate(texts):
            item = self.table.item(number, column)
            if item is None:
                item = QTableWidgetItem()
                self.table.setItem(number, column, item)
            if item.text() != text:
                item.setText(text)
            if column == 2:
                item.setForeground(QColor(colours.get(info.state, self._theme.text)))

    def _button(self, text: str, tip: str, *, force: bool) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setEnabled(False)
        button.clicked.connect(lambda: self._watch.end_viewers(self.selected, force=force))
        return button
