"""The tables that a sweep has made, before they are used: quality, picture, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from parfocal.app.desktop.cell_table import CellTable
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.table_sweep import COLUMNS, NUMBERS, quality_rows
from parfocal.app.desktop.table_view import TableView

if TYPE_CHECKING:
    from parfocal.app.desktop.bead_board import BeadBoard
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.app.desktop.table_sweep import TableSweep
    from parfocal.viewers.qt.theme import Theme

_TABLE_PX, _VIEW_PX = 100, 120


class SweepReview(QFrame):
    """Shows the tables of a sweep while they wait, and has them used, or forgotten.

    Parameters
    ----------
    session : Session
        The rig.
    board : BeadBoard
        The beads; the selected one's table is drawn.
    """

    def __init__(self, session: Session, board: BeadBoard) -> None:
        super().__init__()
        self.setObjectName("card")
        self.session, self.board = session, board
        self.sweep: TableSweep | None = None
        self.left_out: set[int] = set()
        self.told, self.field = QLabel(), QLineEdit()
        self.table = CellTable(COLUMNS, NUMBERS, session.theme)
        self.view = TableView(session.theme)
        self.leave, self.use, self.again = (
            QPushButton(),
            QPushButton("Use these tables"),
            QPushButton("Discard"),
        )
        self.line = RequestLine(results=False)
        self._asked: tuple[str, int] | None = None
        self._waits = False
        self._lay_out()

    def show_sweep(self, sweep: TableSweep | None) -> None:
        """Look at the tables of another sweep, if they are not used or forgotten yet."""
        if sweep is None or (self.sweep is not None and sweep.sweep == self.sweep.sweep):
            return
        self.sweep, self.left_out, self._asked = sweep, set(), None
        if self.board.selected not in sweep.quality["beads"]:
            self.board.selected = sweep.quality["beads"][0]

    def refresh(self) -> None:
        """Show what is new."""
        self.line.refresh()
        if self.sweep is None:
            self.setVisible(False)
            return
        self._ask_preview(self.sweep)
        self.setVisible(self._waits or self.line.isVisibleTo(self))
        quality, bead = self.sweep.quality, self.board.selected
        self.table.show_rows(quality_rows(quality, self.left_out, self.board.traces.newest))
        if bead is not None:
            self.table.select_key(str(bead))
        used = len(quality["beads"]) - len(self.left_out)
        self.told.setText(f"The sweep has made {len(quality['beads'])} tables. Bead {bead}:")
        self.leave.setText("Take it" if bead in self.left_out else "Leave it out")
        self.leave.setEnabled(bead in quality["beads"])
        self.use.setEnabled(self._waits and bool(used))
        self.use.setText(f"Use {used} tables" if self.left_out else "Use these tables")
        self.again.setEnabled(self._waits)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.table.set_theme(theme)
        self.view.set_theme(theme)

    def _ask_preview(self, sweep: TableSweep) -> None:
        """Ask for the table of the selected bead, once for each; again to learn whether it still waits."""
        bead = self.board.selected
        if bead is None or bead not in sweep.quality["beads"] or self._asked == (sweep.sweep, bead):
            return
        self._asked = (sweep.sweep, bead)
        self._of_tracker("preview_table", bead=bead).then(self._take_preview)

    def _take_preview(self, request: Request) -> None:
        if self.sweep is None or request.arguments["sweep"] != self.sweep.sweep:
            return
        self._waits = request.state == "done"
        self.view.show_table(request.result)

    def _of_tracker(self, command: str, **arguments: Any) -> Request:
        sweep = "" if self.sweep is None else self.sweep.sweep
        return self.session.ask(self.board.tracker, command, sweep=sweep, **arguments)

    def accept(self) -> None:
        """Have the tables used that are not left out."""
        if self.sweep is None:
            return
        beads = [bead for bead in self.sweep.quality["beads"] if bead not in self.left_out]
        chosen = {"beads": beads} if self.left_out else {}
        request = self._of_tracker("accept_tables", field=self.field.text().strip(), **chosen)
        self.line.follow(request.then(self._look_again))

    def discard(self) -> None:
        """Have the tables forgotten; those in use stay."""
        self.line.follow(self._of_tracker("discard_tables").then(self._look_again))

    def _look_again(self, _request: Request) -> None:
        self._asked = None

    def _toggle(self) -> None:
        if self.board.selected is not None:
            self.left_out ^= {self.board.selected}

    def _take_selection(self) -> None:
        if key := self.table.selected_key():
            self.board.selected = int(key)

    def _lay_out(self) -> None:
        self.told.setObjectName("heading")
        self.table.setMinimumHeight(_TABLE_PX)
        self.view.setMinimumHeight(_VIEW_PX)
        self.table.itemSelectionChanged.connect(self._take_selection)
        self.leave.setToolTip(
            "Whether the selected bead gets its table; without one, its height is not known"
        )
        self.leave.clicked.connect(self._toggle)
        self.use.setObjectName("primary")
        self.use.setToolTip("The tables in use are replaced: beads without a new one have none from then on")
        self.use.clicked.connect(self.accept)
        self.again.setToolTip("Forget them, and go on with those in use; then another sweep can be made")
        self.again.clicked.connect(self.discard)
        self.field.setPlaceholderText("keep as …")
        self.field.setToolTip("A name by which the tables can be loaded again later; empty: not remembered")
        foot = QHBoxLayout()
        foot.setSpacing(GAP)
        foot.addWidget(self.leave)
        foot.addWidget(self.field, 1)
        foot.addWidget(self.again)
        foot.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addWidget(self.told)
        column.addWidget(self.table, 1)
        column.addWidget(self.view, 1)
        column.addWidget(self.line)
        column.addLayout(foot)
        self.hide()
