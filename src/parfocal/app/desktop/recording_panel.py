"""Recording: what, for how long, under which name; how much room there is; Acquire, and Acquire and save."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.disk_meter import DiskMeter
from parfocal.app.desktop.editors import NumberField
from parfocal.app.desktop.look import tell
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.recording_facts import bytes_per_s, room_text, stored_text
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.run_folder import run_folder
from parfocal.app.desktop.run_line import RunLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP
from parfocal.core.errors import BadInputError
from parfocal.runs import acquire
from parfocal.runs.acquisition_mode import MODES
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot

_NOTES_PX = 64


class RecordingPanel(Panel):
    """Starts acquisitions of a rig that tracks, and shows the one that goes on."""

    title: ClassVar = "Recording"
    icon: ClassVar = "fa6s.circle-dot"
    controls: ClassVar = (
        "mode",
        "seconds",
        "name",
        "folder",
        "sample",
        "notes",
        "Acquire",
        "Acquire and save",
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.mode, self.seconds = QComboBox(), NumberField(integer=False)
        self.name, self.folder, self.sample = QLineEdit(), QLineEdit(), QLineEdit()
        self.notes, self.browse = QPlainTextEdit(), QPushButton("…")
        self.stored, self.room, self.readers = QLabel(), QLabel(), QLabel()
        self.see, self.save = QPushButton("Acquire"), QPushButton("Acquire and save")
        self.line, self.run = RequestLine(results=False), RunLine(session)
        self.disk = DiskMeter()
        self.sizes = ServicePoll(session, self.board.tracker, "bytes_per_frame", every_s=1.0)
        self.rate: ServicePoll | None = None
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads, and carries out runs."""
        return BeadBoard.fits(snapshot) and SERVICE in snapshot.rig.services

    def refresh(self) -> None:
        """Show what would be stored, the room for it, and the run that goes on."""
        self.board.refresh()
        camera = self.board.camera
        if self.rate is None and camera:
            self.rate = ServicePoll(self.session, camera, "frame_rate_hz", every_s=1.0)
        if self.rate is not None:
            self.rate.refresh()
        for part in (self.line, self.run, self.sizes):
            part.refresh()
        default = run_folder(self.session)
        self.folder.setPlaceholderText(default)
        self.disk.folder = self.folder.text().strip() or default
        self.stored.setText(stored_text(self.mode.currentText()))
        self._show_room()
        ledger = self.session.snapshot().rig.streams.get(camera)
        readers = (
            sorted(
                {
                    reader.name.partition(" (pid")[0]
                    for reader in ledger.readers
                    if reader.alive and reader.pid != os.getpid()
                }
            )
            if ledger
            else []
        )
        self.readers.setText(f"Frames are read by {', '.join(readers)}." if readers else "")
        self.readers.setVisible(bool(readers))

    def close(self) -> None:
        """Look at the disk no more."""
        self.disk.close()

    def start(self, *, save: bool) -> None:
        """Start an acquisition as it stands here."""
        if not self.seconds.check():
            self.line.refuse(
                "the seconds are no number: write them as 1.5, or nothing to go on until it is finished"
            )
            return
        try:
            plan = plan_to_data(acquire(seconds=self.seconds.value))
        except BadInputError as error:
            self.line.refuse(str(error))
            return
        folder = self.folder.text().strip()
        told = {"sample": self.sample.text().strip(), "notes": self.notes.toPlainText().strip()}
        arguments: dict[str, Any] = {
            "plan": plan,
            "name": self.name.text().strip(),
            "folder": str(Path(folder).absolute()) if folder and save else "",
            "notes": {key: value for key, value in told.items() if value},
            "mode": self.mode.currentText(),
            "parts": {} if save else {"recorder": ""},
        }
        self.line.follow(self.session.ask(SERVICE, "start", **arguments))

    def _show_room(self) -> None:
        rate_hz = 0.0 if self.rate is None or self.rate.value is None else float(self.rate.value)
        frame = 0 if self.board.frame_bytes is None else self.board.frame_bytes
        per_s = bytes_per_s(self.mode.currentText(), self.sizes.value or {}, frame, rate_hz)
        told, too_little = room_text(self.disk.free_bytes, per_s, self.seconds.value)
        tell(self.room, told, wrong=too_little)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._widget, "Folder for recordings", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _lay_out(self) -> None:
        self.mode.addItems(list(MODES))
        self.seconds.setPlaceholderText("until it is finished")
        self.name.setPlaceholderText("made of the time")
        self.name.setToolTip("Of the run, and of its folder")
        self.notes.setFixedHeight(_NOTES_PX)
        self.notes.setPlaceholderText("kept in the record")
        self.sample.setPlaceholderText("kept in the record")
        self.browse.setFixedWidth(34)
        self.browse.clicked.connect(self._browse)
        self.save.setObjectName("primary")
        self.see.setToolTip("Have the camera expose as a run; nothing of it is stored")
        self.see.clicked.connect(lambda: self.start(save=False))
        self.save.clicked.connect(lambda: self.start(save=True))
        for label in (self.stored, self.room, self.readers):
            label.setObjectName("faint")
            label.setWordWrap(True)
        place = QWidget()
        folder = QHBoxLayout(place)
        folder.setContentsMargins(0, 0, 0, 0)
        folder.setSpacing(4)
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.browse)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        rows: dict[str, QWidget] = {
            "mode": self.mode,
            "seconds": self.seconds,
            "name": self.name,
            "folder": place,
            "sample": self.sample,
            "notes": self.notes,
        }
        for number, (word, widget) in enumerate(rows.items()):
            title = QLabel(word)
            title.setObjectName("faint")
            title.setBuddy(self.folder if widget is place else widget)
            grid.addWidget(title, number, 0)
            grid.addWidget(widget, number, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addStretch(1)
        buttons.addWidget(self.see)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(grid)
        column.addWidget(self.stored)
        column.addWidget(self.room)
        column.addWidget(self.readers)
        column.addLayout(buttons)
        column.addWidget(self.line)
        column.addWidget(self.run)
        column.addStretch(1)
