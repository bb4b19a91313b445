"""A stage as a card: its axes, and Halt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from parfocal.app.desktop.axis_row import AxisRow
from parfocal.app.desktop.fields import shown_unit
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.question_bar import QuestionBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.session import Session
    from parfocal.core.protocols import Axis
    from parfocal.viewers.qt.theme import Theme

OF_A_STAGE = frozenset({"describe_axes", "positions", "move", "halt"})
"""Commands by which a stage is known."""
_FAR = 0.25
"""A move over more than this part of the range is asked for twice."""


class StageCard(QFrame):
    """Shows and moves one stage.

    Parameters
    ----------
    session : Session
        The rig.
    service : str
        The stage.
    """

    def __init__(self, session: Session, service: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.session, self.service = session, service
        self.described = ServicePoll(session, service, "describe_axes", every_s=30.0)
        self.positions = ServicePoll(session, service, "positions", every_s=0.2)
        self.axes: dict[str, AxisRow] = {}
        self.silent, self.line, self.halt = QLabel(), RequestLine(results=False), QPushButton("Halt")
        self._far: Callable[[], None] = lambda: None
        self.question = QuestionBar(
            session.theme,
            {"Move": lambda _: self._confirmed(), "Stay": lambda _: self.question.ask("")},
        )
        self._grid = QGridLayout()
        self._lay_out()

    def refresh(self) -> None:
        """Show where it stands."""
        self.positions.refresh()
        self.line.refresh()
        if not self.axes:
            self.described.refresh()
            for number, axis in enumerate(self.described.value or ()):
                self._add(axis, 2 * number)
        for name, position in (self.positions.value or {}).items():
            if name in self.axes:
                self.axes[name].show_position(position)
        self.silent.setText(self.positions.silence)
        self.silent.setVisible(bool(self.positions.silence))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.question.set_theme(theme)

    def _add(self, axis: Axis, row: int) -> None:
        made = self.axes[axis.name] = AxisRow(axis, lambda target, by: self._move(axis, target, by))
        made.put_into(self._grid, row)

    def _move(self, axis: Axis, target: float, relative: bool) -> None:
        """Ask for a move; a long one only after a question."""
        here = (self.positions.value or {}).get(axis.name, target)
        distance = target if relative else target - here

        def go() -> None:
            request = self.session.ask(self.service, "move", targets={axis.name: target}, relative=relative)
            self.line.follow(request.then(lambda _: self.positions.soon()))

        if abs(distance) <= _FAR * (axis.high - axis.low):
            go()
            return
        self._far = go
        self.question.ask(f"Move {self.service} {axis.name} by {distance:.6g} {shown_unit(axis.unit)}?")

    def _confirmed(self) -> None:
        self.question.ask("")
        self._far()

    def _lay_out(self) -> None:
        name = QLabel(self.service)
        name.setObjectName("heading")
        self.silent.setObjectName("alarm")
        self.halt.setObjectName("stop")
        self.halt.setToolTip("Stop every axis where it is")
        self.halt.clicked.connect(lambda: self.line.follow(self.session.ask(self.service, "halt")))
        head = QHBoxLayout()
        head.addWidget(name)
        head.addStretch(1)
        head.addWidget(self.silent)
        head.addWidget(self.halt)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(3, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(self._grid)
        column.addWidget(self.question)
        column.addWidget(self.line)
