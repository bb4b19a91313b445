"""One board for many: what a shared Red Pitaya costs, beside what one would write first.

Run ``python benchmarks/instruments.py [--json] [--quick | --short]``. The board is simulated at the wire, in
a process of its own, once without and once with 0.2 ms added to each of its transactions. The peers own the
same board through the same client: (a) one worker that takes one command after another from a
`multiprocessing.Queue`, replies with ids; (b) Pyro5, a thread for each connection. Everything is taken in
rounds, of which the best counts: the machine has other work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, NamedTuple

from _aside import Aside
from _echo import BARE, bare
from _report import Failed, Row, Size, following, parser, run
from _timing import ROUNDS, Timing, best_of, calls_within, timed, timed_beside

import parfocal
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.memory_map import SAMPLES
from parfocal.devices.redpitaya.redpitaya import RedPitaya

CLIENTS = 4
DECIMATION = 256
"""A trace of 34 ms, and its transfer."""
MILLI = 1e3
QUEUE, PYRO = "multiprocessing.Queue", "Pyro5"

Ask = Callable[..., Any]


class Work(NamedTuple):
    """How much is measured: rounds, calls in each (of which traces take a few), seconds of a busy board."""

    rounds: int
    calls: int
    seconds: float

    @property
    def traces(self) -> int:
        """How many traces are taken in a round."""
        return max(self.calls // 6, 5)


@contextmanager
def simulated(latency_ms: float) -> Iterator[int]:
    """Run a simulated board; yield its port."""
    words = [sys.executable, "-m", "parfocal", "sim", "redpitaya", "--port", "0", "--json"]
    process = subprocess.Popen([*words, "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


# --- the peers


class Owner:
    """The board as a peer's worker owns it; every method returns plain data."""

    def __init__(self, port: int) -> None:
        self._board = RedPitaya(TcpLink("127.0.0.1", port))

    def read(self) -> float:
        """Return a signal now."""
        return self._board.sampler.read("in1")

    def trace(self) -> list[float]:
        """Take a trace."""
        volts: list[float] = self._board.scope.acquire(input="in1", decimation=DECIMATION).volts.tolist()
        return volts

    def short_trace(self) -> list[float]:
        """Take a trace of 0.13 ms: what it takes to get it is what takes the time."""
        volts: list[float] = self._board.scope.acquire(input="in1", decimation=1).volts.tolist()
        return volts


def queue_worker(port: int, requests: Any, replies: list[Any]) -> None:
    owner = Owner(port)
    while True:
        client, id, name = requests.get()
        replies[client].put((id, getattr(owner, name)()))


def queue_ask(requests: Any, replies: list[Any], client: int = 0) -> Ask:
    def ask(name: str) -> Any:
        id = time.monotonic_ns()
        requests.put((client, id, name))
        while True:
            answered, value = replies[client].get()
            if answered == id:
                return value

    return ask


def queue_hammer(requests: Any, replies: list[Any], client: int, seconds: float, counts: Any) -> None:
    ask = queue_ask(requests, replies, client)
    ask("read")
    counts.put(calls_within(lambda: ask("read"), seconds))


def pyro_serve(port: int, found: Any) -> None:
    import Pyro5.api

    Pyro5.api.config.SERVERTYPE = "thread"
    with Pyro5.api.Daemon() as daemon:
        found.put(str(daemon.register(Pyro5.api.expose(Owner)(port))))
        daemon.requestLoop()


def pyro_ask(uri: str) -> Ask:
    import Pyro5.api

    proxy = Pyro5.api.Proxy(uri)
    return lambda name: getattr(proxy, name)()


def pyro_hammer(uri: str, seconds: float, counts: Any) -> None:
    ask = pyro_ask(uri)
    ask("read")
    counts.put(calls_within(lambda: ask("read"), seconds))


