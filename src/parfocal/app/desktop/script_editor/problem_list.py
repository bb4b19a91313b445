"""What is wrong with a script, a line each; a click brings the place before the person."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.viewers.qt.theme import Theme

_MOST = 4


class ProblemList(QLabel):
    """Shows problems by their lines.

    Signals
    -------
    chosen : int
        The line that a person has clicked.
    """

    chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._problems: dict[int, str] = {}
        self.setWordWrap(True)
        self.linkActivated.connect(lambda line: self.chosen.emit(int(line)))
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._draw()

    def show_problems(self, problems: Mapping[int, str]) -> None:
        """Show these."""
        if problems != self._problems:
            self._problems = dict(problems)
            self._draw()

    def _draw(self) -> None:
        lines = [
            f'<a href="{line}" style="color: {self._theme.accent}">line {line}</a>: {_in_lines(text)}'
            for line, text in list(self._problems.items())[:_MOST]
        ]
        more = len(self._problems) - _MOST
        lines += [f"and {more} more"] if more > 0 else []
        self.setText("<br>".join(lines))
        self.setStyleSheet(f"color: {self._theme.alarm}")
        self.setVisible(bool(lines))


def _in_lines(text: str) -> str:
    """Return a text for a label: what is wrong in one line of a script may be more than one thing."""
    return "<br>".join(escape(each) for each in text.splitlines())
