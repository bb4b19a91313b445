"""Outputs and calls that end with their client: killed, stopped, closed; but not with one that computes."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from parfocal.core.errors import BadArgumentsError, CancelledError, DeadlineError
from parfocal.ipc import Client, Server, ServiceProxy

from .bench import LONG_S, Bench, bench_server
from .conftest import Processes, stand_still


def tell(process: subprocess.Popen[str]) -> str:
    """Tell a process to stop computing; return what it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("enough\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_an_output_is_made_safe_when_its_client_is_killed(
    server: Server, bench: Bench, processes: Processes
) -> None:
    commander = processes.start("lease", "laser", "60")
    assert server.statistics().leases == 1
    commander.kill()
    assert bench.made_safe.get(timeout=LONG_S) == ("laser", "its client is gone")
    assert server.statistics().leases == 0


def test_an_output_is_made_safe_when_its_client_stands_still(
    server: Server, bench: Bench, processes: Processes
) -> None:
    commander = processes.start("lease", "", "1")
    stand_still(commander)
    assert bench.made_safe.get(timeout=LONG_S) == ("", "its client was silent for 1.0 s")
    commander.send_signal(signal.SIGCONT)
    assert tell(commander) == "its client was silent for 1.0 s"


def test_a_client_that_computes_keeps_its_lease(server: Server, bench: Bench, processes: Processes) -> None:
    computing, stopped = processes.start("lease", "laser", "2"), processes.start("lease", "shutter", "4")
    stand_still(stopped)
    assert (
        bench.made_safe.get(timeout=LONG_S)[0] == "shutter"
    )  # a lease of twice the period ran out meanwhile
    assert tell(computing) == "held"
    assert bench.made_safe.empty()


def test_a_lease_ends_with_its_block(client: Client, server: Server, bench: Bench) -> None:
    with ServiceProxy(client).lease("laser", period_s=60.0) as lease:
        assert server.statistics().leases == 1
        assert bench.made_safe.empty()
    assert bench.made_safe.get(timeout=LONG_S) == ("laser", "its lease was released")
    assert lease.lost == ""
    assert server.statistics().leases == 0


def test_a_released_output_stays_as_it_is(client: Client, server: Server, bench: Bench) -> None:
    lease = client.lease("laser")
    lease.release()
    lease.release(make_safe=True)  # it is over
    assert server.statistics().leases == 0
    assert bench.made_safe.empty()


def test_a_lease_ends_with_its_client(folder: Path, server: Server, bench: Bench) -> None:
    with Client(folder, "bench") as client:
        client.lease("laser", period_s=60.0)
    assert bench.made_safe.get(timeout=LONG_S) == ("laser", "its client is gone")


def test_a_client_hears_that_its_service_is_gone(folder: Path, processes: Processes) -> None:
    service = processes.serve()
    with Client(folder, "bench") as client:
        lease = client.lease("laser", period_s=60.0)
        service.kill()
        never = threading.Event()
        while not lease.lost:
            never.wait(0.01)
        assert lease.lost == "the connection to the service was lost"
        processes.serve()
        assert client.lease("laser").lost == ""


def test_what_cannot_be_leased_is_refused(client: Client, server: Server) -> None:
    with pytest.raises(BadArgumentsError, match="did you mean 'laser'"):
        client.lease("lasre")
    with pytest.raises(BadArgumentsError, match=r"0\.1 s or more"):
        client.lease("laser", period_s=0.0)
    assert server.statistics().leases == 0


def test_a_failing_make_safe_is_logged(
    folder: Path, bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fail(output: str, reason: str) -> None:
        failed.set()
        raise RuntimeError("no contact")

    monkeypatch.setattr(bench, "make_safe", fail)
    with bench_server(bench, folder), Client(folder, "bench") as client:
        client.lease("laser").release(make_safe=True)
        assert failed.wait(LONG_S)
    assert "could not make laser safe" in caplog.text


def test_a_call_bound_to_a_client_ends_when_that_stands_still(
    server: Server, bench: Bench, processes: Processes
) -> None:
    commander = processes.start("bind", "scan", "1")
    assert bench.entered.acquire(timeout=LONG_S)
    stand_still(commander)
    assert bench.ended.acquire(timeout=LONG_S)
    assert bench.log == ["safe"]


def test_a_call_is_bound_to_a_client_that_answers(client: Client, bench: Bench) -> None:
    call = client.submit("scan", lease_s=1.0)
    assert bench.entered.acquire(timeout=LONG_S)
    for _ in range(10):  # twice the lease, which is renewed by answering beats
        assert not call.done()
        with pytest.raises(DeadlineError):
            client.call("hold", timeout_s=0.2)
    call.cancel("enough")
    with pytest.raises(CancelledError, match="enough"):
        call.result(LONG_S)


def test_a_lease_that_is_lost_as_it_is_released_ends_once(client: Client) -> None:
    lease = ServiceProxy(client).lease("laser", period_s=60.0)
    leases = lease._receiver.leases
    loses = threading.Thread(target=lease.lose, args=("its client was silent",))

    class SlowTable(dict):  # type: ignore[type-arg]
        def get(self, *key: object) -> object:
            found = super().get(*key)
            if not loses.ident:
                loses.start()
                loses.join(0.1)  # it waits for the release
            return found

    lease._receiver.leases = SlowTable(leases)
    lease.release()
    loses.join(LONG_S)
    assert not lease._receiver.leases
    lease._receiver.leases = leases
    leases.clear()
