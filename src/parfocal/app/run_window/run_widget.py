"""The run status widget: a run of any rig as it goes on, and the buttons that steer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent, QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from parfocal.app.run_window.colours import ink_on, tone_colours
from parfocal.app.run_window.event_strip import EventStrip
from parfocal.app.run_window.fact_grid import FactGrid
from parfocal.app.run_window.line_list import LineList
from parfocal.app.run_window.position_map import PositionMap
from parfocal.app.run_window.queue_bars import QueueBars
from parfocal.app.run_window.run_chooser import RunChooser
from parfocal.app.run_window.steering import Steering
from parfocal.app.run_window.style import set_style

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.run_window.run_source import RunSource, ShownRun
    from parfocal.app.run_window.run_view import RunView
    from parfocal.runs.handle import RunHandle
    from parfocal.viewers.qt.theme import Theme

TURN_MS = 100
"""How often it looks whether there is anything new: what it shows was fetched by other threads."""
_WIDE_PX = 620


class RunWidget(QWidget):
    """Shows a run and steers it: a window, or a dock of another one. For the GUI thread, which never waits.

    Parameters
    ----------
    source : RunSource
        Tells what to show; closed with the widget.
    theme : Theme
        Its colours.
    """

    def __init__(self, source: RunSource, theme: Theme) -> None:
        super().__init__()
        self._source = source
        self._theme = theme
        self._shown: ShownRun | None = None
        self.chooser = RunChooser(source.choose)
        self.chip, self.name = QLabel(), QElidingLabel()
        self.said, self.note = QLabel(), QLabel()
        self.steering = Steering(theme, self._ask)
        self.strip, self.map = EventStrip(theme), PositionMap(theme)
        self.facts, self.counts, self.queues = FactGrid(theme), FactGrid(theme), QueueBars(theme)
        self.errors, self.commands = LineList("errors", theme), LineList("asked for", theme)
        self.silent, self.warning, self.idle = QLabel(), QLabel(), QLabel()
        self._area = QScrollArea()
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._lay_out()
        self.set_theme(theme)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(TURN_MS)
        self.destroyed.connect(source.close)
        self.look()

    def look(self) -> None:
        """Show what is new, if anything is."""
        shown = self._source.shown()
        if shown == self._shown:
            return
        self._shown = shown
        self.chooser.show_run(shown)
        self._show_view(shown)
        self._show_note(shown)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        for part in (self.steering, self.strip, self.map, self.facts, self.counts, self.queues):
            part.set_theme(theme)
        self.errors.set_theme(theme)
        self.commands.set_theme(theme)
        self.name.setStyleSheet("font-weight: bold; font-size: 15px")
        self.said.setStyleSheet(f"color: {theme.text}")
        self.idle.setStyleSheet(f"color: {theme.faint}")
        warned = f"color: {theme.curves[1]}"
        self.warning.setStyleSheet(warned)
        self.silent.setStyleSheet(
            f"color: {theme.alarm}; border: 1px solid {theme.alarm}; border-radius: 6px; padding: 6px"
        )
        if self._shown is not None and self._shown.view is not None:
            self._show_chip(self._shown.view)

    def close_source(self) -> None:
        """Let go of all rigs; what is shown stays as it is. Idempotent."""
        self._timer.stop()
        self._source.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of all rigs when a person closes it as a window."""
        self.close_source()
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put map and facts side by side where there is room for both."""
        wide = event.size().width() >= _WIDE_PX
        sideways, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._body.setDirection(sideways if wide else down)
        super().resizeEvent(event)

    def _ask(self, word: str, act: Callable[[RunHandle], object]) -> None:
        """Ask something of the run that is shown."""
        if self._shown is not None and self._shown.run is not None:
            self._source.ask(self._shown.run, word, act)
            self.look()

    def _show_view(self, shown: ShownRun) -> None:
        view = shown.view
        for part in (self.steering, self.strip, self.map):
            part.show_view(view)
        self._area.setVisible(view is not None)
        self.chip.setVisible(view is not None)
        self.name.setText("" if shown.run is None else str(shown.run))
        self._show_text(self.said, "" if view is None else view.said)
        self._show_text(self.idle, shown.rigs if view is None else "")
        self.facts.show_facts(() if view is None else view.times or view.forecast)
        self.counts.show_facts(() if view is None else view.counts)
        self.queues.show_levels(() if view is None else view.queues)
        self.errors.show_lines(() if view is None else view.errors, 0 if view is None else view.errors_total)
        self.commands.show_lines(() if view is None else view.commands)
        self._show_text(self.warning, "" if view is None else view.warning)
        silent = "" if view is None else view.silent
        self._show_text(self.silent, silent and f"No answer, so this is what was told last: {silent}")
        if view is not None:
            self._show_chip(view)

    def _show_note(self, shown: ShownRun) -> None:
        """Tell what became of the last request, or where the record is."""
        folder = shown.view.folder if shown.view is not None else ""
        said = shown.request.text if shown.request is not None else ""
        refused = shown.request is not None and shown.request.state == "refused"
        self.note.setText(said or (f"record in {folder}" if folder else ""))
        set_style(self.note, f"color: {self._theme.alarm if refused else self._theme.faint}")

    def _show_chip(self, view: RunView) -> None:
        colour = tone_colours(self._theme)[view.tone]
        self.chip.setText(view.chip)
        set_style(
            self.chip,
            f"background: {colour}; color: {ink_on(colour)}; font-weight: bold; border-radius: 6px;"
            "padding: 4px 10px",
        )

    @staticmethod
    def _show_text(label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def _lay_out(self) -> None:
        """Put everything in its place: what steers above, what tells below, in an area that scrolls."""
        self.idle.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for label in (self.said, self.note, self.silent, self.warning, self.idle):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.chip.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.chip)
        head.addWidget(self.name, 1)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._below())
        whole = QVBoxLayout(self)
        whole.setContentsMargins(12, 10, 8, 10)
        whole.setSpacing(10)
        whole.addWidget(self.chooser)
        whole.addLayout(head)
        for part in (self.said, self.steering, self.silent):
            whole.addWidget(part)
        whole.addWidget(self.idle, 1)
        whole.addWidget(self._area, 1)
        whole.addWidget(self.note)

    def _below(self) -> QWidget:
        """Return what scrolls: strip, map and facts, errors and requests."""
        told = QVBoxLayout()
        told.setSpacing(12)
        for table in (self.facts, self.counts, self.queues):
            told.addWidget(table)
        told.addStretch(1)
        self._body.setSpacing(20)
        self._body.addWidget(self.map, 3)
        self._body.addLayout(told, 2)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(12)
        column.addWidget(self.strip)
        column.addWidget(self.warning)
        column.addLayout(self._body, 1)
        column.addWidget(self.errors)
        column.addWidget(self.commands)
        return below
