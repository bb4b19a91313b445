"""A service to try everything on; as a script, it serves, or calls, in a process of its own."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.ipc import RECEIVER, URGENT, Client, CommandTable, Server, command, current_call

LONG_S = 30.0


class Reading(msgspec.Struct, frozen=True):
    channel: str
    volts: float


class Bench:
    """Commands of every kind. `gate` holds back those that wait for it."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.log: list[Any] = []
        self.buffer = np.arange(100.0)
        self.made_safe: queue.Queue[tuple[str, str]] = queue.Queue()

    def make_safe(self, output: str, reason: str) -> None:
        self.made_safe.put((output, reason))

    @command()
    def add(self, a: int, b: float = 1.0, *, note: str = "") -> float:
        """Add two numbers.

        The note goes into the log.
        """
        self.log.append((a, b, note))
        return a + b

    @command()
    def limited(self, percent: Annotated[float, msgspec.Meta(ge=0, le=100)]) -> float:
        return percent

    @command()
    def reading(self, like: Reading, path: Path | None = None) -> Reading:
        assert path is None or isinstance(path, Path)
        return Reading(like.channel, like.volts * 2)

    @command()
    def scale(self, image: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
        return image * factor

    @command()
    def give(self, dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
        count = int(np.prod(shape))
        return {"data": np.arange(count).astype(dtype).reshape(shape), "dtype": dtype}

    @command()
    def rows(self) -> Any:
        return np.array([(1, 2.5), (3, 4.5)], dtype=[("frame", "<u8"), ("x_px", "<f8")])

    @command()
    def fail(self, what: str) -> None:
        raise RuntimeError(f"no {what}")

    @command()
    def leave(self) -> None:
        sys.exit("a command that exits")

    @command()
    def unsendable(self) -> Any:
        return threading.Lock()

    @command(lane="slow")
    def hold(self) -> str:
        """Wait for the gate, whatever anybody wants."""
        self.entered.release()
        assert self.gate.wait(LONG_S)
        return "held"

    @command()
    def hold_main(self) -> str:
        """Wait for the gate in the main lane."""
        self.entered.release()
        assert self.gate.wait(LONG_S)
        self.log.append("held")
        return threading.current_thread().name

    @command()
    def thread(self) -> str:
        self.log.append("thread")
        return threading.current_thread().name

    @command(lane=RECEIVER, effect="reads")
    def receiver(self) -> str:
        return threading.current_thread().name

    @command(lane="slow")
    def note(self, word: str) -> None:
        self.log.append(word)

    @command(lane="scan")
    def scan(self) -> str:
        """Wait to be cancelled."""
        self.entered.release()
        try:
            current_call().wait(LONG_S)
        finally:
            self.log.append("safe")
            self.ended.release()
        return "scanned"

    @command(lane="waits")
    def wait_for_gate(self) -> None:
        """Wait to be cancelled, or for the gate."""
        while not self.gate.is_set():
            current_call().wait(0.05)

    @command(lane="reports")
    def report(self, steps: int) -> str:
        """Report progress once the gate is open."""
        assert self.gate.wait(LONG_S)
        for step in range(steps):
            current_call().progress((step + 1) / steps, f"step {step}", np.full(4, step))
        return "reported"

    @command(lane="reports")
    def report_large(self) -> str:
        """Report 250 times a megabyte once the gate is open."""
        self.entered.release()
        assert self.gate.wait(LONG_S)
        for step in range(250):
            current_call().progress(step / 250, "", np.zeros(2**20, np.uint8))
        return "reported"

    @command(effect="reads")
    def look(self) -> NDArray[np.float64]:
        """Return the buffer itself, which goes on changing."""
        return self.buffer

    @command(lane="slow")
    def announce(self) -> str:
        """Report progress, then wait for the gate."""
        current_call().progress(0.5, "half")
        assert self.gate.wait(LONG_S)
        return "announced"

    @command(lane="recording", on_client_loss="finish")
    def record(self) -> str:
        self.entered.release()
        assert self.gate.wait(LONG_S)
        return "recorded"

    @command(lane=URGENT, effect="stops")
    def stop(self) -> str:
        self.gate.set()
        return "stopped"

    @command()
    def echo(self, value: int) -> tuple[int, int]:
        return value, os.getpid()

    @command(effect="reads")
    def caller(self) -> str:
        return current_call().caller

    @command()
    def reset_log(self) -> list[Any]:
        log, self.log[:] = list(self.log), []
        return log


@contextmanager
def bench_server(bench: Bench, folder: Path, clock: Clock = SYSTEM_CLOCK) -> Iterator[Server]:
    server = Server(
        CommandTable.of(bench),
        folder,
        "bench",
        hello={"serial": 7},
        make_safe=bench.make_safe,
        outputs=("laser", "shutter"),
        clock=clock,
    )
    server.start()
    try:
        yield server
    finally:
        bench.gate.set()
        server.close(LONG_S)  # nothing is left behind, however slow the machine is


def _serve(folder: Path) -> None:
    with bench_server(Bench(), folder):
        print("ready", flush=True)
        sys.stdin.read()


def _call(folder: Path, name: str) -> None:
    """Submit a command, wait until it makes progress or the caller says so, and stay until killed."""
    with Client(folder, "bench") as client:
        call = client.submit(name)
        print("ready", flush=True)
        print(call.id, flush=True)
        sys.stdin.read()


def _lease(folder: Path, output: str, period_s: str) -> None:
    """Lease an output; compute until told to stop by a line; say what became of the lease."""
    told = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        told.set()

    with Client(folder, "bench") as client:
        lease = client.lease(output, period_s=float(period_s))
        print("ready", flush=True)
        threading.Thread(target=listen, daemon=True).start()
        while not told.is_set():
            sum(range(100_000))
        client.call("ping")  # what the service said before has been heard when it answers this
        print(lease.lost or "held", flush=True)
        sys.stdin.read()


def _bind(folder: Path, command: str, lease_s: str) -> None:
    """Submit a command that is to last no longer than this process, and stay until killed."""
    with Client(folder, "bench") as client:
        client.submit(command, lease_s=float(lease_s))
        print("ready", flush=True)
        sys.stdin.read()


def _claim(folder: Path, run: str) -> None:
    """Claim the service, and stay until killed."""
    with Client(folder, "bench") as client, client.claim(run):
        print("ready", flush=True)
        sys.stdin.read()


def _soak(folder: Path, count: str, threads: str) -> None:
    """Many threads, blocking and pipelined, each checking that every reply is its own."""
    wrong: list[Any] = []

    def work(client: Client, first: int) -> None:
        values = range(first, first + int(count))
        wrong.extend(value for value in values if client.call("echo", value)[0] != value)
        calls = {value: client.submit("echo", value) for value in values}
        wrong.extend(value for value, call in calls.items() if call.result()[0] != value)

    with Client(folder, "bench") as client:
        print("ready", flush=True)
        workers = [threading.Thread(target=work, args=(client, k * 10**6)) for k in range(int(threads))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(len(wrong), client.statistics().late, flush=True)


ROLES = {
    "serve": _serve,
    "call": _call,
    "soak": _soak,
    "lease": _lease,
    "bind": _bind,
    "claim": _claim,
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])  # type: ignore[operator]
