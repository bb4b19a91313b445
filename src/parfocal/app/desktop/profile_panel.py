"""The radial profile of the selected bead beside that of the model fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from parfocal.app.desktop.bead_board import TRACKER, BeadBoard
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.app.desktop.followers import RowFollower
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_EVERY = 5
"""One of so many frames: ten and more a second of a fast camera."""


class ProfilePanel(Panel):
    """Has the tracker tell the profile of the bead that is selected, while a person looks."""

    title: ClassVar = "Profile"
    icon: ClassVar = "fa6s.bullseye"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.told = QLabel()
        self.told.setObjectName("faint")
        self.told.setWordWrap(True)
        self.shown: NDArray[Any] | None = None
        self._watched: int | None = None
        self._rows: RowFollower | None = None
        self._widget = QWidget()
        self._column = QVBoxLayout(self._widget)
        self._column.setContentsMargins(GAP, GAP, GAP, GAP)
        self._column.addWidget(self.told)
        self._make_plot(session.theme)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads."""
        return BeadBoard.fits(snapshot)

    def widget(self) -> QWidget:
        """Return its widget."""
        return self._widget

    def refresh(self) -> None:
        """Have the selected bead watched, and show its newest profile."""
        self.board.refresh()
        selected = self.board.selected
        stream = (self.session.settings(TRACKER) or {}).get("profiles")
        if self._rows is None and stream:
            self._rows = self.session.rows(stream)
        if selected is not None and selected != self._watched:
            self._watched = selected
            self.session.ask(TRACKER, "watch_profile", bead=selected, every=_EVERY)
        if self._rows is not None and (rows := self._rows.take()) is not None:
            newest = rows[(rows["frame"] == rows["frame"][-1]) & (rows["bead"] == rows["bead"][-1])]
            if newest["bead"][-1] == selected:
                self._draw(newest)
        self.told.setText(self.board.regions.silence or self._told(stream))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._column.removeWidget(self.plot)
        self.plot.hide()
        self.plot.deleteLater()
        self._make_plot(theme)
        if self.shown is not None:
            self._draw(self.shown)

    def close(self) -> None:
        """Have no profile made any more, and leave the stream."""
        if self._watched is not None:
            self.session.ask(TRACKER, "unwatch_profile")
        if self._rows is not None:
            self._rows.close()

    def _draw(self, rows: NDArray[Any]) -> None:
        self.shown = rows
        self.measured.setData(rows["r_px"], rows["intensity"])
        known = np.isfinite(rows["model"])
        self.model.setData(rows["r_px"][known], rows["model"][known])

    def _told(self, stream: str | None) -> str:
        """Return what a person should know of what is drawn."""
        if self.shown is None:
            return (
                "no profile yet" if stream else "the tracker makes no profiles: it has no setting 'profiles'"
            )
        row = self.shown[0]
        told = f"bead {row['bead']}"
        if np.isfinite(row["z_nm"]):
            told += f", z {row['z_nm']:.0f} nm"
        if np.isfinite(row["chi2"]):
            told += f", chi2 {row['chi2']:.2f}"
        return told if np.isfinite(self.shown["model"]).any() else f"{told}; a model needs a z table"

    def _make_plot(self, theme: Theme) -> None:
        self.plot = pg.PlotWidget(background=theme.canvas)
        item = self.plot.getPlotItem()
        item.addLegend(offset=(-8, 4), labelTextColor=theme.text, brush=theme.canvas + "c0")
        self.plot.setMenuEnabled(False)
        self.plot.showGrid(x=True, y=True, alpha=0.15)
        for name, title in (("left", "intensity (counts)"), ("bottom", "distance (px)")):
            axis = item.getAxis(name)
            axis.setPen(theme.faint)
            axis.setTextPen(theme.text)
            axis.enableAutoSIPrefix(False)
            self.plot.setLabel(name, title)
        dots = {"symbol": "o", "symbolSize": 5, "symbolPen": None, "symbolBrush": theme.curves[0]}
        self.measured = self.plot.plot(pen=None, name="measured", **dots)
        self.model = self.plot.plot(pen=pg.mkPen(theme.curves[1], width=2), name="model")
        self._column.addWidget(self.plot, 1)
