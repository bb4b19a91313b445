"""The parts of a plan as tabs, in the order in which they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qtawesome
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QTabBar, QWidget

from parfocal.app.desktop.plan_editor.plan_text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.viewers.qt.theme import Theme

NEW_PARTS: dict[str, PlanPart] = {
    "Images": {"type": "sequence"},
    "Wait": {"type": "wait", "duration_s": 10.0},
    "Question": {"type": "confirm", "text": "Is the drug in?"},
    "Free frames": {"type": "acquire", "seconds": 10.0},
}
"""What can be added, by its words."""
_ICONS = {
    "sequence": "fa6s.images",
    "wait": "fa6s.hourglass-half",
    "confirm": "fa6s.circle-question",
    "acquire": "fa6s.film",
    "call": "fa6s.gear",
}


class PartTabs(QWidget):
    """Shows the parts, and adds, removes and moves them.

    Signals
    -------
    chosen : int
        The part that a person wants to see.
    added : dict
        A part that is to follow the one that is seen.
    removed : int
        A part that is to be left out.
    moved : int, int
        A part that is to stand in another place.
    """

    chosen, removed = Signal(int), Signal(int)
    added, moved = Signal(dict), Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._parts: tuple[PlanPart, ...] = ()
        self._wrong: frozenset[int] = frozenset()
        self.bar, self.add, self.remove = QTabBar(), QPushButton("Then …"), QPushButton("−")  # noqa: RUF001
        self.bar.setMovable(True)
        self.bar.setExpanding(False)
        self.bar.setUsesScrollButtons(True)
        self.bar.currentChanged.connect(self.chosen)
        self.bar.tabMoved.connect(self._moved)
        self.add.setToolTip("Add what follows")
        self.remove.setToolTip("Remove this part")
        self.remove.setFixedWidth(30)
        self.remove.clicked.connect(lambda: self.removed.emit(self.bar.currentIndex()))
        menu = QMenu(self.add)
        for words, part in NEW_PARTS.items():
            menu.addAction(words).triggered.connect(lambda _=False, part=part: self.added.emit(dict(part)))
        self.add.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar)
        row.addWidget(self.add)
        row.addWidget(self.remove)
        row.addStretch(1)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._draw()

    def show_parts(self, parts: Sequence[PlanPart], current: int, wrong: frozenset[int]) -> None:
        """Show these, the one that is seen, and which are wrong."""
        if (tuple(parts), wrong) == (self._parts, self._wrong) and current == self.bar.currentIndex():
            return
        self._parts, self._wrong = tuple(parts), wrong
        self.bar.blockSignals(True)
        while self.bar.count() > len(parts):
            self.bar.removeTab(self.bar.count() - 1)
        while self.bar.count() < len(parts):
            self.bar.addTab("")
        self.remove.setVisible(len(parts) > 1)
        self._draw()
        self.bar.setCurrentIndex(current)
        self.bar.blockSignals(False)

    def _draw(self) -> None:
        for number, part in enumerate(self._parts):
            kind = str(part.get("type", "sequence"))
            colour = self._theme.alarm if number in self._wrong else self._theme.text
            self.bar.setTabText(number, part_text(part))
            self.bar.setTabIcon(number, qtawesome.icon(_ICONS.get(kind, "fa6s.code"), color=colour))

    def _moved(self, begin: int, end: int) -> None:
        self.moved.emit(begin, end)


def part_text(part: PlanPart) -> str:
    """Return what a part is in a word or two.

    Examples
    --------
    >>> part_text({"type": "wait", "duration_s": 5.0}), part_text({"channels": ["a"]})
    ('Wait 5 s', 'Images')
    """
    match part.get("type", "sequence"):
        case "sequence":
            return "Images"
        case "wait":
            return f"Wait {shown(part.get('duration_s'))} s"
        case "confirm":
            return "Question"
        case "acquire":
            return "Free frames"
        case kind:
            return str(kind).capitalize()
