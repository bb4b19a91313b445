"""While a run claims a service, others look, stop and force; nobody else changes it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import ClaimedError
from parfocal.core.messages import Interference
from parfocal.ipc import Client, Notice, Server, ServiceProxy, Subscription, current_call

from .bench import LONG_S, Bench, bench_server
from .conftest import Processes
from .test_notices import first_notice


@pytest.fixture
def script(folder: Path, server: Server) -> Iterator[Client]:
    with Client(folder, "bench", caller="pull.py (pid 7)") as script:
        yield script


def test_a_claimed_service_is_changed_by_its_run_and_by_services_alone(
    folder: Path, client: Client, script: Client, bench: Bench
) -> None:
    with ServiceProxy(client).claim("run1") as claim:
        assert claim.run == "run1"
        with pytest.raises(ClaimedError, match="run 'run1' uses bench") as caught:
            script.call("note", "never")
        assert (caught.value.service, caught.value.command) == ("bench", "note")
        assert client.call("note", "by the run") is None
        with Client(folder, "bench", caller="z_lock", is_service=True) as lock:
            lock.call("note", "by a service")
        assert script.call("receiver", timeout_s=LONG_S) == "bench:receiver"
        assert script.call("stop") == "stopped"
    script.call("note", "afterwards")
    assert bench.log == ["by the run", "by a service", "afterwards"]


def test_what_was_asked_before_the_claim_goes_on(client: Client, script: Client, bench: Bench) -> None:
    held = script.submit("hold")
    assert bench.entered.acquire(timeout=LONG_S)
    with client.claim("run1"):
        bench.gate.set()
        assert held.result(LONG_S) == "held"


def test_a_forced_change_is_done_and_told(
    folder: Path, client: Client, script: Client, server: Server, bench: Bench
) -> None:
    notices: queue.Queue[Notice] = queue.Queue()
    with Subscription(folder, ["bench"], callback=notices.put), client.claim("run1"):
        first_notice(server, notices, "forced")
        script.call("note", "forced", force=True)
        told = notices.get(timeout=LONG_S)
    assert bench.log == ["forced"]
    assert told.payload == {"command": "note", "caller": "pull.py (pid 7)", "run": "run1"}


def test_who_claims_is_told_of_what_others_force_and_stop(
    folder: Path, client: Client, script: Client, bench: Bench
) -> None:
    told: queue.Queue[Interference] = queue.Queue()
    with client.claim("run1", told.put):
        script.call("note", "forced", force=True)
        client.call("stop")
        with Client(folder, "bench", caller="recorder", is_service=True) as recorder:
            recorder.call("stop")
        script.call("receiver")
        script.call("stop")
        who = "pull.py (pid 7)"
        assert told.get(timeout=LONG_S) == Interference("note", who, forced=True)
        assert told.get(timeout=LONG_S) == Interference("stop", who, forced=False)
    script.call("stop")
    client.ping(LONG_S)
    assert told.empty()


def test_who_claims_and_raises_when_told_keeps_no_other_callback_from_being_called(
    client: Client, script: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(_: Interference) -> None:
        raise IndexError("there is no run yet")

    called = threading.Event()
    with client.claim("run1", raises):
        script.call("note", "forced", force=True)
        assert poll_until(lambda: "there is no run yet" in caplog.text, LONG_S)
        client.submit("note", "mine").add_done_callback(lambda _: called.set())
        assert called.wait(LONG_S)


def test_a_second_run_is_refused_and_told_of_the_first(
    client: Client, script: Client, server: Server
) -> None:
    with client.claim("run1"):
        assert server.statistics().claimed_by == "run1"
        with pytest.raises(ClaimedError, match="run 'run1' uses bench already"):
            script.claim("run2")
        client.claim("run1b").release()  # the same engine may go on with another
    script.claim("run2").release()
    assert server.statistics().claimed_by == ""


def test_a_claim_ends_with_the_process_that_made_it(script: Client, processes: Processes) -> None:
    engine = processes.start("claim", "run1")
    with pytest.raises(ClaimedError, match="run1"):
        script.call("note", "never")
    engine.kill()
    engine.wait()
    while True:  # the service sees the end of the connection in its own time
        try:
            script.call("note", "now", timeout_s=LONG_S)
        except ClaimedError:
            continue
        break


def test_a_service_that_was_started_again_is_claimed_by_the_next_call(folder: Path, bench: Bench) -> None:
    with bench_server(bench, folder):
        client, script = Client(folder, "bench"), Client(folder, "bench")
        claim = client.claim("run1")
    with bench_server(bench, folder), client, script:
        script.call("note", "between")
        client.call("note", "by the run")
        with pytest.raises(ClaimedError, match="run1"):
            script.call("note", "never")
        claim.release()
        script.call("note", "afterwards")
    assert bench.log == ["between", "by the run", "afterwards"]


def test_a_command_knows_who_asked(script: Client) -> None:
    assert current_call().caller == ""
    assert script.call("caller") == "pull.py (pid 7)"
