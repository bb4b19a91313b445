"""A lock as a card: its state, on, off and once, by which beads it goes, and its limits."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton

from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.app.desktop.bead_board import BeadBoard
    from parfocal.app.desktop.session import Session

OF_A_LOCK = frozenset({"on", "off", "once", "status", "set"})
"""Commands by which a lock is known."""
_MOST_NAMED = 6
"""Of so many beads a lock says which ones they are."""
_TONES = {"holding": "good", "waiting": "flagged", "paused": "flagged", "off": "faint"}


class LockCard(QFrame):
    """Shows and steers one lock.

    Parameters
    ----------
    session : Session
        The rig.
    service : str
        The lock.
    board : BeadBoard
        The beads that it may be told to go by.
    """

    def __init__(self, session: Session, service: str, board: BeadBoard) -> None:
        super().__init__()
        self.setObjectName("card")
        self.session, self.service, self.board = session, service, board
        self.status = ServicePoll(session, service, "status", every_s=0.3)
        self.state, self.facts, self.line = QLabel(), QLabel(), RequestLine(results=False)
        self.switch, self.once = QPushButton("On"), QPushButton("Once")
        self.by = QPushButton("Go by the references")
        self._lay_out()

    def refresh(self) -> None:
        """Show how it is."""
        self.status.refresh()
        self.line.refresh()
        status, silence = self.status.value, self.status.silence
        settings = self.session.settings(self.service) or {}
        theme = self.session.theme
        if silence or status is None:
            self.state.setText(f"<span style='color:{theme.alarm}'>●</span> {silence or '…'}")
        else:
            colour = getattr(theme, _TONES.get(status.state, "text"))
            self.state.setText(f"<span style='color:{colour}'>●</span> {escape(lock_state(status))}")
            if not self.line.is_pending:
                self.switch.setChecked(status.on)
        self.facts.setText(lock_facts(settings))
        self.by.setVisible("target_nm" in settings)
        self.by.setEnabled(bool(self.board.references))

    def _ask(self, command: str, **arguments: Any) -> None:
        request = self.session.ask(self.service, command, **arguments)
        self.line.follow(request.then(lambda _: self.status.soon()))

    def _lay_out(self) -> None:
        name = QLabel(self.service.replace("_", " "))
        name.setObjectName("heading")
        name.setToolTip(f"service {self.service}")
        self.switch.setCheckable(True)
        self.switch.setToolTip("Switch it on, or off")
        self.once.setToolTip("Correct once, and stay off")
        self.by.setToolTip("Hold the focus by the height of the beads that are references")
        self.switch.clicked.connect(lambda on: self._ask("on" if on else "off"))
        self.once.clicked.connect(lambda: self._ask("once"))
        self.by.clicked.connect(lambda: self._ask("set", beads=list(self.board.references)))
        self.state.setWordWrap(True)
        self.facts.setWordWrap(True)
        self.facts.setObjectName("faint")
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        for button in (self.by, self.once, self.switch):
            buttons.addWidget(button)
        grid = QGridLayout(self)
        grid.setContentsMargins(GAP, GAP, GAP, GAP)
        grid.setVerticalSpacing(3)
        grid.addWidget(name, 0, 0)
        grid.addLayout(buttons, 0, 1)
        grid.addWidget(self.state, 1, 0, 1, 2)
        grid.addWidget(self.facts, 2, 0, 1, 2)
        grid.addWidget(self.line, 3, 0, 1, 2)
        grid.setColumnStretch(0, 1)


def lock_state(status: Any) -> str:
    """Return how a lock is, why, how far off, and how often it has corrected, in a line.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> lock_state(SimpleNamespace(state="holding", reason="", on=True, corrections=12, error_nm=-0.04))
    'holding; off by 0.0 nm; 12 corrections'
    >>> lock_state(SimpleNamespace(state="off", reason="", on=False, corrections=12, error_nm=None))
    'off'
    """
    parts = [f"{status.state}: {status.reason}" if status.reason else status.state]
    if status.error_nm is not None:
        parts.append(f"off by {round(status.error_nm, 1) + 0.0:.1f} nm")
    if status.on:
        parts.append(f"{status.corrections} correction{'s' * (status.corrections != 1)}")
    return "; ".join(parts)


def lock_facts(settings: Mapping[str, Any]) -> str:
    """Return by what a lock goes, and how far it may go at once, in a line.

    Examples
    --------
    >>> lock_facts({"beads": [3, 4], "target_nm": "latch", "max_nm": 500.0, "interval_s": 1.0})
    'by beads 3, 4; at most 500 nm every 1 s'
    >>> lock_facts({"beads": [3], "target_nm": "latch", "max_nm": 50.0, "interval_s": 1.0})
    'by bead 3; at most 50 nm every 1 s'
    >>> lock_facts({"beads": range(9), "max_px": 10.0, "interval_s": 0.5})
    'by 9 beads; at most 10 px every 0.5 s'
    """
    if not settings:
        return ""
    beads = settings.get("beads") or ()
    named = f"bead{'s' * (len(beads) > 1)} {', '.join(map(str, beads))}"
    named = named if len(beads) <= _MOST_NAMED else f"{len(beads)} beads"
    by = "all beads" if beads == "all" else named if beads else "no beads yet"
    unit = "px" if "max_px" in settings else "nm"
    most = settings.get(f"max_{unit}", 0)
    return f"by {by}; at most {most:g} {unit} every {settings.get('interval_s', 0):g} s"
