"""The radial profile of the selected bead beside that of the model fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.curve_plot import CurvePlot, CurveStyle
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.app.desktop.followers import RowFollower
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_MEASURED, _MODEL = CurveStyle(0, dots=True), CurveStyle(1)
_EVERY = 5
"""One of so many frames: ten and more a second of a fast camera."""


class ProfilePanel(Panel):
    """Has the tracker tell the profile of the bead that is selected, while a person looks.

    A tracker tells that of one bead: where several windows look, all show what the last of them has chosen.
    """

    title: ClassVar = "Profile"
    icon: ClassVar = "fa6s.bullseye"
    area: ClassVar = "bottom"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.told = QLabel()
        self.told.setObjectName("faint")
        self.told.setWordWrap(True)
        self.shown: NDArray[Any] | None = None
        self._state = ServicePoll(session, self.board.tracker, "state", every_s=1.0)
        self._looked_at: Any = None
        self._watched: int | None = None
        self._rows: RowFollower | None = None
        self._widget = QWidget()
        self.plot = CurvePlot(session.theme, "distance (px)", "intensity (counts)")
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.addWidget(self.told)
        column.addWidget(self.plot, 1)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads."""
        return BeadBoard.fits(snapshot)

    def refresh(self) -> None:
        """Have the selected bead watched, and show its newest profile."""
        self.board.refresh()
        selected = self.board.selected
        stream = (self.session.settings(self.board.tracker) or {}).get("profiles")
        if self._rows is None and stream:
            self._rows = self.session.rows(stream)
        self._state.refresh()
        if self._state.value is not self._looked_at:
            self._looked_at = self._state.value
            if self._told_bead is None:  # another window has closed: it told the tracker to make none
                self._watched = None
        if selected is not None and selected != self._watched:
            self._watched = selected
            self.session.ask(self.board.tracker, "watch_profile", bead=selected, every=_EVERY)
            self._state.soon()
        if self._rows is not None and (rows := self._rows.take()) is not None:
            self._draw(rows[(rows["frame"] == rows["frame"][-1]) & (rows["bead"] == rows["bead"][-1])])
        self.told.setText(self.board.regions.silence or self._told(stream))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.plot.set_theme(theme)

    def close(self) -> None:
        """Have no profile made any more, unless it is of a bead that another window has chosen; leave."""
        if self._watched is not None and self._told_bead in (None, self._watched):
            self.session.ask(self.board.tracker, "unwatch_profile")
        if self._rows is not None:
            self._rows.close()

    @property
    def _told_bead(self) -> int | None:
        """Whose profile the tracker makes, as it told last; None if it makes none, or has not told yet."""
        watched = (self._state.value or {}).get("profile")
        return None if watched is None else int(watched["bead"])

    def _draw(self, rows: NDArray[Any]) -> None:
        self.shown = rows
        self.plot.show_curve("measured", _MEASURED, rows["r_px"], rows["intensity"])
        self.plot.show_curve("model", _MODEL, rows["r_px"], rows["model"])

    def _told(self, stream: str | None) -> str:
        """Return what a person should know of what is drawn."""
        if self.shown is None:
            return (
                "no profile yet" if stream else "the tracker makes no profiles: it has no setting 'profiles'"
            )
        row = self.shown[0]
        told = f"bead {row['bead']}"
        if row["bead"] == self._told_bead and self._watched not in (None, row["bead"]):
            told += ", chosen in another window: choose a bead here to see that"
        if np.isfinite(row["z_nm"]):
            told += f", z {row['z_nm']:.0f} nm"
        if np.isfinite(row["chi2"]):
            told += f", chi2 {row['chi2']:.2f}"
        return told if np.isfinite(self.shown["model"]).any() else f"{told}; a model needs a z table"
