"""Commands between processes: round trip, throughput, overtaking, deadlines, cancel, death.

Run ``python benchmarks/commands.py [--json] [--quick]``. The peer is what one would write first: a pair of
`multiprocessing.Queue` with ids, and one worker that takes one command after another. Beside the round trip
stands that of pyzmq itself, a DEALER and a ROUTER that echoes: nothing that uses it is faster. Round trips
and rates are taken in rounds, one of each in turn, and the best round of each counts: the machine has other
work.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _echo import BARE, bare
from _report import Row, report
from _timing import ROUNDS, Timing, best, calls_within, timed, timed_beside
from numpy.typing import NDArray

from parfocal.core.errors import CommandError
from parfocal.ipc import Client, CommandTable, Server, command, current_call

CLIENTS = 4
PEER = "multiprocessing.Queue"


class Board:
    """A fast command, a slow one and a trace."""

    @command()
    def read(self, address: int) -> int:
        """Return at once."""
        return address

    @command(lane="scope")
    def acquire(self, seconds: float) -> None:
        """Be busy, whatever anybody wants."""
        time.sleep(seconds)

    @command(lane="scope")
    def acquire_long(self) -> None:
        """Wait to be cancelled."""
        current_call().wait(30.0)

    @command()
    def trace(self, samples: int) -> NDArray[np.float32]:
        """Hand over an array."""
        return np.zeros(samples, np.float32)


# --- parfocal: this script, started again, is the service and the clients


def serve(folder: str) -> None:
    with Server(CommandTable.of(Board()), Path(folder), "board"):
        print("ready", flush=True)
        sys.stdin.read()


def hammer(folder: str, seconds: str) -> None:
    """Call as often as it goes, one call after another."""
    with Client(Path(folder), "board") as client:
        client.call("read", 0)
        print("ready", flush=True)
        sys.stdin.readline()
        print(calls_within(lambda: client.call("read", 1), float(seconds)), flush=True)


def start(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@contextmanager
def board(folder: str) -> Iterator[subprocess.Popen[str]]:
    process = start("serve", folder)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def parfocal_rate(folder: str, seconds: float) -> float:
    """Return the calls per second of all clients together."""
    clients = [start("hammer", folder, str(seconds)) for _ in range(CLIENTS)]
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    return sum(int(client.communicate()[0]) for client in clients) / seconds


# --- the peer


def peer_worker(requests: Any, replies: list[Any]) -> None:
    while True:
        client, id, name, argument = requests.get()
        if name == "acquire":
            time.sleep(argument)
        answer = [0.0] * argument if name == "trace" else argument
        replies[client].put((id, answer))


def peer_call(requests: Any, replies: list[Any], name: str, argument: Any, client: int = 0) -> Any:
    id = time.monotonic_ns()
    requests.put((client, id, name, argument))
    while True:
        answered, value = replies[client].get()
        if answered == id:
            return value


def peer_hammer(requests: Any, replies: list[Any], client: int, seconds: float, counts: Any) -> None:
    call: Callable[[], Any] = lambda: peer_call(requests, replies, "read", 1, client)  # noqa: E731
    call()
    counts.put(calls_within(call, seconds))


@contextmanager
def peer() -> Iterator[tuple[Any, list[Any]]]:
    spawn = multiprocessing.get_context("spawn")
    requests, replies = spawn.Queue(), [spawn.Queue() for _ in range(CLIENTS)]
    worker = spawn.Process(target=peer_worker, args=(requests, replies), daemon=True)
    worker.start()
    peer_call(requests, replies, "read", 0)
    try:
        yield requests, replies
    finally:
        worker.kill()
        worker.join()


def peer_rate(requests: Any, replies: list[Any], seconds: float) -> float:
    spawn = multiprocessing.get_context("spawn")
    counts = spawn.Queue()
    clients = [
        spawn.Process(target=peer_hammer, args=(requests, replies, number, seconds, counts))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    total = sum(counts.get() for _ in clients)
    for client in clients:
        client.join()
    return float(total) / seconds


# --- what is measured


def expired_then_ping(client: Client) -> float:
    """Seconds that a ping takes after 20 calls expired behind a slow one; same client."""
    slow = client.submit("acquire", 0.1)
    late = [client.submit("acquire", 0.04, timeout_s=0.02) for _ in range(20)]
    for call in late:
        call.exception()
    elapsed = client.ping()
    slow.result()
    begin = time.perf_counter()
    client.call("acquire", 0.0)  # the same lane: nothing of what expired is in its way
    return max(elapsed, time.perf_counter() - begin)


def cancel_running(client: Client) -> float:
    call = client.submit("acquire_long")
    time.sleep(0.05)
    begin = time.perf_counter()
    call.cancel("benchmark")
    call.exception()
    return time.perf_counter() - begin


def told_of_death(client: Client, service: subprocess.Popen[str]) -> float:
    call = client.submit("acquire_long")
    time.sleep(0.05)
    begin = time.perf_counter()
    service.kill()
    assert isinstance(call.exception(), CommandError)
    return time.perf_counter() - begin


def measure(folder: str, quick: bool) -> list[Row]:
    count, seconds = (200, 0.4) if quick else (1000, 1.5)
    trips: dict[str, list[Timing]] = {}
    rates: dict[str, list[float]] = {}
    with (
        peer() as (requests, replies),
        bare(folder) as bare_call,
        board(folder) as service,
        Client(Path(folder), "board", death=service.poll) as client,
        Client(Path(folder), "board") as other,
    ):
        in_turn: dict[str, Callable[[], Any]] = {
            "idle": lambda: client.call("read", 1),
            "ping": client.ping,
            "bare": bare_call,
            "peer": lambda: peer_call(requests, replies, "read", 1),
            "trace": lambda: client.call("trace", 16384),
            "peer trace": lambda: peer_call(requests, replies, "trace", 16384),
        }
        busy: dict[str, Callable[[], Any]] = {
            "idle": lambda: other.call("acquire", 0.05),
            "peer": lambda: peer_call(requests, replies, "acquire", 0.05, client=1),
        }
        for _ in range(ROUNDS):
            for name, call in in_turn.items():
                trips.setdefault(name, []).append(timed(call, count))
            for name, call in busy.items():
                beside = timed_beside(lambda call=call: call, in_turn[name], seconds)
                trips.setdefault(f"{name} busy", []).append(beside)
            rates.setdefault("own", []).append(parfocal_rate(folder, seconds))
            rates.setdefault("peer", []).append(peer_rate(requests, replies, seconds))
        expired = expired_then_ping(client)
        cancelled = max(cancel_running(client) for _ in range(10))
        death = told_of_death(client, service)
    rate, peers_rate = max(rates["own"]), max(rates["peer"])
    at = {name: best(rounds) for name, rounds in trips.items()}
    own, peers, beside, peers_beside = at["idle"], at["peer"], at["idle busy"], at["peer busy"]
    micro, milli = 1e6, 1e3
    return [
        Row("idle round trip p50", own.p50 * micro, "us", "<= 100", PEER, peers.p50 * micro),
        Row("idle round trip p99", own.p99 * micro, "us", "", PEER, peers.p99 * micro),
        Row("idle round trip p50", own.p50 * micro, "us", "", BARE, at["bare"].p50 * micro),
        Row("ping p50", at["ping"].p50 * micro, "us"),
        Row("throughput, 4 client processes", rate, "1/s", ">= 15000", PEER, peers_rate),
        Row(
            "fast beside a 50 ms command p50",
            beside.p50 * milli,
            "ms",
            "<= 0.5",
            PEER,
            peers_beside.p50 * milli,
        ),
        Row(
            "fast beside a 50 ms command p99",
            beside.p99 * milli,
            "ms",
            "<= 3",
            PEER,
            peers_beside.p99 * milli,
        ),
        Row(
            "trace of 16384 samples p50",
            at["trace"].p50 * milli,
            "ms",
            "<= 0.2",
            PEER,
            at["peer trace"].p50 * milli,
        ),
        Row("20 expired calls, then a ping", expired * milli, "ms", "<= 5"),
        Row("cancel of a running command, worst of 10", cancelled * milli, "ms", "<= 20"),
        Row("service killed, caller told", death * milli, "ms", "<= 500"),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    elif sys.argv[1:2] == ["hammer"]:
        hammer(*sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory(prefix="pf") as place:
            report(measure(place, "--quick" in sys.argv))