def peer(name: str, port: int, work: Work) -> dict[str, Any]:
    """Measure a peer: a fast command idle and beside traces, a trace handed over, throughput."""
    rounds, calls, seconds = work
    if name == PYRO:
        import Pyro5.api  # noqa: F401  (here rather than in the worker, whose failure would have to be waited for)
    spawn = multiprocessing.get_context("spawn")
    counts, found = spawn.Queue(), spawn.Queue()
    requests, replies = spawn.Queue(), [spawn.Queue() for _ in range(CLIENTS)]
    if name == QUEUE:
        worker = spawn.Process(target=queue_worker, args=(port, requests, replies), daemon=True)
        worker.start()
        asks = [queue_ask(requests, replies, client) for client in range(2)]
        hammers = [(queue_hammer, (requests, replies, k, seconds, counts)) for k in range(CLIENTS)]
    else:
        worker = spawn.Process(target=pyro_serve, args=(port, found), daemon=True)
        worker.start()
        uri = found.get(timeout=60)
        asks = [pyro_ask(uri)]
        hammers = [(pyro_hammer, (uri, seconds, counts))] * CLIENTS

    def rate() -> float:
        clients = [spawn.Process(target=hammer, args=arguments) for hammer, arguments in hammers]
        for client in clients:
            client.start()
        total: int = sum(counts.get(timeout=120) for _ in clients)
        for client in clients:
            client.join()
        return total / seconds

    def busy() -> Callable[[], Any]:
        ask = asks[1] if name == QUEUE else pyro_ask(uri)  # a Pyro5 proxy belongs to the thread that made it
        return lambda: ask("trace")

    try:
        asks[0]("read")
        measured: dict[str, Any] = {
            "idle": best_of(rounds, lambda: timed(lambda: asks[0]("read"), calls)),
            "trace": best_of(rounds, lambda: timed(lambda: asks[0]("short_trace"), work.traces)),
            "busy": best_of(rounds, lambda: timed_beside(busy, lambda: asks[0]("read"), seconds)),
        }
        measured["rate"] = max(rate() for _ in range(rounds))
        return measured
    finally:
        worker.kill()
        worker.join()


# --- what is measured


def our_ask(board: Any) -> Ask:
    commands: dict[str, Callable[[], Any]] = {
        "read": lambda: board.sampler_read(signal="in1"),
        "known": lambda: board.known(module="slow"),
        "trace": lambda: board.scope_acquire(input="in1", decimation=DECIMATION),
        "short_trace": lambda: board.scope_acquire(input="in1", decimation=1),
    }
    return lambda name: commands[name]()


def hammer(rig: str, command: str, seconds: str) -> None:
    """Ask for one thing as often as it goes."""
    with parfocal.attach(rig) as joined:
        ask = our_ask(joined["board"])
        ask(command)
        print("ready", flush=True)
        sys.stdin.readline()
        print(calls_within(lambda: ask(command), float(seconds)), flush=True)


def our_rate(rig: str, command_name: str, seconds: float) -> float:
    """Return the calls per second of four programs together."""
    command = [sys.executable, __file__, "hammer", rig, command_name, str(seconds)]
    clients = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(CLIENTS)
    ]
    for client in clients:
        assert client.stdout is not None
        client.stdout.readline()
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    return sum(int(client.communicate()[0]) for client in clients) / seconds


def handed_over(board: Any, count: int) -> Timing:
    """Time what it takes to get a trace that the host has already: asked for by its id, no bus in it."""
    taken = board.submit("scope_acquire", input="in1", decimation=1)
    assert len(taken.result().volts) == SAMPLES
    return timed(lambda: board.attach_call(taken.id).result(), count)


def cancel_running(board: Any) -> float:
    call = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    time.sleep(0.05)
    begin = time.perf_counter()
    call.cancel("benchmark")
    call.exception()
    return time.perf_counter() - begin


def expired_then_ping(board: Any) -> float:
    """Seconds that a command of the same lane takes after 20 that expired behind a waiting trace."""
    waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    for call in [board.submit("scope_acquire", timeout_s=0.05) for _ in range(20)]:
        call.exception()
    ping = float(board.ping())
    waiting.cancel("benchmark")
    begin = time.perf_counter()
    board.scope_set_decimation(DECIMATION)
    return max(ping, time.perf_counter() - begin)


def killed(rig: Any) -> tuple[float, float]:
    """Seconds until a caller knows that the host was killed, and until the board can be used again."""
    board = rig["board"]
    call = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    time.sleep(0.1)
    begin = time.perf_counter()
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    assert isinstance(call.exception(), CommandError)
    told_s = time.perf_counter() - begin
    while True:
        try:
            board.sampler_read(signal="in1")
        except ServiceUnavailableError:
            time.sleep(0.01)
        else:
            return told_s, time.perf_counter() - begin


