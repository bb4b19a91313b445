"""Rigs that end with their test, and ears for what they tell."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from parfocal.core.clock import poll_until
from parfocal.ipc import Server
from parfocal.processes import ServiceSpec, Supervisor
from parfocal.processes.identity import is_stopped

PATIENCE_S = 60.0


class Ears:
    """Keeps the notices of a rig, and waits for one that fits."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._news = threading.Condition()

    def __call__(self, topic: str, payload: dict[str, Any]) -> None:
        with self._news:
            self.heard.append((topic, payload))
            self._news.notify_all()

    def wait(self, topic: str, **wanted: Any) -> dict[str, Any]:
        """Return the first notice of `topic` whose payload has all of `wanted`."""
        with self._news:
            assert self._news.wait_for(lambda: self.find(topic, **wanted) is not None, PATIENCE_S), (
                f"no {topic} with {wanted} among {self.heard}"
            )
            found = self.find(topic, **wanted)
        assert found is not None
        return found

    def find(self, topic: str, **wanted: Any) -> dict[str, Any] | None:
        for heard, payload in self.heard:
            if heard == topic and wanted.items() <= payload.items():
                return payload
        return None


def wait_for_text(path: Path, *wanted: str) -> None:
    """Wait until a file holds all of `wanted`."""

    def is_there() -> bool:
        return path.exists() and all(text in path.read_text(encoding="utf-8") for text in wanted)

    assert poll_until(is_there, PATIENCE_S), f"{path} has not {wanted}"


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    assert poll_until(lambda: is_stopped(pid), PATIENCE_S)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert poll_until(lambda: not is_running(pid), PATIENCE_S)


MakeRig = Callable[..., tuple[Supervisor, Ears]]


@pytest.fixture
def make_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeRig]:
    """Make a rig from specs; it is stopped after the test."""
    made: list[Supervisor] = []
    ears_of: dict[str, Ears] = {}
    publish = Server.publish

    def publish_and_note(server: Server, topic: str, payload: Any = None) -> None:
        publish(server, topic, payload)
        if server._folder.name in ears_of:
            ears_of[server._folder.name](topic, payload)

    monkeypatch.setattr(Server, "publish", publish_and_note)

    def make(*specs: ServiceSpec, name: str = "bench", **options: Any) -> tuple[Supervisor, Ears]:
        supervisor, ears = Supervisor(name, specs, **options), Ears()
        ears_of[name] = ears
        made.append(supervisor)
        return supervisor, ears

    yield make
    for supervisor in made:
        supervisor.stop()


@pytest.fixture
def spec() -> Callable[..., ServiceSpec]:
    """Make a spec of one of the test services."""

    def make(name: str = "a", kind: str = "Counter", **fields: Any) -> ServiceSpec:
        settings = fields.pop("settings", {})
        return ServiceSpec(
            name=name, factory=f"parfocal.testing.services:{kind}", settings=settings, **fields
        )

    return make
