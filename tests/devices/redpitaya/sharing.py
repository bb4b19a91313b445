"""What tests of a shared board have in common."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from parfocal.core.errors import CommandFailedError, ServiceUnavailableError

WAIT_S = 60.0


class NoticeLog:
    """Keeps the board's notices."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self._news = threading.Condition()

    def __call__(self, event: Any) -> None:
        with self._news:
            self.received.append((event.topic, event.payload))
            self._news.notify_all()

    def wait(self, topic: str, **wanted: Any) -> None:
        def found() -> bool:
            return any(
                received == topic and wanted.items() <= payload.items() for received, payload in self.received
            )

        with self._news:
            assert self._news.wait_for(found, WAIT_S), f"no {topic} {wanted} among {self.received}"


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line that a program prints."""
    assert process.stdout is not None
    facts: dict[str, Any] = json.loads(process.stdout.readline())
    return facts


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def notices_of(rig: Any) -> NoticeLog:
    """Return what keeps the board's notices, once it does: a subscription needs a moment to connect."""
    notices = NoticeLog()
    rig.subscribe(notices)
    until(lambda: rig["board"].set_settings({}) and any(topic == "settings" for topic, _ in notices.received))
    return notices


def again(call: Callable[[], Any]) -> Any:
    """Call until the service, or its board, is back."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return call()
        except (ServiceUnavailableError, CommandFailedError):
            assert time.monotonic() < end
            time.sleep(0.05)
