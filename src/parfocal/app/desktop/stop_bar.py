"""Stop, always at the same place: a button and a key, and a bar that asks what shall be stopped, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qtawesome
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.question_bar import QuestionBar
from parfocal.core.errors import BadInputError, CommandFailedError
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.ipc import CommandInfo
    from parfocal.viewers.qt.theme import Theme

STOP_KEY = "Ctrl+."
_WHY = "from the desktop"
_CANCELS = "cancel_run"
"""Of services that carry out runs, or record them: runs are asked for by name."""


class StopBar(QWidget):
    """Asks how to stop, below the toolbar that has its `button`.

    Parameters
    ----------
    theme : Theme
        Its colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._session: Session | None = None
        self._to_halt: set[str] = set()
        self.asked: list[Request] = []
        self.told = QLabel()
        self.told.setObjectName("alarm")
        self.told.setWordWrap(True)
        self.told.hide()
        self.button = QPushButton("Stop …")
        self.button.setObjectName("stop")
        self.button.setToolTip(f"Stop runs, moves and light: asks how ({STOP_KEY})")
        self.button.clicked.connect(self.ask)
        self.question = QuestionBar(
            theme,
            {
                "Finish the event in hand": lambda _: self._stop_runs("finish"),
                "Stop runs at once": lambda _: self._stop_runs("cancel_run"),
                "Stop everything: runs, moves, light, cameras, locks": lambda _: self._stop_all(),
                "Let it go on": lambda _: self.question.ask(""),
            },
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, 0, GAP, 0)
        column.addWidget(self.question)
        column.addWidget(self.told)
        self.set_theme(theme)
        self.session = None

    @property
    def session(self) -> Session | None:
        """The rig that is shown; None without one, and then there is nothing to stop."""
        return self._session

    @session.setter
    def session(self, session: Session | None) -> None:
        self._session = session
        self._to_halt, self.asked = set(), []
        self.told.hide()
        self.button.setEnabled(session is not None)
        self.question.ask("")

    def add_key(self, window: QWidget) -> None:
        """Have the key work wherever the focus is in a window."""
        QShortcut(QKeySequence(STOP_KEY), window).activated.connect(self.ask)

    def refresh(self) -> None:
        """Learn what brings each service to rest, before that is needed. Called by the window's timer."""
        session = self._session
        for service in () if session is None else session.snapshot().rig.services:
            infos = None if session is None else session.commands(service)
            if infos is not None and service in self._to_halt:
                self._to_halt.discard(service)
                self._halt(service, infos)
        self._show_failures()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.button.setIcon(qtawesome.icon("fa6s.stop", color=theme.alarm, color_disabled=theme.faint))
        self.question.set_theme(theme)

    def ask(self) -> None:
        """Ask what shall be stopped, and how."""
        if self.session is None:
            return
        self.asked = []
        runs = self._runs()
        self.question.buttons["Finish the event in hand"].setVisible(bool(runs))
        self.question.buttons["Stop runs at once"].setVisible(bool(runs))
        self.question.ask(
            f"How should {' and '.join(runs)} be stopped?"
            if runs
            else "No run goes on. Stop everything else?"
        )

    def _runs(self) -> list[str]:
        assert self.session is not None
        return [name for name, run in self.session.snapshot().runs.items() if can_stop(run.state)]

    def _stop_runs(self, command: str) -> None:
        self.question.ask("")
        assert self.session is not None
        self.asked = [self.session.ask(SERVICE, command, run=run, reason=_WHY) for run in self._runs()]

    def _stop_all(self) -> None:
        """Ask all at once, so that a service that does not answer holds up none of the others."""
        self._stop_runs("cancel_run")
        assert self._session is not None
        self._to_halt = set(self._session.snapshot().rig.services)
        self.refresh()

    def _show_failures(self) -> None:
        """Tell what did not stop, until the next time that something is to be stopped."""
        told = "\n".join(
            f"Not stopped: {request.service}: {request.text}" for request in self.asked if is_failure(request)
        )
        if told != self.told.text():
            self.told.setText(told)
        self.told.setVisible(bool(told))

    def _halt(self, service: str, infos: tuple[CommandInfo, ...]) -> None:
        assert self._session is not None
        self.asked += [self._session.ask(service, info.name) for info in infos if halts(info)]


def can_stop(state: str) -> bool:
    """Whether a run in a state can be stopped."""
    return state not in ("prepared", "cancelling", "draining", "ended")


def is_failure(request: Request) -> bool:
    """Whether a service could not be brought to rest; one without a shutter refuses."""
    refused = isinstance(request.error, CommandFailedError) and isinstance(
        request.error.original, BadInputError
    )
    return request.state == "failed" and not refused


def halts(info: CommandInfo) -> bool:
    """Whether a command brings its service to rest without being told more; runs are stopped by others."""
    told_more = any(parameter.required for parameter in info.parameters)
    return info.effect == "stops" and info.script and not told_more and info.name != _CANCELS
