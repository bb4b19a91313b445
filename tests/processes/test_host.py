"""A service in the test's own process, on a clock that the test moves."""

from __future__ import annotations

import io
import threading

import pytest

from parfocal.core.clock import Clock
from parfocal.ipc import command
from parfocal.processes import LOOP, Service, ServiceContext, ServiceSpec, directory
from parfocal.processes.child_pipe import Begin, Reporter
from parfocal.processes.folders import RigFolders
from parfocal.processes.host import Host
from parfocal.testing.clock import ManualClock


class Minutely(Service):
    """Does a step a minute, and tells when."""

    def open(self, context: ServiceContext) -> None:
        self.clock: Clock = context.clock
        self.steps: list[int] = []
        self.stepped = threading.Semaphore(0)

    def step(self) -> float:
        self.steps.append(self.clock.monotonic_ns())
        self.stepped.release()
        return 60.0

    @command(lane=LOOP)
    def times(self) -> list[int]:
        return self.steps


def test_a_service_goes_by_the_clock_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, folders = ManualClock(), RigFolders.claim("virtual")
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
        for _ in range(3):
            clock.advance(60.0)
            assert host.service.stepped.acquire(timeout=30)
            assert clock.wait_for_waiters(2)
        with directory.connect("virtual", "watch") as client:
            assert client.call("times", timeout_s=30) == [minute * 60 * 10**9 for minute in range(4)]
    finally:
        host.end("the test is over")
        thread.join(30)
        host._heartbeat.close()  # in a process of its own it beats until the very end
        reporter.close()
        folders.release()
    assert not thread.is_alive()
