"""The status panel: each service and each stream, with what it takes and what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from parfocal.app.desktop.cell_table import CellTable
from parfocal.app.desktop.meters import LoadMeter, StreamRates
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.status_rows import VERBOSE_COLUMN, service_rows, stream_rows, workers_text
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from PySide6.QtWidgets import QTreeWidgetItem

    from parfocal.app.desktop.session import Session
    from parfocal.viewers.qt.theme import Theme

_SERVICES = {
    "service": 80,
    "state": 82,
    "CPU": 44,
    "memory": 62,
    "restarts": 58,
    "verbose": 62,
    "last error": 0,
}
_STREAMS = {"stream": 92, "rate": 82, "readers": 0, "lost": 38, "ring": 42}
_SHOWS_EVERY = 5
"""Turns of the window."""


class StatusPanel(Panel):
    """Shows how all services and streams of the rig are."""

    title: ClassVar = "Status"
    icon: ClassVar = "fa6s.heart-pulse"
    area: ClassVar = "bottom"
    controls: ClassVar = ("verbose log of all",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._meter = LoadMeter(lambda: [status.pid for status in session.snapshot().rig.services.values()])
        self._rates = StreamRates()
        self._turn = 0
        self.services = CellTable(_SERVICES, (2, 3, 4), session.theme)
        self.services.itemClicked.connect(self._clicked)
        self.streams = CellTable(_STREAMS, (1, 3, 4), session.theme)
        self.silent = QLabel()
        self.silent.setObjectName("alarm")
        self.silent.setWordWrap(True)
        self.workers = QLabel()
        self.workers.setObjectName("faint")
        self.verbose = QCheckBox("verbose log of all")
        self.verbose.setToolTip("All services log what they do in detail, and their health once a minute")
        self.verbose.clicked.connect(lambda on: session.ask("rig", "set_verbose", on=on))
        self._widget = self._lay_out()

    def refresh(self) -> None:
        """Show the newest snapshot, four times a second."""
        self._turn += 1
        if self._turn % _SHOWS_EVERY != 1:
            return
        snapshot = self.session.snapshot()
        self.silent.setText(snapshot.error and f"No answer, so this is what was told last: {snapshot.error}")
        self.silent.setVisible(bool(snapshot.error))
        loads, services = self._meter.loads, snapshot.rig.services.values()
        self.services.show_rows(service_rows(snapshot.rig, loads))
        self.workers.setText(workers_text(snapshot.rig, loads))
        self.verbose.setChecked(bool(services) and all(status.verbose for status in services))
        self.streams.show_rows(stream_rows(snapshot.rig, self._rates.rates(snapshot.rig)))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.services.set_theme(theme)
        self.streams.set_theme(theme)

    def close(self) -> None:
        """Measure no more."""
        self._meter.close()

    def _clicked(self, item: QTreeWidgetItem, column: int) -> None:
        """Switch verbose logging of a service whose mark was clicked."""
        name = self.services.key_of(item)
        status = self.session.snapshot().rig.services.get(name)
        if column == VERBOSE_COLUMN and status is not None:
            self.session.ask("rig", "set_verbose", on=not status.verbose, service=name)

    def _lay_out(self) -> QWidget:
        tables = QSplitter(Qt.Orientation.Horizontal)
        tables.addWidget(self.services)
        tables.addWidget(self.streams)
        tables.setChildrenCollapsible(False)
        tables.setSizes([490, 330])
        foot = QHBoxLayout()
        foot.addWidget(self.workers)
        foot.addStretch(1)
        foot.addWidget(self.verbose)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addWidget(self.silent)
        column.addWidget(tables, 1)
        column.addLayout(foot)
        return whole
