"""The panel of all services: one is chosen, and shown with all that it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.service_widget import ServiceWidget
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session


class InstrumentsPanel(Panel):
    """Shows any service of the rig, made from what it tells of itself."""

    title: ClassVar = "Instruments"
    icon: ClassVar = "fa6s.sliders"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.services: dict[str, ServiceWidget] = {}
        self.list = QComboBox()
        self.list.activated.connect(lambda _: self.show_service(self.list.currentText()))
        self.pages = QStackedWidget()
        self._widget = QWidget()
        head = QHBoxLayout()
        head.setContentsMargins(GAP, GAP, GAP, 0)
        label = QLabel("service")
        label.setObjectName("faint")
        head.setSpacing(GAP)
        head.addWidget(label)
        head.addWidget(self.list, 1)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.pages, 1)

    def refresh(self) -> None:
        """List the services that there are, and show what is new of the one that is chosen."""
        rig = self.session.snapshot().rig
        names = list(rig.services)
        listed = [self.list.itemText(number) for number in range(self.list.count())]
        if names and names != listed and not self.list.view().isVisible():
            chosen = self.list.currentText()
            self.list.clear()
            self.list.addItems(names)
            cameras = [name for name in names if name in rig.streams and rig.streams[name].kind == "frames"]
            self.show_service(chosen if chosen in names else [*cameras, *names][0])
        shown = self.pages.currentWidget()
        if isinstance(shown, ServiceWidget):
            shown.refresh()

    def show_service(self, service: str) -> ServiceWidget:
        """Show this one."""
        if service not in self.services:
            self.services[service] = ServiceWidget(self.session, service)
            self.pages.addWidget(self.services[service])
        widget = self.services[service]
        self.list.setCurrentText(service)
        self.pages.setCurrentWidget(widget)
        widget.refresh()
        return widget
