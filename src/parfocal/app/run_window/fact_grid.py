"""Facts of a run as a table of labels and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from parfocal.app.run_window.style import set_style

if TYPE_CHECKING:
    from parfocal.runs.status_parts import Fact
    from parfocal.viewers.qt.theme import Theme

_LABELS_PX = 84
"""So that tables below one another have their values in one column."""


class FactGrid(QWidget):
    """Shows facts one below the other; its labels are made once and changed in place."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._facts: tuple[Fact, ...] = ()
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, _LABELS_PX)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        facts, self._facts = self._facts, ()
        self.show_facts(facts)

    def show_facts(self, facts: tuple[Fact, ...]) -> None:
        """Show these; nothing is to be seen without any."""
        if facts == self._facts:
            return
        known, self._facts = self._facts, facts
        self.setVisible(bool(facts))
        while len(self._rows) < len(facts):
            self._add_row()
        for row, (label, value) in enumerate(self._rows):
            there = row < len(facts)
            label.setVisible(there)
            value.setVisible(there)
            if there and (row >= len(known) or facts[row] != known[row]):
                self._show(label, value, facts[row])

    def texts(self) -> dict[str, str]:
        """Return what is shown, by label."""
        return {label.text(): value.text() for label, value in self._rows[: len(self._facts)]}

    def _show(self, label: QLabel, value: QLabel, fact: Fact) -> None:
        ink = self._theme.alarm if fact.alarm else self._theme.text
        label.setText(fact.label)
        value.setText(fact.text)
        set_style(label, f"color: {self._theme.faint}")
        set_style(value, f"color: {ink}; font-weight: {'bold' if fact.alarm else 'normal'}")

    def _add_row(self) -> None:
        label, value = QLabel(), QLabel()
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setWordWrap(True)
        row = len(self._rows)
        self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, 1)
        self._rows.append((label, value))
