"""Commands between processes: round trip, throughput, overtaking, deadlines, cancel, death.

Run ``python benchmarks/commands.py [--json] [--quick | --short]``. The peer is what one would write first: a
pair of `multiprocessing.Queue` with ids, and one worker that takes one command after another. Beside the
round trip stands that of pyzmq itself, a DEALER and a ROUTER that echoes: nothing that uses it is faster.
Everything is taken in rounds, ours and the peer's in turn, and the best of each counts: the machine has other
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
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from _aside import Aside
from _echo import BARE, bare
from _report import Failed, Row, Size, following, parser, run
from _timing import ROUNDS, Timing, best, calls_within, timed, timed_beside
from numpy.typing import NDArray

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError
from parfocal.core.messages import Introduction
from parfocal.ipc import RECEIVER, Client, CommandTable, Server, command, current_call
from parfocal.ipc.receiver import Receiver

CLIENTS = 4
MICRO, MILLI = 1e6, 1e3
PEER = "multiprocessing.Queue"


class Board:
    """A fast command, a slow one and a trace."""

    @command(lane=RECEIVER, effect="reads")
    def read(self, address: int) -> int:
        """Return at once, from the receiver thread."""
        return address

    @command(effect="reads")
    def read_in_lane(self, address: int) -> int:
        """Return at once, from a lane: another thread is woken."""
        return address

    @command(lane="scope", effect="reads")
    def acquire(self, seconds: float) -> None:
        """Be busy, whatever anybody wants."""
        time.sleep(seconds)

    @command(lane="scope", effect="reads")
    def acquire_long(self) -> None:
        """Wait to be cancelled."""
        current_call().wait(30.0)

    @command(lane=RECEIVER, effect="reads")
    def trace(self, samples: int) -> NDArray[np.float32]:
        """Hand over an array, from the receiver thread."""
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


def peer_round(count: int, seconds: float) -> dict[str, Any]:
    """Measure a peer of its own once."""
    with peer() as (requests, replies):
        call: Callable[[], Any] = lambda: peer_call(requests, replies, "read", 1)  # noqa: E731
        busy: Callable[[], Any] = lambda: peer_call(requests, replies, "acquire", 0.05, client=1)  # noqa: E731
        return {
            "idle": timed(call, count),
            "busy": timed_beside(lambda: busy, call, seconds),
            "trace": timed(lambda: peer_call(requests, replies, "trace", 16384), count),
            "rate": peer_rate(requests, replies, seconds),
        }


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


def hop(count: int) -> Timing:
    """Time the way from a caller to the receiver thread of a client and back, with nothing sent."""
    receiver = Receiver("ipc:///nowhere", "nobody", None, Introduction("nobody"), SYSTEM_CLOCK)

    def there_and_back() -> None:
        call = receiver.new_call("nothing")
        call.withdrawn = True
        receiver.request(call, [])
        call.exception()

    try:
        return timed(there_and_back, count)
    finally:
        receiver.close()


def own_round(calls: dict[str, Callable[[], Any]], busy: Client, folder: str, size: Size) -> dict[str, Any]:
    """Measure ours once, and the echo that nothing can beat."""
    count, seconds = work_of(size)
    return {
        **{name: timed(call, count) for name, call in calls.items()},
        "busy": timed_beside(lambda: lambda: busy.call("acquire", 0.05), calls["idle"], seconds),
        "rate": parfocal_rate(folder, seconds),
        "hop": hop(count),
    }


def work_of(size: Size) -> tuple[int, float]:
    """Return how many round trips and how many seconds of work a round takes."""
    return size.of((1000, 1.5), (200, 0.4), (20, 0.1))


def measure(folder: str, size: Size) -> Iterator[Row]:
    own, peers = [], []
    with (
        Aside() as aside,
        bare(folder) as bare_call,
        board(folder) as service,
        Client(Path(folder), "board", death=service.poll) as client,
        Client(Path(folder), "board") as other,
    ):
        calls: dict[str, Callable[[], Any]] = {
            "idle": lambda: client.call("read", 1),
            "lane": lambda: client.call("read_in_lane", 1),
            "ping": client.ping,
            "bare": bare_call,
            "trace": lambda: client.call("trace", 16384),
        }
        for _ in range(size.of(ROUNDS, ROUNDS, 1)):
            own.append(own_round(calls, other, folder, size))
            peers.append(aside.call(peer_round, *work_of(size)))
        expired = expired_then_ping(client)
        cancelled = max(cancel_running(client) for _ in range(10))
        death = told_of_death(client, service)
    yield from compared(best_round(*own), following(*peers, by=best_round))
    yield Row("20 expired calls, then a ping", expired * MILLI, "ms", "<= 5")
    yield Row("cancel of a running command, worst of 10", cancelled * MILLI, "ms", "<= 20")
    yield Row("service killed, caller told", death * MILLI, "ms", "<= 500")


def best_round(*rounds: dict[str, Any]) -> dict[str, Any]:
    """Return the best of each."""
    return {
        name: max(one[name] for one in rounds) if name == "rate" else best([one[name] for one in rounds])
        for name in rounds[0]
    }


def compared(own: dict[str, Any], theirs: dict[str, Any] | Failed) -> Iterator[Row]:
    """Yield what the peer does, too."""

    def of_peer(name: str, part: str, scale: float) -> float | Failed:
        return following(theirs, by=lambda best: scale * getattr(best[name], part))

    for name, key, scale, unit, limits in (
        ("idle round trip", "idle", MICRO, "us", ("<= 100", "")),
        ("fast beside a 50 ms command", "busy", MILLI, "ms", ("<= 0.5", "<= 3")),
        ("trace of 16384 samples", "trace", MILLI, "ms", ("<= 0.2", "")),
    ):
        for part, wanted in zip(("p50", "p99"), limits, strict=True):
            value = scale * getattr(own[key], part)
            yield Row(f"{name} {part}", value, unit, wanted, PEER, of_peer(key, part, scale))
    for name, key in (("", "idle"), (", command in a lane", "lane")):
        yield Row(f"idle round trip p50{name}", own[key].p50 * MICRO, "us", "", BARE, own["bare"].p50 * MICRO)
    yield Row("of it, caller to receiver thread and back", own["hop"].p50 * MICRO, "us")
    yield Row("ping p50", own["ping"].p50 * MICRO, "us")
    rate = following(theirs, by=itemgetter("rate"))
    yield Row(f"throughput, {CLIENTS} client processes", own["rate"], "1/s", ">= 15000", PEER, rate)


def main() -> int:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="pf") as place:
        return run({"commands": partial(measure, place)}, options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    elif sys.argv[1:2] == ["hammer"]:
        hammer(*sys.argv[2:])
    else:
        sys.exit(main())
