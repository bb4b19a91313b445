"""The run that goes on, in a line: its name, how far it is, and how it is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.stop_bar import can_stop
from parfocal.app.desktop.style import GAP
from parfocal.runs.settings import SERVICE
from parfocal.runs.status_text import progress_text, state_text

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.core.run_status import RunStatus

_FULL = 1000
_WHY = "from the desktop"


class RunLine(QFrame):
    """Shows the newest run that goes on, or how the last one ended.

    Parameters
    ----------
    session : Session
        The rig.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setObjectName("card")
        self.session = session
        self.run: RunStatus | None = None
        self.name, self.text, self.bar = QLabel(), QLabel(), QProgressBar()
        self.finish, self.stop, self.line = (
            QPushButton("Finish"),
            QPushButton("Stop"),
            RequestLine(results=False),
        )
        self._lay_out()

    def refresh(self) -> None:
        """Show how it is now."""
        self.line.refresh()
        runs = list(self.session.snapshot().runs.values())
        going = [run for run in runs if can_stop(run.state) and not run.parent]
        self.run = going[-1] if going else runs[-1] if runs else None
        self.setVisible(self.run is not None)
        if self.run is None:
            return
        self.name.setText(self.run.run)
        self.text.setText(f"{state_text(self.run)}: {self.run.event_text or progress_text(self.run)}")
        fraction = self.run.event_fraction
        self.bar.setVisible(bool(going))
        self.bar.setRange(0, 0 if fraction is None else _FULL)
        self.bar.setValue(0 if fraction is None else round(_FULL * fraction))
        for button in (self.finish, self.stop):
            button.setVisible(bool(going))

    def _ask(self, command: str) -> None:
        if self.run is not None:
            self.line.follow(self.session.ask(SERVICE, command, run=self.run.run, reason=_WHY))

    def _lay_out(self) -> None:
        self.name.setObjectName("heading")
        self.text.setObjectName("faint")
        self.text.setWordWrap(True)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.stop.setObjectName("stop")
        self.finish.setToolTip("Let it end when the event in hand is done: what is recorded is complete")
        self.stop.setToolTip("Cancel it at once: what moves stands still")
        self.finish.clicked.connect(lambda: self._ask("finish"))
        self.stop.clicked.connect(lambda: self._ask("cancel_run"))
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.name)
        head.addStretch(1)
        head.addWidget(self.finish)
        head.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(4)
        column.addLayout(head)
        for widget in (self.bar, self.text, self.line):
            column.addWidget(widget)
