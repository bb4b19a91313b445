"""Live forces: a button that has forces made of the motion of all beads, or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton

if TYPE_CHECKING:
    from parfocal.app.desktop.request_line import RequestLine
    from parfocal.app.desktop.service_poll import ServicePoll
    from parfocal.app.desktop.session import Session


class LiveForceSwitch(QPushButton):
    """Shows and switches whether forces are made, for everybody who looks.

    Parameters
    ----------
    session : Session
        The rig.
    status : ServicePoll
        Of `live_status` of the service that makes forces; refreshed by whoever has made it.
    line : RequestLine
        Tells what became of a switch.
    """

    def __init__(self, session: Session, status: ServicePoll, line: RequestLine) -> None:
        super().__init__("Live forces")
        self._session, self._status, self._line = session, status, line
        self.setCheckable(True)
        self.setToolTip("Have forces made of the motion of all beads, for everybody who looks")
        self.clicked.connect(self._switch)

    def refresh(self) -> None:
        """Show whether forces are made."""
        if self._status.value is not None and not self._line.is_pending:
            self.setChecked(self._status.value.on)

    def _switch(self, on: bool) -> None:
        request = self._session.ask(self._status.service, "live_on" if on else "live_off")
        self._line.follow(request.then(lambda _: self._status.soon()))
