"""The settings of a service: those that apply at once, and those that its restart or the rig's takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.app.desktop.fields import setting_field
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.value_form import ValueForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.processes.setting_status import SettingStatus


class SettingsForm(QWidget):
    """Shows and changes all settings of a service.

    Parameters
    ----------
    session, service : Session, str
        Whose.
    settings : sequence of SettingStatus
        Those that it has.
    """

    def __init__(self, session: Session, service: str, settings: Sequence[SettingStatus]) -> None:
        super().__init__()
        self._session, self._service = session, service
        self._shown: Sequence[SettingStatus] = ()
        self.for_restart: dict[str, Any] = {}
        live = {each.name: setting_field(each) for each in settings if each.applies == "live"}
        fixed = {each.name: setting_field(each) for each in settings if each.applies != "live"}
        self.live = ValueForm(live, self._set)
        self.fixed = ValueForm(fixed, self._note)
        for each in settings:
            if each.applies == "rig":
                self.fixed.editors[each.name].setEnabled(False)
        self.restart = QPushButton()
        self.restart.clicked.connect(self._restart)
        self.restart.hide()
        self.line = RequestLine()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        taken = QLabel("taken over by a restart")
        taken.setObjectName("faint")
        taken.setVisible(bool(fixed))
        for part in (self.live, taken, self.fixed):
            column.addWidget(part)
        column.addWidget(self.restart)
        column.addWidget(self.line)

    def refresh(self) -> None:
        """Show what is new."""
        statuses = self._session.setting_statuses(self._service) or ()
        if statuses is not self._shown:
            self._shown = statuses
            values = {each.name: each.value for each in statuses}
            self.live.show_values(values)
            self.fixed.show_values(values | self.for_restart)
        for part in (self.live, self.fixed):
            part.refresh()
        self.line.refresh()

    def _set(self, name: str, value: Any) -> Request:
        return self._session.ask(self._service, "set_settings", changes={name: value})

    def _note(self, name: str, value: Any) -> None:
        """Keep a change until a person has the service restarted with it."""
        self.for_restart[name] = value
        names = ", ".join(self.for_restart)
        self.restart.setText(f"Restart {self._service} with the new {names}")
        self.restart.show()

    def _restart(self) -> None:
        changes, self.for_restart = self.for_restart, {}
        self.restart.hide()
        self.line.follow(self._session.ask("rig", "restart_with", service=self._service, changes=changes))
        self._shown = ()
