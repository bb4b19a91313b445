"""The choice among the runs of all rigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.run_window.chosen_run import RunName
    from parfocal.app.run_window.run_source import ShownRun


class RunChooser(QWidget):
    """Lists the runs, the newest first; a person chooses one, or has new ones shown as they come.

    Parameters
    ----------
    choose : callable
        Called with the run that a person has chosen, or None for the newest.
    """

    def __init__(self, choose: Callable[[RunName | None], None]) -> None:
        super().__init__()
        self._choose = choose
        self._names: dict[RunName, str] = {}
        self._run: RunName | None = None
        self.list = QComboBox()
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setMinimumContentsLength(12)
        self.list.activated.connect(self._activated)
        self.follows = QCheckBox("follow new runs")
        self.follows.setToolTip("Show each new run as soon as it is there")
        self.follows.clicked.connect(self._follow_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.list)
        row.addWidget(self.follows)

    def show_run(self, shown: ShownRun) -> None:
        """List these runs; the list is left alone while a person has it open."""
        self.follows.setChecked(shown.follows)
        self._run = shown.run
        if self.list.view().isVisible():
            return
        if shown.names != self._names:
            self._names = dict(shown.names)
            self.list.clear()
            self.list.addItems([f"{name}   {state}" for name, state in self._names.items()])
        if shown.run is not None:
            number = list(self._names).index(shown.run)
            if number != self.list.currentIndex():
                self.list.setCurrentIndex(number)

    def _activated(self, number: int) -> None:
        self._choose(list(self._names)[number])

    def _follow_clicked(self, follow: bool) -> None:
        self._choose(None if follow else self._run)
