"""Cells and Mask: whether what a run's analysis has found, and what was lit, lies over a live image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qtawesome
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from parfocal.app.desktop.run_overlay import RunOverlay
from parfocal.app.desktop.style import GAP
from parfocal.processes import directory
from parfocal.runs.settings import SERVICE
from parfocal.viewers.annotations import Labels
from parfocal.viewers.qt.theme import THEMES
from parfocal.viewers.run_feed import LABELS, MASK_COLOUR, MASKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.app.desktop.session import Session
    from parfocal.core.frames import Frame
    from parfocal.core.run_status import RunStatus
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.annotations import Style
    from parfocal.viewers.qt.theme import Theme


class CellSwitch(QWidget):
    """Two buttons, which are there once a run of the camera is analysed; and what lies over its images.

    Parameters
    ----------
    session : Session
        The rig.
    camera : str
        The service whose images are shown.
    """

    def __init__(self, session: Session, camera: str) -> None:
        super().__init__()
        self.session, self.camera = session, camera
        self.cells, self.lit = QPushButton("Cells"), QPushButton("Mask")
        self._overlay: RunOverlay | None = None
        self._began_at: float | None = None
        self._drawn: dict[str, tuple[NDArray[Any], str, Labels]] = {}
        self._shown: tuple[Labels, ...] = ()
        self.cells.setToolTip("Draw the edges of the cells that were found last at the place of the image")
        self.lit.setToolTip("Draw the mask that was lit at the place and the time point of the image")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for button in (self.cells, self.lit):
            button.setCheckable(True)
            button.setChecked(True)
            row.addWidget(button)
        self.set_theme(session.theme)
        self.hide()

    def refresh(self) -> None:
        """Follow the newest run."""
        snapshot = self.session.snapshot()
        parts = self.session.settings(SERVICE) or {}
        if {LABELS, MASKS} & set(snapshot.rig.streams) and parts.get("camera") == self.camera:
            self.show()  # and stays: the streams end with their run
        run = None if self.isHidden() else newest_run(snapshot)
        began_at = None if run is None else run.created_at
        if began_at != self._began_at:
            self.let_go()
            self._began_at = began_at
            self._overlay = None if run is None else RunOverlay(directory.shm_folder(self.session.rig), run)

    def annotations(self, frame: Frame | None) -> tuple[Labels, ...]:
        """Return what lies over a frame of the camera; nothing over one that is of no run."""
        if self._overlay is None or frame is None or frame.header.event < 0:
            return ()
        place = self._overlay.place(frame.header.time_ns)
        if place is None:  # the run tells in a moment
            return self._shown
        shape, theme = frame.data.shape[:2], self.session.theme
        edges, fill = (theme.good, theme.flagged) if theme == THEMES["red"] else ("", MASK_COLOUR)
        found = (
            self._labels("cells", self._overlay.cells(place), "outline", edges),
            self._labels("lit mask", self._overlay.mask(place), "fill", fill),
        )
        wanted = zip(found, (self.cells.isChecked(), self.lit.isChecked()), strict=True)
        self._shown = tuple(one for one, on in wanted if on and one is not None and one.image.shape == shape)
        return self._shown

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for button, icon in ((self.cells, "fa6s.draw-polygon"), (self.lit, "fa6s.lightbulb")):
            button.setIcon(qtawesome.icon(icon, color=theme.text, color_on=theme.base))

    def let_go(self) -> None:
        """Follow no run."""
        overlay, self._overlay, self._began_at = self._overlay, None, None
        self._drawn, self._shown = {}, ()
        if overlay is not None:
            overlay.close()

    def _labels(self, name: str, image: NDArray[Any] | None, style: Style, colour: str) -> Labels | None:
        """Return an image as labels, the same ones until it is another image or colour."""
        if image is None:
            return None
        known = self._drawn.get(name)
        if known is None or known[0] is not image or known[1] != colour:
            labels = Labels(name, image, style=style, colour=colour, pickable=False)
            known = self._drawn[name] = image, colour, labels
        return known[2]


def newest_run(snapshot: RigSnapshot) -> RunStatus | None:
    """Return the run that was started last; None before the first."""
    begun = [run for run in snapshot.runs.values() if run.started_at is not None]
    return max(begun, key=lambda run: run.created_at, default=None)
