"""What a session knows of each service: its commands, settings and state, learned without waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.ipc import CommandInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.request import Request
    from parfocal.core.messages import Notice

_LISTINGS = {"commands": tuple[CommandInfo, ...], "get_settings": Any}


class ServiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a service.

    Attributes
    ----------
    commands : tuple of CommandInfo or None
        What it can be asked; None while that is not known yet.
    settings : dict or None
        Its settings by name; None while they are not known yet.
    """

    commands: tuple[CommandInfo, ...] | None = None
    settings: dict[str, Any] | None = None


NOTHING_KNOWN = ServiceFacts()


class FactTable:
    """Learns commands and settings of services when they are first asked for, and again when they may differ.

    Parameters
    ----------
    ask : callable
        ``ask(service, command, returns)`` makes a `Request`.
    """

    def __init__(self, ask: Callable[[str, str, Any], Request]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._facts: dict[str, ServiceFacts] = {}
        self._asked: dict[str, int] = {}

    def of(self, service: str, pid: int) -> ServiceFacts:
        """Return what is known of a service; ask it if this process of it was not asked yet. Never waits."""
        if pid and self._asked.get(service) != pid:
            self._asked[service] = pid
            for command, returns in _LISTINGS.items():
                self._ask(service, command, returns).then(self._learn)
        return self._facts.get(service, NOTHING_KNOWN)

    def take_notice(self, notice: Notice) -> None:
        """Take over settings that a service tells of. Any thread."""
        if notice.topic == "settings":
            self._keep(notice.service, settings=notice.payload)

    def _learn(self, request: Request) -> None:
        """Keep an answer; one that did not come is asked for again at the next look."""
        if request.state != "done":
            self._asked.pop(request.service, None)
        elif request.command == "commands":
            self._keep(request.service, commands=request.result)
        else:
            self._keep(request.service, settings=request.result)

    def _keep(self, service: str, **known: Any) -> None:
        with self._lock:
            facts = self._facts.get(service, NOTHING_KNOWN)
            self._facts[service] = msgspec.structs.replace(facts, **known)
