"""What a service tells while somebody looks: at each of its notices, and every now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session

_SILENT_AFTER_S = 1.0


class ServicePoll:
    """Asks a service for the same again and again; never twice at once, never waiting.

    A notice of the service has it asked at once: it tells of most changes, but not of all.

    Parameters
    ----------
    session : Session
        The rig.
    service, command : str
        Whom, and for what.
    every_s : float
        How often, where no notice comes.
    arguments : Any
        What the command is given.

    Attributes
    ----------
    value : Any
        What it told last; None before that.
    error : str
        Why it told nothing the last time; "" if it did.
    """

    def __init__(
        self, session: Session, service: str, command: str, every_s: float = 0.5, **arguments: Any
    ) -> None:
        self._session, self._every_s = session, every_s
        self.service, self.command, self.arguments = service, command, arguments
        self.value: Any = None
        self.error = ""
        self._asked: Request | None = None
        self._asked_s = self._due_s = 0.0
        self._notices = 0

    def refresh(self) -> None:
        """Ask if it is time, and the service is there."""
        now_s = SYSTEM_CLOCK.monotonic_ns() / 1e9
        status = self._session.snapshot().rig.services.get(self.service)
        ready = status is not None and status.state == "ready"
        if ready and not self._waits and (now_s >= self._due_s or self._is_told):
            self._notices = self._session.notices(self.service)
            self._asked_s, self._due_s = now_s, now_s + self._every_s
            self._asked = self._session.ask(self.service, self.command, **self.arguments).then(self._take)

    def soon(self) -> None:
        """Ask at the next `refresh`."""
        self._due_s = 0.0

    @property
    def silence(self) -> str:
        """What is to be told of a service that is not there or does not answer; "" if it does."""
        status = self._session.snapshot().rig.services.get(self.service)
        if status is None:
            return f"{self.service} is gone"
        if status.state != "ready":
            return f"{self.service}: {status.state}"
        return f"{self.service}: {self.unanswered}" if self.unanswered else ""

    @property
    def unanswered(self) -> str:
        """For how long a service does not answer, in words; "" if it does."""
        silent_s = SYSTEM_CLOCK.monotonic_ns() / 1e9 - self._asked_s if self._waits else 0.0
        return f"no answer for {silent_s:.0f} s" if silent_s > _SILENT_AFTER_S else ""

    @property
    def _is_told(self) -> bool:
        """Whether a notice has come since it was asked."""
        return self._session.notices(self.service) != self._notices

    @property
    def _waits(self) -> bool:
        return self._asked is not None and self._asked.state == "pending"

    def _take(self, request: Request) -> None:
        self.error = "" if request.state == "done" else request.text
        if request.state == "done":
            self.value = request.result
