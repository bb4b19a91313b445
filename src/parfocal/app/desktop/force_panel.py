"""The force on the selected bead by its motion: spectrum and Allan deviation, beside what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from parfocal.analysis.force.live_records import LiveWarning
from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.curve_plot import CurvePlot, CurveStyle
from parfocal.app.desktop.force_facts import force_service, force_text, physics_of
from parfocal.app.desktop.live_force_switch import LiveForceSwitch
from parfocal.app.desktop.live_forces import LiveForceFeed
from parfocal.app.desktop.motion_curves import (
    CameraBlur,
    WellOfMotion,
    allan_of,
    allan_of_well,
    motion_trace,
    spectrum_of,
    spectrum_of_well,
)
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.plot_row import PlotRow
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from parfocal.app.desktop.motion_curves import MotionTrace
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_KINDS = {"spectrum": "by the spectrum", "allan": "by the Allan variance", "expected": "by the magnet"}
_MEASURED = CurveStyle(0, dots=True)
_FIT, _EXPECTED = CurveStyle(1), CurveStyle(2, width=1.5)
_BELOW = (6, -4)
"""Legends stand where curves that fall leave room."""
_COLOURS = {"spectrum": 0, "allan": 1, "expected": 2}


class ForcePanel(Panel):
    """Shows the force on the bead that is selected, and switches on that forces are made."""

    title: ClassVar = "Force"
    icon: ClassVar = "fa6s.magnet"
    area: ClassVar = "bottom"
    controls: ClassVar = ("Live forces",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.service = force_service(session.snapshot())
        self.feed = LiveForceFeed(session, self.service)
        self.exposure: ServicePoll | None = None
        self.told, self.line = QLabel(), RequestLine(results=False)
        self.switch = LiveForceSwitch(session, self.feed.status, self.line)
        self.values = {kind: QLabel("—") for kind in _KINDS}
        theme = session.theme
        self.spectrum = CurvePlot(theme, "frequency (Hz)", "nm²/Hz", (True, True), _BELOW)
        self.allan = CurvePlot(theme, "averaged over (s)", "Allan dev. (nm)", (True, True), _BELOW)
        self.course = CurvePlot(theme, "seconds before now", "force (pN)", legend=_BELOW)
        self._shown: int | None = None
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads, and makes forces of their motion."""
        return BeadBoard.fits(snapshot) and bool(force_service(snapshot))

    def refresh(self) -> None:
        """Show the newest force of the selected bead."""
        self.board.refresh()
        self.line.refresh()
        is_new = self.feed.refresh()
        settings = self.session.settings(self.service) or {}
        if self.exposure is None and settings.get("camera"):
            self.exposure = ServicePoll(self.session, settings["camera"], "exposure_ms", every_s=2.0)
        if self.exposure is not None:
            self.exposure.refresh()
        self.switch.refresh()
        if is_new or self.board.selected != self._shown:
            self._shown = self.board.selected
            self._draw(settings)
        self.told.setText(self._told())

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for plot in (self.spectrum, self.allan, self.course):
            plot.set_theme(theme)

    def close(self) -> None:
        """Leave the stream; forces go on being made for others."""
        self.feed.close()

    def _told(self) -> str:
        """Return what a person should know of the numbers."""
        status, row = self.feed.status.value, self.feed.newest(self.board.selected)
        if silence := self.feed.status.silence:
            return silence
        if status is None or not status.on:
            return "Live forces are off. They are made of the beads' motion while the camera exposes."
        if status.problem:
            return f"No forces: {status.problem}"
        if self.board.selected is None:
            return "no beads yet: find them in the panel Beads"
        if row is None:
            return f"Waiting for the first force on bead {self.board.selected} …"
        doubts = "; ".join(LiveWarning(int(row["warnings"])).texts())
        seen = f"bead {row['bead']}: {row['samples']} rows in {row['window_s']:.0f} s"
        return f"{seen}; {doubts}" if doubts else f"{seen}, corner at {row['corner_hz']:.2g} Hz"

    def _draw(self, settings: dict[str, Any]) -> None:
        row = self.feed.newest(self._shown)
        for plot in (self.spectrum, self.allan, self.course):
            plot.clear_curves()
        for kind, label in self.values.items():
            known = () if row is None else (row[f"{kind}_pn"], *_sigma(row, kind))
            label.setText(force_text(*map(float, known)) if known else "—")
        if row is None or self._shown is None:
            return
        rows = self.feed.history(self._shown)
        seconds = (rows["time_ns"] - rows["time_ns"][-1]) * 1e-9
        for kind, colour in _COLOURS.items():
            self.course.show_curve(kind, CurveStyle(colour), seconds, rows[f"{kind}_pn"])
        trace, blur = self._motion(row, settings)
        if trace is not None and blur is not None:
            self._draw_motion(row, trace, blur, settings)

    def _motion(self, row: Any, settings: dict[str, Any]) -> tuple[MotionTrace | None, CameraBlur | None]:
        """Return the motion that the force was made of, and what the camera makes of it."""
        board, pixel_um = self.board, self.board.pixel_size_um
        exposure_ms = None if self.exposure is None else self.exposure.value
        newest = board.traces.newest.get(int(row["bead"]))
        if pixel_um is None or exposure_ms is None or newest is None or not row["window_s"] > 0:
            return None, None
        axis = physics_of(settings).axis
        kept = board.traces.trace(int(row["bead"]), int(row["time_ns"] - row["window_s"] * 1e9))
        trace = motion_trace(kept.times_ns, kept.values[axis] * pixel_um * 1e3)
        error_nm = float(newest[f"sigma_{axis}_px"]) * pixel_um * 1e3
        if trace is None or not np.isfinite(error_nm):
            return trace, None
        return trace, CameraBlur(min(exposure_ms * 1e-3, trace.interval_s), error_nm)

    def _draw_motion(self, row: Any, trace: MotionTrace, blur: CameraBlur, settings: dict[str, Any]) -> None:
        """Draw what was measured, the well that fits it, and the one that the magnet's force makes."""
        physics = physics_of(settings)
        fit = WellOfMotion(float(row["stiffness_pn_per_nm"]), float(row["corner_hz"]), physics.temperature_k)
        frequency, power = spectrum_of(trace)
        seconds, deviation = allan_of(trace)
        self.spectrum.show_curve("measured", _MEASURED, frequency, power)
        self.allan.show_curve("measured", _MEASURED, seconds, deviation)
        wells = {"fit": (fit, _FIT)} if fit.is_known else {}
        pendulum_nm = float(row["extension_nm"]) + physics.radius_nm
        if fit.is_known and np.isfinite(row["expected_pn"]) and pendulum_nm > 0:
            stiffness = float(row["expected_pn"]) / pendulum_nm
            wells["expected"] = (fit.as_stiff_as(stiffness), _EXPECTED)
        for name, (well, style) in wells.items():
            seen = spectrum_of_well(well, frequency, trace.interval_s, blur)
            self.spectrum.show_curve(name, style, frequency, seen)
            averaged = allan_of_well(well, seconds, trace.interval_s, blur)
            self.allan.show_curve(name, style, seconds, averaged)

    def _lay_out(self) -> None:
        self.told.setObjectName("faint")
        self.told.setWordWrap(True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GAP)
        grid.setVerticalSpacing(0)
        for column, (kind, words) in enumerate(_KINDS.items()):
            title = QLabel(words)
            title.setObjectName("faint")
            self.values[kind].setObjectName("heading")
            grid.addWidget(title, 0, column)
            grid.addWidget(self.values[kind], 1, column)
            grid.setColumnStretch(column, 1)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.switch)
        head.addWidget(self.told, 1)
        column_of_all = QVBoxLayout(self._widget)
        column_of_all.setContentsMargins(GAP, GAP, GAP, GAP)
        column_of_all.setSpacing(GAP)
        column_of_all.addLayout(head)
        column_of_all.addWidget(self.line)
        column_of_all.addLayout(grid)
        column_of_all.addWidget(PlotRow(self.spectrum, self.allan, self.course), 1)


def _sigma(row: Any, kind: str) -> tuple[float, ...]:
    name = f"{kind}_sigma_pn"
    return (float(row[name]),) if name in row.dtype.names else ()
