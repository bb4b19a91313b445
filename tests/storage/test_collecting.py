"""Collections of what services give to a record, by threads that ask at the same moment."""

from __future__ import annotations

import threading
import types
from pathlib import Path
from typing import Any

import pytest

from parfocal.core.errors import StorageError
from parfocal.storage.collecting import Collector

LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


def test_one_collection_follows_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, another, may_end = threading.Event(), threading.Event(), threading.Event()

    def names(_: Any) -> tuple[str, ...]:
        (another if inside.is_set() else inside).set()
        assert may_end.wait(LONG_S)
        return ()

    monkeypatch.setattr(Collector, "_names", names)
    collector = Collector("bench", "recorder", lambda _: None)  # type: ignore[arg-type, return-value]
    threads = [
        threading.Thread(target=lambda: collector.collect(tmp_path, at_end=True), daemon=True)
        for _ in range(2)
    ]
    threads[0].start()
    assert inside.wait(LONG_S)
    threads[1].start()
    assert not another.wait(SHORT_S)
    may_end.set()
    for thread in threads:
        thread.join(LONG_S)
    assert another.is_set()


class FakeClient:
    """Of a service that writes a file, and answers nothing else."""

    def __init__(self, service: str) -> None:
        self.service, self.closed = service, False

    def submit(self, command: str, *arguments: Any, timeout_s: float) -> Any:
        if command != "save_record":
            raise StorageError("not told")
        Path(arguments[0], "settings.json").write_text(self.service)
        return types.SimpleNamespace(result=lambda: None)

    def close(self) -> None:
        self.closed = True


def collected(monkeypatch: pytest.MonkeyPatch) -> tuple[Collector, list[str], dict[str, FakeClient]]:
    """Return a collector, the services of its rig, which may change, and the clients that it has made."""
    services, clients = ["camera", "stage"], dict[str, FakeClient]()

    def connect(service: str) -> Any:
        clients[service] = FakeClient(service)
        return clients[service]

    monkeypatch.setattr(Collector, "_names", lambda _: tuple(services))
    return Collector("bench", "recorder", connect), services, clients


def test_a_service_that_was_removed_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector, services, clients = collected(monkeypatch)
    collector.collect(tmp_path, at_end=False)
    services.remove("stage")
    collector.collect(tmp_path, at_end=False)
    assert {name: client.closed for name, client in clients.items()} == {"camera": False, "stage": True}


def test_whose_a_file_is_stays_known_of_a_hundred_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, _, _ = collected(monkeypatch)
    runs = [tmp_path / str(number) for number in range(102)]
    for run in runs:
        run.mkdir()
        for _ in range(2):
            found = collector.collect(run, at_end=False)
            assert set(found.artifacts) == {"settings.json", "stage.settings.json"}
    assert len(collector._owners) == 100
