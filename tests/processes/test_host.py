"""A service in the test's own process, on a clock that the test moves."""

from __future__ import annotations

import gc
import io
import threading
import weakref
from collections.abc import Iterator

import pytest

from parfocal.ipc import Client, command
from parfocal.processes import LOOP, Service, ServiceContext, ServiceSpec, directory
from parfocal.processes.child_pipe import Begin, Reporter
from parfocal.processes.folders import RigFolders
from parfocal.processes.host import Host
from parfocal.testing.clock import ManualClock


class Minutely(Service):
    """Does a step a minute, and tells when."""

    def open(self, context: ServiceContext) -> None:
        self.context, self.clock = context, context.clock
        self.steps: list[int] = []
        self.stepped = threading.Semaphore(0)

    def step(self) -> float:
        self.steps.append(self.clock.monotonic_ns())
        self.stepped.release()
        return 60.0

    @command(lane=LOOP)
    def times(self) -> list[int]:
        return self.steps


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> Iterator[Host]:
    folders = RigFolders.claim("virtual")
    monkeypatch.setattr("parfocal.processes.host.load_service", lambda _: Minutely)
    begin = Begin(
        rig="virtual",
        spec=ServiceSpec(name="watch", factory="here:Minutely"),
        folder=str(folders.runtime),
        streams=str(folders.streams),
        search_path=[],
    )
    reporter = Reporter(io.BytesIO())
    host = Host(begin, reporter, clock)
    host.may_open.set()
    thread = threading.Thread(target=host.run)
    thread.start()
    try:
        assert clock.wait_for_waiters(2), "its loop and its heartbeat"
        yield host
    finally:
        host.end("the test is over")
        thread.join(30)
        host._heartbeat.close()  # in a process of its own it beats until the very end
        reporter.close()
        folders.release()
    assert not thread.is_alive()


def test_a_service_goes_by_the_clock_of_its_host(host: Host, clock: ManualClock) -> None:
    for _ in range(3):
        clock.advance(60.0)
        assert host.service.stepped.acquire(timeout=30)
        assert clock.wait_for_waiters(2)
    with directory.connect("virtual", "watch") as client:
        assert client.call("times", timeout_s=30) == [minute * 60 * 10**9 for minute in range(4)]


def test_a_client_that_a_service_has_closed_is_forgotten(host: Host) -> None:
    def connect() -> weakref.ref[Client]:
        with host.service.context.connect("watch") as client:
            client.ping(timeout_s=30)
            return weakref.ref(client)

    clients = [connect() for _ in range(5)]
    gc.collect()
    assert [client() is None for client in clients[:-1]] == [True] * 4
