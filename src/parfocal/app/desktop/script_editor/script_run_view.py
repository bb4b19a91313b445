"""The run of a script below its text: the step in hand, buttons that steer it, questions, and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget
from superqt import QElidingLabel

from parfocal.app.desktop.script_editor.script_log import ScriptLog
from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.chosen_run import RunName
from parfocal.app.run_window.colours import ink_on, tone_colours
from parfocal.app.run_window.requests import SteeringRequests
from parfocal.app.run_window.run_view import run_view
from parfocal.app.run_window.steering import Steering
from parfocal.app.run_window.style import set_style
from parfocal.runs.status_parts import chip_text, tone_of
from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.background import BackgroundWork
    from parfocal.app.desktop.session import Session
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.handle import RunHandle
    from parfocal.viewers.qt.theme import Theme


_WIDE_PX = 620


class ScriptRunView(QWidget):
    """Shows the newest run of a script, and steers it.

    Parameters
    ----------
    session : Session
        The rig.
    work : BackgroundWork
        Reads the log.
    """

    def __init__(self, session: Session, work: BackgroundWork) -> None:
        super().__init__()
        self.session = session
        self.status: RunStatus | None = None
        self._theme = session.theme
        self._requests = SteeringRequests()
        self.chip, self.name, self.step = QLabel(), QLabel(), QElidingLabel()
        self.bar, self.told, self.log = QProgressBar(), QLabel(), ScriptLog(work)
        self.steering = Steering(session.theme, self._ask)
        self._whole = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._lay_out()
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.steering.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the log beside the rest where there is room for both."""
        wide = event.size().width() >= _WIDE_PX
        sideways, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._whole.setDirection(sideways if wide else down)
        super().resizeEvent(event)

    def show_run_of(self, script: str) -> None:
        """Show the newest run of this file; nothing if it has none."""
        runs = [run for run in self.session.snapshot().runs.values() if run.script and run.script == script]
        self.status = max(runs, key=lambda run: run.created_at, default=None)
        self.setVisible(self.status is not None)
        if self.status is not None:
            self._show(self.status)
        self.log.refresh()

    def close_requests(self, timeout_s: float = 2.0) -> None:
        """Wait until nothing is being asked any more, no longer than that."""
        self._requests.wait(timeout_s)

    def _show(self, status: RunStatus) -> None:
        self.steering.show_view(run_view(status))
        self.steering.setVisible(not status.ended)
        colour = tone_colours(self._theme)[tone_of(status)]
        self.chip.setText(chip_text(status))
        set_style(
            self.chip,
            f"background: {colour}; color: {ink_on(colour)}; font-weight: bold; border-radius: 6px;"
            "padding: 2px 8px",
        )
        self.name.setText(status.run)
        self.step.setText(step_text(status))
        self.bar.setVisible(not status.ended)
        self.bar.setRange(0, status.events_total)
        self.bar.setValue(status.events_acquired)
        request = self._requests.last(RunName(self.session.rig, status.run))
        refused = request is not None and request.state == "refused"
        said = status.reason or status.waiting_for
        self.told.setText(request.text if request is not None and refused else said)
        self.told.setVisible(bool(self.told.text()))
        wrong = refused or status.outcome == "failed"
        set_style(self.told, f"color: {self._theme.alarm if wrong else self._theme.faint}")
        self.log.follow(status.folder)

    def _ask(self, word: str, act: Callable[[RunHandle], object]) -> None:
        if self.status is not None:
            self._requests.ask(RunName(self.session.rig, self.status.run), word, act)

    def _lay_out(self) -> None:
        self.name.setObjectName("heading")
        self.step.setObjectName("faint")
        self.told.setWordWrap(True)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        for widget in (self.chip, self.name, self.step):
            head.addWidget(widget, 1 if widget is self.step else 0)
        column = QVBoxLayout()
        column.setSpacing(5)
        column.addLayout(head)
        for part in (self.bar, self.steering, self.told):
            column.addWidget(part)
        column.addStretch(1)
        self._whole.setContentsMargins(0, 4, 0, 0)
        self._whole.setSpacing(GAP)
        self._whole.addLayout(column, 1)
        self._whole.addWidget(self.log, 1)


def step_text(status: RunStatus) -> str:
    """Return which step a script is in.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> step_text(
    ...     RunStatus(run="a", script="a.py", event_number=1, events_total=5, event_text="up", elapsed_s=65.0)
    ... )
    'step 2 of 5: up, after 1:05'
    >>> step_text(RunStatus(run="a", script="a.py"))
    ''
    """
    number = status.event_number + 1
    of = f" of {status.events_total}" if status.events_total >= number > 0 else ""
    words = [f"step {number}{of}: {status.event_text}"] if number > 0 else []
    words += [f"after {clock_text(status.elapsed_s)}"] if status.elapsed_s else []
    return ", ".join(words)
