"""Lines of text below a title, the newest last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from parfocal.viewers.qt.theme import Theme


class LineList(QWidget):
    """Shows lines, and how many there were in all if that is more.

    Parameters
    ----------
    title : str
        What they are; "errors" are shown in the colour of an alarm.
    theme : Theme
        Its colours.
    """

    def __init__(self, title: str, theme: Theme) -> None:
        super().__init__()
        self._title_text = title
        self._title, self._lines = QLabel(title), QLabel()
        self._lines.setWordWrap(True)
        self._lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._lines)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        alarming = self._title_text == "errors"
        self._title.setStyleSheet(f"color: {theme.alarm if alarming else theme.faint}; font-weight: bold")
        self._lines.setStyleSheet(f"color: {theme.alarm if alarming else theme.text}")

    def show_lines(self, lines: tuple[str, ...], total: int = 0) -> None:
        """Show these; nothing is to be seen without any."""
        more = f": the last {len(lines)} of {total}" if total > len(lines) else ""
        self._title.setText(self._title_text + more)
        self._lines.setText("\n".join(lines))
        self.setVisible(bool(lines))
