"""Services and clients in processes of their own, really killed."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import zmq

from parfocal.core.errors import ServiceDiedError, ServiceUnavailableError
from parfocal.core.messages import Beat, Cancel, Command, Progress, Reply, ToClient
from parfocal.ipc import Client, CommandTable, Server, command_endpoint
from parfocal.ipc.codec import Decoder, encode

from .bench import LONG_S, Bench
from .conftest import Processes, stand_still


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_an_absent_service_fails_at_once(folder: Path) -> None:
    with Client(folder, "bench") as client:
        with pytest.raises(ServiceUnavailableError, match="no service 'bench' answers"):
            client.call("add", 1)
        call = client.submit("add", 1)
        assert isinstance(call.exception(LONG_S), ServiceUnavailableError)
    with Client(folder, "bench", death=lambda: 3) as client, pytest.raises(ServiceDiedError) as caught:
        client.call("add", 1)
    assert caught.value.exit_code == 3


def test_all_calls_of_a_killed_service_fail_and_the_client_finds_the_next(
    folder: Path, processes: Processes
) -> None:
    service = processes.serve()
    errors: list[Exception] = []

    def hold() -> None:
        try:
            client.call("hold")
        except ServiceDiedError as error:
            errors.append(error)

    with Client(folder, "bench", death=lambda: service.poll()) as client:
        calls = [client.submit("hold") for _ in range(5)]
        threads = [threading.Thread(target=hold) for _ in range(3)]
        for thread in threads:
            thread.start()
        while client.statistics().open < 8:
            client.ping(LONG_S)
        service.kill()
        for call in calls:
            error = call.exception(LONG_S)
            assert isinstance(error, ServiceDiedError)
            assert error.exit_code == -signal.SIGKILL
        for thread in threads:
            thread.join(LONG_S)
        assert len(errors) == 3
        with pytest.raises(ServiceDiedError):
            client.call("add", 1)
        service = processes.serve()
        assert client.call("add", 1) == 2.0
        assert client.call("reset_log") == [[1, 1.0, ""]]  # nothing of what failed was run late


def test_a_client_that_never_noticed_the_death_finds_the_next(folder: Path, processes: Processes) -> None:
    with Client(folder, "bench") as client:
        for _ in range(3):
            service = processes.serve()
            assert client.call("add", 1) == 2.0
            service.kill()
            service.wait()


def test_calls_of_a_killed_client_end_by_policy(folder: Path, processes: Processes) -> None:
    bench = Bench()
    with Server(CommandTable.of(bench), folder, "bench"), Client(folder, "bench") as client:
        scanner, recorder = processes.start("call", "scan"), processes.start("call", "record")
        id = line(recorder)
        for _ in range(2):
            assert bench.entered.acquire(timeout=LONG_S)
        scanner.kill()
        recorder.kill()
        assert bench.ended.acquire(timeout=LONG_S)
        attached = client.attach_call(id)
        bench.gate.set()
        assert attached.result(LONG_S) == "recorded"


def test_a_stopped_client_blocks_nobody(folder: Path, processes: Processes) -> None:
    bench = Bench()
    with Server(CommandTable.of(bench), folder, "bench"), Client(folder, "bench") as client:
        stopped = processes.start("call", "scan")
        assert bench.entered.acquire(timeout=LONG_S)
        stand_still(stopped)
        assert client.call("add", 1) == 2.0
        stopped.kill()
        assert bench.ended.acquire(timeout=LONG_S)


def soak(processes: Processes, clients: int, count: int, threads: int) -> None:
    processes.serve()
    running = [processes.start("soak", str(count), str(threads)) for _ in range(clients)]
    for process in running:
        assert line(process) == "0 0"


def test_replies_are_never_crossed(processes: Processes) -> None:
    soak(processes, clients=3, count=150, threads=3)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_million_replies_are_never_crossed(processes: Processes) -> None:
    soak(processes, clients=4, count=31_250, threads=4)


def foreign_messages(count: int) -> list[list[bytes]]:
    """Random bytes, and messages of ours with a byte changed, a piece cut off or a part missing."""
    dice = random.Random(7)
    ours = [
        encode(Command("x-1", "echo", [1])),
        encode(Command("x-1", "add", [1], {"b": 2.0}, version=9)),
        encode(Command("x-1", "scale", [[1.0]], {"factor": 1.0})),
        encode(Cancel("x-2", "x-1", "why")),
    ]
    messages = []
    for _ in range(count):
        parts = [bytearray(part) for part in dice.choice(ours)]
        kind = dice.randrange(4)
        if kind == 0:
            parts = [bytearray(dice.randbytes(dice.randrange(40))) for _ in range(dice.randrange(1, 4))]
        elif kind == 1:
            parts[0][dice.randrange(len(parts[0]))] = dice.randrange(256)
        elif kind == 2:
            del parts[0][dice.randrange(len(parts[0])) :]
        messages.append([bytes(part) for part in parts])
    return messages


def test_foreign_messages_are_answered_and_the_service_goes_on(folder: Path, processes: Processes) -> None:
    processes.serve()
    context = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    stranger.connect(command_endpoint(folder, "bench"))
    decoder: Decoder[ToClient] = Decoder(ToClient)
    kinds: dict[str, int] = {}
    try:
        for message in foreign_messages(10_000):
            stranger.send_multipart(message)
            reply: Reply | Progress | Beat = Beat()
            while not isinstance(reply, Reply):
                assert stranger.poll(LONG_S * 1000)
                reply = decoder.decode(stranger.recv_multipart())
            kind = reply.error.kind if reply.error else "done"
            kinds[kind] = kinds.get(kind, 0) + 1
    finally:
        stranger.close()
        context.term()
    assert kinds["ProtocolError"] > 4000
    with Client(folder, "bench") as client:
        assert client.ping(LONG_S) < LONG_S
        assert client.call("add", 1) == 2.0


def test_an_idle_service_sleeps(folder: Path, processes: Processes) -> None:
    service = processes.serve()
    with Client(folder, "bench") as client:
        client.call("add", 1)
        held = client.submit("record")
        uses_s = (cpu_s(service.pid, within_s=1.5) for _ in range(10))
        assert any(used_s < 0.1 for used_s in uses_s), "one that does not sleep always uses more"
        client.call("stop")
        held.result(LONG_S)


def cpu_s(pid: int, within_s: float) -> float:
    """Return the processor time that a process takes during that time."""
    psutil = pytest.importorskip("psutil")
    before = psutil.Process(pid).cpu_times()
    time.sleep(within_s)
    after = psutil.Process(pid).cpu_times()
    return float(after.user + after.system - before.user - before.system)
