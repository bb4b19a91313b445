"""The beads: found, listed, selected, taken as references, removed; and the locks that go by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.bead_rows import COLUMNS, NUMBERS, bead_rows
from parfocal.app.desktop.cell_table import CellTable
from parfocal.app.desktop.lock_card import OF_A_LOCK, LockCard
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.question_bar import QuestionBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_LISTS_EVERY = 5
"""Turns of the window: four times a second, so that figures can be read."""


class BeadsPanel(Panel):
    """Lists the beads, and shows the locks below."""

    title: ClassVar = "Beads"
    icon: ClassVar = "fa6s.circle-dot"
    controls: ClassVar = ("Find beads", "Reference", "Remove", "Remove all …")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.table = CellTable(COLUMNS, NUMBERS, session.theme)
        self.count, self.silent, self.line = QLabel(), QLabel(), RequestLine(results=False)
        self.locks: dict[str, LockCard] = {}
        self.question = QuestionBar(
            session.theme,
            {"Remove all": lambda _: self._clear(), "Keep them": lambda _: self.question.ask("")},
        )
        self.find = _button(
            "Find beads",
            "Find free-standing beads in a frame of now, which is taken if need be, and add them",
        )
        self.reference = _button("Reference", "Have the selected bead tell the drift, or no longer")
        self.remove = _button("Remove", "Remove the selected bead")
        self.clear = _button("Remove all …", "Remove all beads and their tables: asks first")
        self._turn = 0
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads."""
        return BeadBoard.fits(snapshot)

    def refresh(self) -> None:
        """Show the beads as they are."""
        board = self.board
        board.refresh()
        self.line.refresh()
        self._turn += 1
        if self._turn % _LISTS_EVERY == 0 or self.table.topLevelItemCount() != len(board.centers):
            told = board.traces.newest, board.references, board.verdicts
            self.table.show_rows(bead_rows(board.centers, *told))
        if board.selected is not None:
            self.table.select_key(str(board.selected))
        self.count.setText(f"{len(board.centers)} beads")
        self.silent.setText(board.regions.silence)
        self.silent.setVisible(bool(board.regions.silence))
        for button in (self.reference, self.remove):
            button.setEnabled(board.selected is not None)
        self.clear.setEnabled(bool(board.centers))
        self._look_for_locks()
        for lock in self.locks.values():
            lock.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.table.set_theme(theme)
        self.question.set_theme(theme)

    def _look_for_locks(self) -> None:
        """Make a card of each service that has the commands of a lock, once it has told them."""
        for service in self.session.snapshot().rig.services:
            if service not in self.locks:
                names = {info.name for info in self.session.commands(service) or ()}
                if names >= OF_A_LOCK:
                    card = self.locks[service] = LockCard(self.session, service, self.board)
                    self._cards.addWidget(card)

    def find_beads(self) -> None:
        """Have beads found in a frame of now: a camera that does not expose takes one before."""
        camera = self.board.camera
        if camera in self.session.snapshot().rig.services:
            self.line.follow(self.session.ask(camera, "is_running").then(self._find_or_snap))
        else:
            self._follow("find_beads")

    def _find_or_snap(self, asked: Request) -> None:
        if asked.state == "done" and asked.result:
            self._follow("find_beads")
        elif asked.state == "done":
            self.line.follow(self.session.ask(asked.service, "snap").then(self._find_in_snap))

    def _find_in_snap(self, snap: Request) -> None:
        if snap.state == "done":
            self._follow("find_beads")

    def _follow(self, command: str) -> None:
        self.line.follow(self.board.ask(command))

    def _selected(self, act: Callable[[int], object]) -> None:
        """Do something with the selected bead, and show what becomes of it."""
        if self.board.selected is not None:
            act(self.board.selected)
            if self.board.request is not None:
                self.line.follow(self.board.request)

    def _take_selection(self) -> None:
        if key := self.table.selected_key():
            self.board.selected = int(key)

    def _ask_to_clear(self) -> None:
        count = len(self.board.centers)
        self.question.ask(f"Remove all {count} beads and their tables? That can't be undone.")

    def _clear(self) -> None:
        self.question.ask("")
        self._follow("clear_rois")

    def _lay_out(self) -> None:
        self.find.setObjectName("primary")
        self.find.clicked.connect(self.find_beads)
        self.reference.clicked.connect(lambda: self._selected(self.board.toggle_reference))
        self.remove.clicked.connect(lambda: self._selected(self.board.remove))
        self.clear.clicked.connect(self._ask_to_clear)
        self.table.itemSelectionChanged.connect(self._take_selection)
        self.count.setObjectName("faint")
        self.silent.setObjectName("alarm")
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(GAP)
        first.addWidget(self.find)
        first.addWidget(self.count)
        first.addStretch(1)
        for button in (self.reference, self.remove):
            second.addWidget(button)
        second.addStretch(1)
        second.addWidget(self.clear)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(GAP)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(first)
        for widget in (self.silent, self.line, self.question):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        column.addLayout(second)
        column.addLayout(self._cards)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
