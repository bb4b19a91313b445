"""The force-extension curve of the selected bead with the chain that fits it, live or of a recorded run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.background import BackgroundWork
from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.curve_plot import CurvePlot, CurveStyle
from parfocal.app.desktop.force_facts import chain_text, force_service
from parfocal.app.desktop.live_force_switch import LiveForceSwitch
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP
from parfocal.rig.force_extension import force_extension
from parfocal.tracking.wlc import chain_extension_nm

if TYPE_CHECKING:
    from parfocal.analysis.force.live_records import ForceExtension
    from parfocal.app.desktop.background import BackgroundResult
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_LIVE, _OTHER = "live", "another run …"
_OFF = (
    "The curve grows of live forces, which are off. Switch them on before the force is changed; "
    "a pull that was recorded has its curve in the list."
)
_POINTS, _ERRORS, _CHAIN = CurveStyle(0, dots=True), CurveStyle(0, width=1.0, listed=False), CurveStyle(1)
_LINE_POINTS = 200


class ExtensionPanel(Panel):
    """Shows the curve of the bead that is selected; of a run, also of any other bead that is in it."""

    title: ClassVar = "Extension"
    icon: ClassVar = "fa6s.arrows-left-right"
    area: ClassVar = "bottom"
    controls: ClassVar = ("Live forces", "Surface here", "Begin anew")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.service = force_service(session.snapshot())
        self.live: ServicePoll | None = None
        self.work = BackgroundWork("force-extension curves")
        self.recorded: BackgroundResult[dict[int, ForceExtension]] | None = None
        self.run = ""
        self.source, self.bead = QComboBox(), QComboBox()
        self.anew, self.anchor = QPushButton("Begin anew"), QPushButton("Surface here")
        self.told, self.line = QLabel(), RequestLine(results=False)
        self.status = ServicePoll(session, self.service, "live_status", every_s=1.0)
        self.switch = LiveForceSwitch(session, self.status, self.line)
        self.plot = CurvePlot(session.theme, "extension (nm)", "force (pN)", log=(False, True), legend=(8, 4))
        self.shown: ForceExtension | None = None
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads, and knows the force of its magnet."""
        return BeadBoard.fits(snapshot) and bool(force_service(snapshot))

    def refresh(self) -> None:
        """Show the curve as far as it has grown, or as it was recorded."""
        self.board.refresh()
        self.line.refresh()
        self.work.deliver()
        self._list_runs()
        is_live = not self.run
        self.status.refresh()
        self.switch.refresh()
        for button in (self.switch, self.anew, self.anchor):
            button.setVisible(is_live)
        self.bead.setVisible(not is_live)
        curve, told = self._live() if is_live else self._recorded()
        self.told.setText(told)
        if curve is not self.shown:
            self.shown = curve
            self._draw(curve)

    def choose_run(self, folder: str) -> None:
        """Show the curves of a recorded run."""
        self.run, self.recorded = folder, None
        self.source.setCurrentIndex(self.source.findData(folder))  # -1 until it is listed
        read = partial(force_extension, Path(folder), service=self.service)
        self.work.do(read, partial(self._take_curves, folder))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.plot.set_theme(theme)

    def close(self) -> None:
        """Read no more."""
        self.work.close()

    def _take_curves(self, folder: str, found: BackgroundResult[dict[int, ForceExtension]]) -> None:
        if folder == self.run:  # and nobody has chosen another one meanwhile
            self.recorded = found

    def _live(self) -> tuple[ForceExtension | None, str]:
        bead = self.board.selected
        if bead is None:
            return None, "no beads yet: find them in the panel Beads"
        if self.status.value is not None and not self.status.value.on:
            return None, _OFF
        if self.live is None or self.live.arguments != {"bead": bead}:
            self.live = ServicePoll(self.session, self.service, "extension", 1.0, bead=bead)
        self.live.refresh()
        if told := self.live.silence or self.live.error.partition("\n")[0]:
            return None, told
        curve = self.live.value
        return curve, "…" if curve is None else f"bead {bead}: {chain_text(curve)}"

    def _recorded(self) -> tuple[ForceExtension | None, str]:
        if self.recorded is None:
            return None, f"reading {Path(self.run).name} …"
        curves = self.recorded.value
        if not curves:
            return None, self.recorded.error or "the run has no curve"
        beads = [str(bead) for bead in curves]
        if [self.bead.itemText(number) for number in range(self.bead.count())] != beads:
            self.bead.clear()
            self.bead.addItems(beads)
            most = max(curves.values(), key=lambda curve: len(curve.forces_pn))
            self.bead.setCurrentText(str(most.bead))
        curve = curves[int(self.bead.currentText())]
        return curve, f"bead {curve.bead}: {chain_text(curve)}"

    def _draw(self, curve: ForceExtension | None) -> None:
        self.plot.clear_curves()
        if curve is None or not curve.forces_pn:
            return
        force, extension = np.array(curve.forces_pn), np.array(curve.extensions_nm)
        bars = [extension - curve.sigmas_nm, extension + curve.sigmas_nm, np.full(len(force), np.nan)]
        heights = np.stack([force, force, force], axis=1).reshape(-1)
        self.plot.show_curve("deviations", _ERRORS, np.stack(bars, axis=1).reshape(-1), heights)
        self.plot.show_curve("measured", _POINTS, extension, force)
        if not curve.reason:
            self.plot.show_curve("worm-like chain", _CHAIN, *chain_line(curve))

    def _list_runs(self) -> None:
        """Offer the runs of the rig that were recorded, unless the list is open."""
        folders = [run.folder for run in self.session.snapshot().runs.values() if run.folder]
        if self.run and self.run not in folders:
            folders.append(self.run)
        known = [self.source.itemData(number) for number in range(self.source.count())]
        wanted: list[Any] = ["", *dict.fromkeys(folders), None]
        if known == wanted or self.source.view().isVisible():
            return
        self.source.clear()
        for folder in wanted:
            name = _OTHER if folder is None else Path(folder).name or _LIVE
            self.source.addItem(name, folder)
            if folder:
                self.source.setItemData(self.source.count() - 1, folder, Qt.ItemDataRole.ToolTipRole)
        self.source.setCurrentIndex(wanted.index(self.run))

    def _choose_source(self) -> None:
        folder = self.source.currentData()
        if folder is None:
            self._ask_for_run()
        elif folder:
            self.choose_run(folder)
        else:
            self.run = ""

    def _ask_for_run(self) -> None:
        """Have a person point at the folder of a run."""
        dialog = QFileDialog(self._widget, "Which run?")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.choose_run)
        dialog.finished.connect(lambda _: self.source.setCurrentIndex(self.source.findData(self.run)))
        dialog.open()

    def _ask(self, command: str, **arguments: Any) -> None:
        self.line.follow(self.session.ask(self.service, command, **arguments))

    def _lay_out(self) -> None:
        self.source.setToolTip("The curve that grows now, or that of a run")
        self.bead.setToolTip("Which bead of the run")
        self.source.activated.connect(lambda _: self._choose_source())
        self.anew.setToolTip("Begin the curves of all beads anew")
        self.anew.clicked.connect(lambda: self._ask("new_extensions"))
        self.anchor.setToolTip(
            "Take the lowest heights of the selected bead as the surface below it: with so little force "
            "that the bead touches it now and then"
        )
        self.anchor.clicked.connect(lambda: self._ask("find_anchors", beads=[self.board.selected]))
        self.told.setObjectName("faint")
        self.told.setWordWrap(True)
        head = QGridLayout()
        head.setSpacing(GAP)
        head.addWidget(self.source, 0, 0)
        head.addWidget(self.bead, 0, 1)
        head.addWidget(self.switch, 0, 2)
        head.addWidget(self.anchor, 0, 3)
        head.addWidget(self.anew, 0, 4)
        head.setColumnStretch(0, 1)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self.told)
        column.addWidget(self.line)
        column.addWidget(self.plot, 1)


def chain_line(curve: ForceExtension) -> tuple[Any, Any]:
    """Return extensions and forces of the chain that fits a curve, over the forces that were measured."""
    force = np.geomspace(min(curve.forces_pn), max(curve.forces_pn), _LINE_POINTS)
    extension = chain_extension_nm(
        force, curve.contour_nm, curve.persistence_nm,
        stretch_pn=curve.stretch_pn, temperature_k=curve.temperature_k,
    )  # fmt: skip
    return extension - curve.offset_nm, force
