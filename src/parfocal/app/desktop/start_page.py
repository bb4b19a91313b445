"""The start page: laboratories to open or to start, and how far one is that starts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.look import set_look
from parfocal.app.desktop.starting import RigStart, known_rigs
from parfocal.app.desktop.style import GAP, MARGIN
from parfocal.rig.job import FIRST_START

if TYPE_CHECKING:
    from collections.abc import Collection

    from parfocal.app.desktop.starting import StartStep
    from parfocal.viewers.qt.theme import Theme

_WIDTH_PX = 780
_COLUMNS, _INDENT_PX = 2, 36
_MARKS = {"ready": "●", "starting": "◐", "waiting": "○"}


class RigCard(QFrame):
    """One laboratory: what it is, a button, and how far its start is.

    Parameters
    ----------
    name, text : str
        What is told of it.
    """

    chosen = Signal(str)

    def __init__(self, name: str, text: str, source: str, icon: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.rig, self.source = name, source
        self._icon = icon
        self.start: RigStart | None = None
        self.picture = QLabel()
        self.title, self.text, self.told = QLabel(name), QLabel(text), QLabel()
        self.title.setObjectName("heading")
        self.text.setObjectName("faint")
        self.told.setObjectName("alarm")
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self.text, self.told):
            label.setWordWrap(True)
        self.button = QPushButton("Start")
        self.button.setMinimumWidth(96)
        self.button.clicked.connect(lambda: self.chosen.emit(self.source))
        self.cancel = QPushButton("Cancel")
        self.cancel.setMinimumWidth(96)
        self.cancel.clicked.connect(lambda: self.start is not None and self.start.cancel())
        self.steps = QWidget()
        self._grid = QGridLayout(self.steps)
        self._labels: dict[str, QLabel] = {}
        self._lay_out()
        self.show_start(None)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.picture.setPixmap(qtawesome.icon(self._icon, color=theme.accent).pixmap(22, 22))
        self._theme = theme

    def show_running(self, running: bool) -> None:
        """Offer to open it, or to start it."""
        self.button.setText("Open" if running else "Start")
        set_look(self.button, "primary" if running else "")

    def show_start(self, start: RigStart | None) -> None:
        """Show how far a start of it is."""
        self.start = start
        going = start is not None and start.state == "starting"
        self.button.setVisible(not going)
        self.cancel.setVisible(going)
        self.steps.setVisible(going)
        for step in start.steps if start is not None and going else ():
            self._show_step(step)
        told = "" if start is None or going else start.error
        if going and start is not None and not start.steps:
            told = f"{FIRST_START[0].upper()}{FIRST_START[1:]}."
        self.told.setText(told)
        self.told.setVisible(bool(told))

    def _show_step(self, step: StartStep) -> None:
        if step.service not in self._labels:
            row, column = divmod(len(self._labels), _COLUMNS)
            self._labels[step.service] = QLabel()
            self._grid.addWidget(self._labels[step.service], row, column)
        label = self._labels[step.service]
        tone = {"ready": self._theme.good, "starting": self._theme.accent, "waiting": self._theme.faint}
        label.setText(f"{_MARKS.get(step.state, '●')}  {step.service}  {step.text}")
        label.setStyleSheet(f"color: {tone.get(step.state, self._theme.alarm)}")

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout()
        row.setSpacing(MARGIN + 4)
        row.addWidget(self.picture)
        row.addLayout(words, 1)
        row.addWidget(self.button)
        row.addWidget(self.cancel)
        self._grid.setContentsMargins(_INDENT_PX, 0, 0, 0)
        self._grid.setVerticalSpacing(3)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self.steps)
        column.addWidget(self.told)
        self.told.setContentsMargins(_INDENT_PX, 0, 0, 0)


class StartPage(QScrollArea):
    """Lists laboratories, and starts them, detached.

    Signals
    -------
    opened : str
        The name of a rig that is to be shown: it runs, or was started here.
    """

    opened = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._running: tuple[str, ...] = ()
        self._starts: dict[str, RigStart] = {}
        self.cards: dict[str, RigCard] = {}
        self.setWidgetResizable(True)
        self._column = QVBoxLayout()
        self._sections: dict[str, QVBoxLayout] = {}
        self._lay_out()
        for rig in known_rigs():
            section = "Simulated: no hardware needed" if rig.simulated else "Others that come with parfocal"
            icon = "fa6s.flask-vial" if rig.simulated else "fa6s.plug"
            self._add_card(section, rig.name, rig.description, rig.name, icon)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        for card in self.cards.values():
            card.set_theme(theme)

    def look(self, running: Collection[str]) -> None:
        """Show which rigs run, and how far those are that start. Called by the window's timer."""
        for name in running:
            if name not in self.cards:
                self._add_card("Running", name, "Was started elsewhere", name, "fa6s.circle-play")
        for source, card in self.cards.items():
            card.show_running(card.rig in running)
            card.setVisible(card.rig in running or card.source in self._offered() or source in self._starts)
        for source, start in tuple(self._starts.items()):
            self.cards[source].rig = start.rig
            self.cards[source].show_start(start)
            if start.state != "starting":
                start.leave()
                del self._starts[source]
            if start.state == "ready":
                self.cards[source].show_start(None)
                self.opened.emit(start.rig)
        self._running = tuple(running)

    def choose(self, source: str) -> None:
        """Open a rig that runs; start one that does not."""
        card = self.cards.get(source)
        if card is None:
            card = self._add_card("Of a file", source, source, source, "fa6s.file-lines")
        if card.rig in self._running:
            self.opened.emit(card.rig)
        elif source not in self._starts:
            self._starts[source] = RigStart(source)
            card.show_start(self._starts[source])
        self.ensureWidgetVisible(card)

    @property
    def is_starting(self) -> bool:
        """Whether a rig is being started here."""
        return bool(self._starts)

    def close_all(self) -> None:
        """Leave the rigs that are starting to themselves: they go on. Idempotent."""
        for start in self._starts.values():
            start.leave()
        self._starts.clear()

    def _offered(self) -> set[str]:
        """Return the sources that are offered whether they run or not."""
        return {source for source, card in self.cards.items() if card.property("offered")}

    def _add_card(self, section: str, name: str, text: str, source: str, icon: str) -> RigCard:
        if section not in self._sections:
            title = QLabel(section)
            title.setObjectName("faint")
            box = self._sections[section] = QVBoxLayout()
            box.setSpacing(GAP)
            box.addWidget(title)
            self._column.insertLayout(self._column.count() - 2, box)
        card = self.cards[source] = RigCard(name, text, source, icon)
        card.setProperty("offered", section != "Running")
        card.chosen.connect(self.choose)
        if hasattr(self, "_theme"):
            card.set_theme(self._theme)
        self._sections[section].addWidget(card)
        return card

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Open a rig file", "", "Rig files (*.toml)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.choose)
        dialog.open()

    def _lay_out(self) -> None:
        title = QLabel("Which laboratory?")
        title.setObjectName("title")
        hint = QLabel(
            "It runs in the background, in processes of its own: this window may be closed at any time, and "
            "nothing that runs notices."
        )
        hint.setObjectName("faint")
        hint.setWordWrap(True)
        self.file_button = QPushButton("Open a rig file …")
        self.file_button.clicked.connect(partial(self._choose_file))
        self._column.setSpacing(18)
        head = QVBoxLayout()
        head.setSpacing(4)
        head.addWidget(title)
        head.addWidget(hint)
        self._column.addLayout(head)
        self._column.addWidget(self.file_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        middle = QWidget()
        middle.setLayout(self._column)
        middle.setMaximumWidth(_WIDTH_PX)
        middle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(24, 28, 24, 24)
        row.addStretch(1)
        row.addWidget(middle, 6)
        row.addStretch(1)
        self.setWidget(whole)
