"""The newest frame of a camera with the regions of its beads; Snap and Live without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.cell_switch import CellSwitch
from parfocal.app.desktop.exposure_switch import ExposureSwitch
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.style import GAP
from parfocal.viewers.display import Display, changed
from parfocal.viewers.feed import NOTHING_YET
from parfocal.viewers.live.image_pane import ImagePane
from parfocal.viewers.panes import Pane
from parfocal.viewers.qt.theme import THEMES

if TYPE_CHECKING:
    from parfocal.app.desktop.followers import FrameFollower
    from parfocal.app.desktop.session import Session
    from parfocal.core.frames import Frame
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_PAINTS_EVERY_MS = 40


class LivePanel(Panel):
    """Shows one camera as fast as the screen, and only while it can be seen."""

    title: ClassVar = "Live"
    icon: ClassVar = "fa6s.video"
    area: ClassVar = "left"
    controls: ClassVar = ("Snap", "Live", "Edit beads", "Mark", "Freeze", "Auto", "Fit", "Save")

    def __init__(self, session: Session, subject: str) -> None:
        super().__init__(session, subject)
        self.board = session.shared(BeadBoard) if BeadBoard.fits(session.snapshot()) else None
        self.switch, self.overlay = ExposureSwitch(session, subject), CellSwitch(session, subject)
        self._frames: FrameFollower | None = None
        self._shown: Frame | None = None
        self._version = 0
        self._widget = QWidget()
        self._lay_out()
        self.pane = self._new_pane(session.theme, Display())
        self._timer = QTimer(self._widget)
        self._timer.timeout.connect(self._paint)
        self._timer.start(_PAINTS_EVERY_MS)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig has a camera."""
        return bool(cls.subjects(snapshot))

    @classmethod
    def subjects(cls, snapshot: RigSnapshot) -> tuple[str, ...]:
        """Return the cameras: services that write images by their own name."""
        streams = snapshot.rig.streams
        return tuple(name for name in snapshot.rig.services if name in streams and streams[name].holds_images)

    def refresh(self) -> None:
        """Ask whether it exposes, and show what became of what was asked."""
        self.switch.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.switch.set_theme(theme)
        self.overlay.set_theme(theme)
        self._column.removeWidget(self.pane)
        self._head.setParent(self._widget)
        self.pane.hide()
        self.pane.deleteLater()
        self.pane = self._new_pane(theme, self.pane.display)

    def close(self) -> None:
        """Let go of the frames."""
        self._timer.stop()
        self._let_go()
        self.overlay.let_go()

    def _paint(self) -> None:
        """Show the newest frame and the regions, if a person can see them."""
        if not self._widget.isVisible() or self._widget.visibleRegion().isEmpty():
            self._let_go()
            return
        if self._frames is None:
            self._frames = self.session.frames(self.subject)
        self.overlay.refresh()
        frame = self._frames.newest
        tracked = self.board is not None and self.board.camera == self.subject
        if self.board is not None and tracked:
            self.board.refresh()
        if frame is not self._shown and frame is not None and not self.pane.display.frozen:
            self._shown, self._version = frame, self._version + 1
        spec = self._frames.spec
        self.pane.show_pane(
            Pane(
                self.subject,
                image=None if self._shown is None else self._shown.data,
                version=self._version,
                display=self.pane.display,
                pixel_size_um=None if spec is None else spec.pixel_size_um,
                live=True,
                status=self._frames.status or NOTHING_YET,
                annotations=self.overlay.annotations(self._shown),
                markers=self.board.markers() if self.board is not None and tracked else (),
            )
        )

    def _let_go(self) -> None:
        """Read no frames that nobody sees."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _new_pane(self, theme: Theme, display: Display) -> ImagePane:
        """Return a pane in the colours of a theme; in a dark room the image is red, too."""
        pane = ImagePane(self.subject, theme, self._edited, self.clicked)
        plain, tint = ("grey", "red") if theme == THEMES["red"] else ("red", "grey")
        if display.colormap == plain:  # nobody has chosen other colours
            display = changed(display, colormap=tint)
        pane.show_pane(Pane(self.subject, live=True, display=display))
        pane.put_head(self._head)
        self._head.show()
        self._column.insertWidget(0, pane, 1)
        return pane

    def _edited(self) -> BeadBoard | None:
        """Return the regions that clicks change, of the camera that is tracked."""
        return self.board if self.board is not None and self.board.camera == self.subject else None

    def clicked(self, x_px: float, y_px: float) -> bool:
        """Select the bead at a point that a person has clicked; return whether there is one."""
        board = self._edited()
        return board is not None and board.select_at(x_px, y_px)

    def _lay_out(self) -> None:
        self._column = QVBoxLayout(self._widget)
        self._column.setContentsMargins(0, 4, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.switch.line)
        self._head = QWidget()
        row = QHBoxLayout(self._head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.switch, 1)
        row.addWidget(self.overlay)
