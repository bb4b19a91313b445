"""Writes what happens to services into the rig's log and records, and publishes it as notices.

::

    supervision ──> Announcer ──> rig.log and the logging of the rig's process
                        └───────> topics "state", "services", "panels", "error" and "log" of service "rig"
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.status import ProcessStatus
from parfocal.processes import child_pipe
from parfocal.processes.directory import RIG_SERVICE, new_rig_record, write_record
from parfocal.processes.logs import LogBook

if TYPE_CHECKING:
    from parfocal.processes.folders import RigFolders
    from parfocal.processes.supervised import SupervisedService

_SERIOUS = ("crashed", "hung", "degraded")


def how_to_restart(service: ProcessStatus) -> str:
    """Return that a service was given up, and what people can do about it.

    Examples
    --------
    >>> how_to_restart(ProcessStatus(name="camera", state="degraded", restarts=5))
    'given up after 5 restarts: start it again with `parfocal restart camera`'
    """
    after = f" after {service.restarts} restarts" if service.restarts else ""
    return f"given up{after}: start it again with `parfocal restart {service.name}`"


class Announcer:
    """Tells what happens in a rig. Nothing here waits for who reads, so the supervisor's thread may call it.

    Parameters
    ----------
    folders : RigFolders
        Where records and the log lie.
    publish : callable
        ``publish(topic, payload)`` sends to subscribers; never blocks.
    detached : bool
        Whether the rig was started to run on in the background.
    """

    def __init__(
        self, folders: RigFolders, publish: Callable[[str, Any], None], *, detached: bool = False
    ) -> None:
        self._folders = folders
        self._publish = publish
        self._detached = detached
        self._log = LogBook(folders.rig, folders.runtime / "rig.log")
        self._starting = True

    def close(self) -> None:
        """Bring what was logged to its places."""
        self._log.close()

    def started(self) -> None:
        """Take note that every service is ready: from now on no caller of the start reports a failure."""
        self._starting = False

    def warn(self, lines: Iterable[str]) -> None:
        """Log what people should know of the rig itself."""
        for line in lines:
            self._log.say(RIG_SERVICE, logging.WARNING, line)

    def services_changed(self, names: tuple[str, ...]) -> None:
        """Record and tell which services there are."""
        record = new_rig_record(self._folders.rig, names, self._folders.streams, detached=self._detached)
        write_record(self._folders.runtime / "rig.json", record)
        self.announce_services(names)

    def announce_services(self, names: tuple[str, ...]) -> None:
        """Tell which services there are."""
        self._publish("services", {"names": list(names)})

    def panels_changed(self) -> None:
        """Tell that desktops have another panel to show, or one less. Any thread."""
        self._publish("panels", {})

    def state_changed(self, service: SupervisedService, *, raised: bool = False) -> None:
        """Log and publish that the life of a service changed; `raised`: the start of the rig raises why."""
        status = service.status()
        level = logging.WARNING if status.state in _SERIOUS and not raised else logging.INFO
        detail = f" ({status.error})" if status.error else ""
        advice = how_to_restart(status) if status.state == "degraded" else ""
        self._log.say(status.name, level, f"{status.state}{detail} {advice}".rstrip())
        self._publish("state", {**msgspec.structs.asdict(status), "time_ns": SYSTEM_CLOCK.monotonic_ns()})

    def made_safe(self, service: str, lost: str) -> None:
        """Tell that a service was made safe because another one is lost."""
        self._log.say(service, logging.WARNING, f"outputs are made safe: service {lost!r} is lost")

    def reported(self, service: SupervisedService, report: child_pipe.Report) -> None:
        """Tell of what raised in a service."""
        if not isinstance(report, child_pipe.Failure):
            return
        name = service.spec.name
        raised = report.fatal and self._starting  # by the start of the rig
        self._log.say(name, logging.INFO if raised else logging.ERROR, report.traceback or report.error)
        self._publish("error", {"service": name, "count": service.errors, **msgspec.structs.asdict(report)})

    def logged(self, service: SupervisedService, record: child_pipe.LogRecord) -> None:
        """Keep and tell a log record of a service."""
        self._log.write(service.spec.name, record)
        self._publish("log", {"service": service.spec.name, **msgspec.structs.asdict(record)})

    def stopping(self, reason: str) -> None:
        """Tell that the end of the rig begins."""
        self._log.say(RIG_SERVICE, logging.INFO, f"stopping: {reason}")
