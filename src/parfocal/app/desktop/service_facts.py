"""What a session knows of each service: its commands and settings, learned without waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.ipc import CommandInfo
from parfocal.processes.setting_status import SettingStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.request import Request
    from parfocal.core.messages import Notice

_COMMANDS, _SETTINGS = tuple[CommandInfo, ...], dict[str, tuple[SettingStatus, ...]]


class ServiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a service.

    Attributes
    ----------
    commands : tuple of CommandInfo or None
        What it can be asked; None while that is not known yet.
    settings : tuple of SettingStatus or None
        Its settings; None while they are not known yet.
    """

    commands: tuple[CommandInfo, ...] | None = None
    settings: tuple[SettingStatus, ...] | None = None


NOTHING_KNOWN = ServiceFacts()


class FactTable:
    """Learns commands and settings of services when they are first asked for, and again when they may differ.

    Parameters
    ----------
    ask : callable
        ``ask(service, command, arguments, returns)`` makes a `Request`.
    """

    def __init__(self, ask: Callable[[str, str, dict[str, Any], Any], Request]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._facts: dict[str, ServiceFacts] = {}
        self._asked: dict[tuple[str, str], int] = {}

    def of(self, service: str, pid: int) -> ServiceFacts:
        """Return what is known of a service; ask it if this process of it was not asked yet. Never waits."""
        if pid and self._asked.get((service, "commands")) != pid:
            self._asked[service, "commands"] = pid
            self._ask(service, "commands", {}, _COMMANDS).then(self._take_commands)
        if pid and self._asked.get((service, "settings")) != pid:
            self._asked[service, "settings"] = pid
            self._ask("rig", "list_settings", {"service": service}, _SETTINGS).then(self._take_settings)
        return self._facts.get(service, NOTHING_KNOWN)

    def take_notice(self, notice: Notice) -> None:
        """Have settings asked for again, once a service tells that they have changed. Any thread."""
        if notice.topic == "settings":
            self._asked.pop((notice.service, "settings"), None)

    def _take_commands(self, request: Request) -> None:
        """Keep an answer; one that did not come is asked for again at the next look."""
        if request.state == "done":
            self._keep(request.service, commands=request.result)
        else:
            self._asked.pop((request.service, "commands"), None)

    def _take_settings(self, request: Request) -> None:
        service = request.arguments["service"]
        if request.state == "done":
            self._keep(service, settings=request.result.get(service, ()))
        else:
            self._asked.pop((service, "settings"), None)

    def _keep(self, service: str, **known: Any) -> None:
        with self._lock:
            facts = self._facts.get(service, NOTHING_KNOWN)
            self._facts[service] = msgspec.structs.replace(facts, **known)
