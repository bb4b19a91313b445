"""A camera: Snap and Live, the brightness of its newest frame, and all that the device can be set to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from parfocal.app.desktop.exposure_switch import ExposureSwitch
from parfocal.app.desktop.histogram_plot import HistogramPlot, brightness_of, brightness_text
from parfocal.app.desktop.live_panel import LivePanel
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.service_widget import ServiceWidget
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from parfocal.app.desktop.followers import FrameFollower
    from parfocal.app.desktop.session import Session
    from parfocal.core.frames import Frame
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_HISTOGRAM_PX = 150
_DRAWS_EVERY = 4
"""Turns of the window: five times a second."""


class _Place(QWidget):
    """Tells when nobody sees it any more."""

    hidden = Signal()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.hidden.emit()


class CameraPanel(Panel):
    """Shows and sets one camera by what it tells of itself."""

    title: ClassVar = "Camera"
    icon: ClassVar = "fa6s.camera"
    controls: ClassVar = ("Snap", "Live")

    def __init__(self, session: Session, subject: str) -> None:
        super().__init__(session, subject)
        self.switch = ExposureSwitch(session, subject)
        self.histogram, self.told = HistogramPlot(session.theme), QLabel("no frame yet")
        self.service = ServiceWidget(session, subject)
        self._frames: FrameFollower | None = None
        self._shown: Frame | None = None
        self._turn = 0
        self._widget = _Place()
        self._widget.hidden.connect(self.close)
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig has a camera."""
        return LivePanel.fits(snapshot)

    @classmethod
    def subjects(cls, snapshot: RigSnapshot) -> tuple[str, ...]:
        """Return the cameras."""
        return LivePanel.subjects(snapshot)

    def refresh(self) -> None:
        """Show how the camera is, and the brightness of its newest frame."""
        self.switch.refresh()
        self.service.refresh()
        self._turn += 1
        if self._frames is None:
            self._frames = self.session.frames(self.subject)
        frame = self._frames.newest
        if frame is None or frame is self._shown or self._turn % _DRAWS_EVERY:
            return
        self._shown = frame
        bits = self.service.state.get("bits")
        seen = brightness_of(frame.data, bits if isinstance(bits, int) else None)
        if seen is not None:
            self.histogram.show_brightness(seen)
            self.told.setText(brightness_text(seen))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.switch.set_theme(theme)
        self.histogram.set_theme(theme)

    def close(self) -> None:
        """Let go of the frames, which are read only while somebody looks. Idempotent."""
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()

    def _lay_out(self) -> None:
        self.told.setObjectName("faint")
        self.histogram.setFixedHeight(_HISTOGRAM_PX)
        head = QVBoxLayout()
        head.setContentsMargins(GAP, GAP, GAP, 0)
        head.setSpacing(GAP)
        for widget in (self.switch, self.switch.line, self.histogram, self.told):
            head.addWidget(widget)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.service, 1)
