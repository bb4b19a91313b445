"""Snap and Live: a camera exposes once, or until it is switched off, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qtawesome
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.viewers.qt.theme import Theme


class ExposureSwitch(QWidget):
    """Two buttons, and what the camera says; `line`, for another place, shows what became of a request.

    Parameters
    ----------
    session : Session
        The rig.
    camera : str
        The service.
    """

    def __init__(self, session: Session, camera: str) -> None:
        super().__init__()
        self.session, self.camera = session, camera
        self.running = ServicePoll(session, camera, "is_running", every_s=1.0)
        self.snap, self.live, self.silent = QPushButton("Snap"), QPushButton("Live"), QLabel()
        self.line = RequestLine(results=False)
        self.live.setCheckable(True)
        self.snap.setToolTip("Take one frame; nothing is stored")
        self.live.setToolTip("Have the camera expose until it is switched off; nothing is stored")
        self.snap.clicked.connect(lambda: self._ask("snap"))
        self.live.clicked.connect(lambda on: self._ask("start" if on else "stop"))
        self.silent.setObjectName("alarm")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.snap)
        row.addWidget(self.live)
        row.addWidget(self.silent, 1)
        row.addStretch(1)
        self.set_theme(session.theme)

    def refresh(self) -> None:
        """Ask whether it exposes, and show what became of what was asked."""
        self.running.refresh()
        self.line.refresh()
        on = bool(self.running.value)
        if not self.line.is_pending and self.live.isChecked() != on:
            self.live.setChecked(on)
        silence = self.running.silence
        self.silent.setText(silence)
        self.silent.setVisible(bool(silence))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.snap.setIcon(qtawesome.icon("fa6s.camera", color=theme.text))
        self.live.setIcon(qtawesome.icon("fa6s.video", color=theme.text, color_on=theme.base))

    def _ask(self, command: str, **arguments: Any) -> None:
        request = self.session.ask(self.camera, command, **arguments)
        self.line.follow(request.then(lambda _: self.running.soon()))