def ours(port: int, work: Work, *, everything: bool) -> dict[str, Any]:
    """Measure ours: what a peer can do, too, or everything."""
    rounds, calls, seconds = work
    changes = {"board.address": f"tcp://127.0.0.1:{port}"}
    with parfocal.open_rig("redpitaya", changes=changes) as rig, parfocal.attach("redpitaya") as other:
        board = rig["board"]
        ask, busy = our_ask(board), our_ask(other["board"])
        ask("trace")
        measured: dict[str, Any] = {
            "read": best_of(rounds, lambda: timed(lambda: ask("read"), calls)),
            "trace": best_of(rounds, lambda: timed(lambda: ask("short_trace"), work.traces)),
            "busy": best_of(
                rounds, lambda: timed_beside(lambda: lambda: busy("trace"), lambda: ask("read"), seconds)
            ),
        }
        if everything:
            with tempfile.TemporaryDirectory(prefix="pf") as place, bare(place) as echoed:
                measured["echo"] = best_of(rounds, lambda: timed(echoed, 3 * calls))
            measured["idle"] = best_of(rounds, lambda: timed(lambda: ask("known"), 3 * calls))
            measured["ping"] = best_of(rounds, lambda: timed(board.ping, 3 * calls))
            measured["rate"] = max(our_rate("redpitaya", "known", seconds) for _ in range(rounds))
            measured["reads"] = max(our_rate("redpitaya", "read", seconds) for _ in range(rounds))
            measured["handed over"] = handed_over(board, 2 * calls)
            measured["cancel"] = max(cancel_running(board) for _ in range(10))
            measured["expired"] = statistics.median(expired_then_ping(board) for _ in range(5))
            measured["told"], measured["restarted"] = killed(rig)
        return measured


def measure(size: Size) -> Iterator[Row]:
    """Measure ours and the peers on boards of their own."""
    work = size.of(Work(ROUNDS, 300, 1.5), Work(ROUNDS, 300, 0.5), Work(1, 20, 0.1))
    for latency_ms, limits in ((0.0, ("<= 0.5", "<= 3")), (0.2, ("<= 1.5", "<= 5"))):
        with simulated(latency_ms) as port:
            mine = ours(port, work, everything=latency_ms == 0)
        for name in (QUEUE, PYRO):
            with simulated(latency_ms) as port, Aside() as aside:
                theirs = aside.call(peer, name, port, work)
            yield from compared(mine, theirs, name, latency_ms, limits)
        if latency_ms == 0:
            yield from alone(mine)


def compared(
    mine: dict[str, Any],
    theirs: dict[str, Any] | Failed,
    name: str,
    latency_ms: float,
    limits: tuple[str, str],
) -> Iterator[Row]:
    """Yield the rows that a peer has too."""
    for what, own_key, key, part, wanted in (
        ("fast beside traces p50", "busy", "busy", "p50", limits[0]),
        ("fast beside traces p99", "busy", "busy", "p99", limits[1]),
        ("register read p50", "read", "idle", "p50", ""),
        ("trace of 0.13 ms, all in, p50", "trace", "trace", "p50", ""),
    ):
        value = MILLI * getattr(mine[own_key], part)
        peers = following(theirs, by=lambda found, k=key, p=part: MILLI * getattr(found[k], p))
        yield Row(f"{what}, bus + {latency_ms:g} ms", value, "ms", wanted, name, peers)
    if latency_ms == 0:
        rate = following(theirs, by=itemgetter("rate"))
        yield Row(f"register reads, {CLIENTS} programs", mine["reads"], "1/s", "", name, rate)


def alone(mine: dict[str, Any]) -> list[Row]:
    """Return the rows that only a service with ids, cancel and restart has."""
    return [
        Row("idle round trip p50", mine["idle"][0] * 1e6, "us", "<= 100", BARE, mine["echo"][0] * 1e6),
        Row("throughput, 4 programs", mine["rate"], "1/s", ">= 15000"),
        Row("ping p50", mine["ping"][0] * 1e6, "us", "<= 100"),
        Row("trace of 16384 samples handed over, p50", mine["handed over"][0] * MILLI, "ms", "<= 0.2"),
        Row("cancel of a running acquisition, worst of 10", mine["cancel"] * MILLI, "ms", "<= 20"),
        Row("20 expired calls, then a ping, median of 5", mine["expired"] * MILLI, "ms", "<= 5"),
        Row("host killed, caller told", mine["told"] * MILLI, "ms", "<= 500"),
        Row("host killed, board usable again", mine["restarted"] * MILLI, "ms", "<= 3000"),
    ]


def main() -> int:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="pf") as place:
        os.environ |= {"PARFOCAL_RUNTIME_DIR": f"{place}/r", "PARFOCAL_SHM_DIR": f"{place}/s"}
        return run({"instruments": measure}, options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["hammer"]:
        hammer(*sys.argv[2:])
    else:
        sys.exit(main())
