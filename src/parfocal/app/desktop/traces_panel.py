"""Scrolling x, y and z of the selected bead and of the references."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.trace_curves import curve, in_nm, less_reference
from parfocal.app.desktop.trace_store import AXES
from parfocal.viewers.panes import Curve, Plot
from parfocal.viewers.qt.plots import PlotPane

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.app.desktop.trace_store import BeadTrace
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_SPANS_S = (5, 10, 20, 50)
_FEWEST_POINTS = 200
_DRAWS_EVERY = 2
"""Turns of the window: ten times a second."""


class TracesPanel(Panel):
    """Draws the last seconds before the newest row: while nothing comes, they stand still."""

    title: ClassVar = "Traces"
    icon: ClassVar = "fa6s.chart-line"
    area: ClassVar = "bottom"
    controls: ClassVar = ("less reference",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.seconds, self.subtract, self.told = QComboBox(), QCheckBox("less reference"), QLabel()
        self._turn = 0
        self._widget = QWidget()
        self._lay_out()
        self.plots = self._new_plots(session.theme)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads."""
        return BeadBoard.fits(snapshot)

    def refresh(self) -> None:
        """Take in new rows, and draw."""
        self.board.refresh()
        self._turn += 1
        if self._turn % _DRAWS_EVERY == 0:
            self.draw()

    def draw(self) -> None:
        """Draw what there is."""
        now_ns, seconds = self.board.traces.newest_ns, float(self.seconds.currentData())
        traces = self.traces(now_ns - round(seconds * 1e9))
        points = max(_FEWEST_POINTS, self.plots.width())
        unit = "px" if self.board.pixel_size_um is None else "nm"
        plots = [
            Plot(
                axis,
                "nm" if axis == "z" else unit,
                tuple(
                    Curve(name, *curve(trace.times_ns, trace.values[axis], now_ns, seconds, points))
                    for name, trace in traces.items()
                ),
            )
            for axis in AXES
            if axis != "z" or any(np.isfinite(trace.values[axis]).any() for trace in traces.values())
        ]
        self.plots.show_plots(plots, seconds)
        self.told.setText(self._told())

    def traces(self, since_ns: int) -> dict[str, BeadTrace]:
        """Return what is drawn, by its name in the legend."""
        board, selected = self.board, self.board.selected
        if selected is None:
            return {}
        references = [bead for bead in board.references if bead != selected]
        found = {bead: board.traces.trace(bead, since_ns) for bead in (selected, *references[:1])}
        named = {f"bead {selected}": found[selected]}
        if references and self.subtract.isChecked():
            named = {
                f"bead {selected} - {references[0]}": less_reference(found[selected], found[references[0]])
            }
        elif references:
            named[f"reference {references[0]}"] = found[references[0]]
        return {name: in_nm(trace, board.pixel_size_um) for name, trace in named.items()}

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._column.removeWidget(self.plots)
        self.plots.hide()
        self.plots.deleteLater()
        self.plots = self._new_plots(theme)
        self.draw()

    def _told(self) -> str:
        """Return what a person should know of what is drawn."""
        board, selected = self.board, self.board.selected
        if board.regions.silence:
            return board.regions.silence
        if selected is None:
            return "no beads yet: find them in the panel Beads"
        row = board.traces.newest.get(selected)
        if row is None:
            return "no rows yet: the camera does not expose"
        return "z needs a table of this bead" if row["z_nm"] != row["z_nm"] and not row["flags"] else ""

    def _new_plots(self, theme: Theme) -> PlotPane:
        plots = PlotPane(theme)
        self._column.addWidget(plots, 1)
        return plots

    def _lay_out(self) -> None:
        for seconds in _SPANS_S:
            self.seconds.addItem(f"{seconds} s", seconds)
        self.seconds.setCurrentIndex(1)
        self.seconds.setToolTip("How much of the past is drawn")
        self.seconds.activated.connect(lambda _: self.draw())
        self.subtract.setToolTip("Draw the selected bead less the first reference bead")
        self.subtract.setChecked(True)
        self.subtract.clicked.connect(lambda _: self.draw())
        self.told.setObjectName("faint")
        head = QHBoxLayout()
        head.setSpacing(GAP)
        for widget in (self.seconds, self.subtract):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.told)
        self._column = QVBoxLayout(self._widget)
        self._column.setContentsMargins(GAP, GAP, GAP, 0)
        self._column.setSpacing(0)
        self._column.addLayout(head)
