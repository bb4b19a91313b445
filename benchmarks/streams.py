"""Frames and rows between processes: bandwidth, latency, cost and patience, beside its peers.

``python benchmarks/streams.py [--json] [--quick | --short] [--seconds S] [--only PART]``. Close everything
else: with two cores, whatever else runs is in the numbers. Each figure is the best of three. Every way of
carrying frames sends from a process of its own: one that fails, hangs or is not installed (group `peers`) is
a row that says so.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from _aside import SPAWN, Aside
from _report import Failed, Row, Size, following, parser, run
from _transports import (
    IceoryxSender,
    ParfocalSender,
    QueueSender,
    Taken,
    ZmqSender,
    depth,
    iceoryx_receive,
    make_queues,
    parfocal_receive,
    queue_receive,
    zmq_receive,
)

from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.streams import StreamWriter, open_stream
from parfocal.streams.doorbell import Doorbell, Ringer

OURS = "parfocal"
RUNS = 3
PEERS = ("queue", "zmq", "iceoryx2")
TINY = FrameSpec(shape=(64, 64), dtype="uint8")
SMALL = FrameSpec(shape=(512, 512), dtype="uint16")
LARGE = FrameSpec(shape=(2048, 2048), dtype="uint16")
ROWS = RowSpec(columns=(("frame", "<u8"), *((f"c{i}", "<f8") for i in range(9))))


@contextmanager
def folder() -> Iterator[Path]:
    """Lend a folder where `main` wants all of them; it goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-streams-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def receive(
    kind: str, where: Path, spec: FrameSpec, index: int, queue: Any, ready: Any, **options: Any
) -> Any:
    if kind == "queue":
        return queue_receive(queue, ready)
    if kind == "zmq":
        return zmq_receive(where, ready, index, spec)
    if kind == "iceoryx2":
        return iceoryx_receive(where, ready, spec)
    return parfocal_receive(where, ready, **options)


def make_sender(kind: str, where: Path, spec: FrameSpec, queues: list[Any], slots: int) -> Any:
    if kind == "queue":
        return QueueSender(queues)
    if kind == "zmq":
        return ZmqSender(where, len(queues), spec)
    return IceoryxSender(where, spec) if kind == "iceoryx2" else ParfocalSender(where, spec, slots)


def reader(
    kind: str, where: Path, spec: FrameSpec, index: int, queue: Any, ready: Any, work: dict[str, Any]
) -> None:
    """Take every frame; report the end, the count, CPU seconds, latencies and sleeps, or what went wrong."""
    try:
        ready.put(take_all(kind, where, spec, index, queue, ready, work))
    except Exception as error:  # noqa: BLE001  (told to whoever measures)
        ready.put(Failed.by(error))


def take_all(
    kind: str, where: Path, spec: FrameSpec, index: int, queue: Any, ready: Any, work: dict[str, Any]
) -> tuple[int, float, int, float, list[int], int]:
    count, numbers, latencies = 0, [], []
    started, slept = 0.0, 0
    options = {"policy": work.get("policy", "block"), "batch": work.get("batch", 1)}
    taken: Taken
    for taken in receive(kind, where, spec, index, queue, ready, **options):
        number, sent, pixels = taken
        latencies.append(time.monotonic_ns() - sent)
        if not started:
            started, slept = time.process_time(), sleeps()
        if work.get("pixels"):
            pixels.max()
        if work.get("pause_s"):
            time.sleep(work["pause_s"])
        count += len(pixels) if pixels.ndim > len(spec.shape) else 1
        numbers.append(number)
    return index, time.monotonic(), count, time.process_time() - started, latencies, sleeps() - slept


def sleeps() -> int:
    """Return how often this process has gone to sleep, to be woken again."""
    return int(psutil.Process().num_ctx_switches().voluntary)


def told(ready: Any) -> Any:
    """Return what the next reader reports; raise what went wrong there."""
    report = ready.get(timeout=60)
    if isinstance(report, Failed):
        raise RuntimeError(f"a reader failed: {report.reason}")
    return report


@contextmanager
def session(kind: str, spec: FrameSpec, works: list[dict[str, Any]], slots: int) -> Iterator[Any]:
    """Lend a sender with processes that read from it; their results stand in it after the end."""
    with folder() as where:
        queues = make_queues(len(works), spec) if kind == "queue" else [None] * len(works)
        sender = make_sender(kind, where, spec, queues, slots)
        ready = SPAWN.Queue()
        processes = [
            SPAWN.Process(target=reader, args=(kind, where, spec, index, queues[index], ready, work))
            for index, work in enumerate(works)
        ]
        try:
            for process in processes:
                process.start()
            for _ in processes:
                told(ready)
            time.sleep(0.2)  # zmq connects in the background
            sender.processes, sender.results, sender.where = processes, [], where
            yield sender
            sender.close()
            sender.results = sorted(told(ready) for _ in processes)
        except BaseException:
            for process in processes:
                process.kill()
            raise
        for process in processes:
            process.join()


def copy_rate(spec: FrameSpec, slots: int) -> float:
    """Return bytes/s of plain `numpy.copyto` from one frame into `slots` others in turn: the median copy."""
    source = np.ones(spec.shape, spec.dtype)
    targets = np.zeros((slots, *spec.shape), spec.dtype)
    times = []
    for number in range(max(8 * slots, 200)):
        before = time.perf_counter()
        np.copyto(targets[number % slots], source)
        times.append(time.perf_counter() - before)
    return spec.nbytes / statistics.median(times[slots:])


class Carried(NamedTuple):
    """How fast frames were carried, and what one cost all processes together."""

    fps: float
    cpu_us: float
    sleeps: float


def rate(
    kind: str,
    spec: FrameSpec,
    readers: int,
    seconds: float,
    work: dict[str, Any],
    own_work: dict[str, Any] | None = None,
) -> Carried:
    """Send for so long, once the memory has been used; return the frames/s that all readers got."""
    work = work | (own_work or {})
    batch = work.get("batch", 1) if work.pop("send_batches", False) else 1
    source = np.ones(spec.shape if batch == 1 else (batch, *spec.shape), spec.dtype)
    slots = max(depth(spec), 64 * batch if batch > 16 else 0)
    with session(kind, spec, [work] * readers, slots) as sender:
        send = sender.send if batch == 1 else sender.send_batch
        cpu, slept = time.process_time(), sleeps()
        for number in range(0, slots, batch):
            send(source, number)
        sent = first = number + batch
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            send(source, sent)
            sent += batch
        cpu, slept = time.process_time() - cpu, sleeps() - slept
    results = sender.results
    assert all(result[2] == sent for result in results), (sent, [r[2] for r in results])
    cpu, slept = cpu + sum(result[3] for result in results), slept + sum(result[5] for result in results)
    fps = (sent - first) / (max(result[1] for result in results) - start)
    return Carried(fps, cpu / sent * 1e6, slept / sent)


CASES: list[tuple[str, FrameSpec, int, str, dict[str, Any]]] = [
    ("views", LARGE, 1, ">= 0.8", {}),
    ("views", LARGE, 3, "", {}),
    ("views", SMALL, 1, ">= 0.55", {}),
    ("views", SMALL, 3, ">= 0.45", {}),
    ("views in batches", SMALL, 1, "", {"batch": 32}),
    ("views in batches", SMALL, 3, "", {"batch": 32}),
    ("pixels", LARGE, 1, "", {"pixels": True}),
    ("pixels", LARGE, 3, "", {"pixels": True}),
    ("pixels", SMALL, 1, "", {"pixels": True}),
    ("pixels", SMALL, 3, "", {"pixels": True}),
]


class Ways:
    """Ours and each peer's way of carrying frames, each measured in a process of its own, in turns."""

    def __init__(self, stack: ExitStack) -> None:
        self._aside = {kind: stack.enter_context(Aside()) for kind in (OURS, *PEERS)}

    def measure(
        self, work: Callable[..., Any], *args: Any, runs: int, often: tuple[str, ...], **own: Any
    ) -> dict[str, list[Any] | Failed]:
        """Return what `work` returned for each kind in `runs` turns, or for all but `often` in one.

        What disturbs one way then disturbs its rival. `own` are arguments that ours alone takes.
        """
        results: dict[str, list[Any]] = {kind: [] for kind in self._aside}
        for turn in range(runs):
            for kind, aside in self._aside.items():
                if turn == 0 or kind in often:
                    results[kind].append(aside.call(work, kind, *args, **(own if kind == OURS else {})))
        for failed in (value for value in results[OURS] if isinstance(value, Failed)):
            raise RuntimeError(failed.reason)
        return {kind: following(*values, by=lambda *all_: list(all_)) for kind, values in results.items()}


@contextmanager
def ways() -> Iterator[Ways]:
    """Lend all ways."""
    with ExitStack() as stack:
        yield Ways(stack)


def share(frame: float, carried: Carried) -> float:
    """Return what a rate is of that at which frames are copied, `frame` being the time of a copy."""
    return frame * carried.fps


def bandwidth(size: Size, seconds: float) -> Iterator[Row]:
    """Compare views and pixels to plain copying in the same run."""
    runs, rivals = size.of(RUNS, RUNS, 1), (OURS, "iceoryx2")
    with ways() as carried:
        for what, spec, readers, wanted, work in size.of(CASES, CASES, CASES[-1:]):
            name = f"{what} {spec.shape[0]}^2 {spec.dtype}, {readers} readers: of copyto"
            of_copying = partial(share, spec.nbytes / copy_rate(spec, depth(spec)))
            pixels, batch = {"pixels": "pixels" in work}, {k: v for k, v in work.items() if k == "batch"}
            rates = carried.measure(
                rate, spec, readers, seconds, pixels, runs=runs, often=rivals, own_work=batch
            )
            fastest = {kind: following(found, by=max) for kind, found in rates.items()}
            best = {kind: following(found, by=of_copying) for kind, found in fastest.items()}
            for peer in PEERS:
                asked = wanted if peer == "iceoryx2" else ""
                if what == "pixels" and peer == "iceoryx2" and not isinstance(best[peer], Failed):
                    asked = f">= {best[peer]:.3f}"
                yield Row(name, best[OURS], "x", asked, peer, best[peer])
            if what == "pixels":
                yield from costs(name.removesuffix(": of copyto"), fastest[OURS], fastest["iceoryx2"])
        batches = {"batch": 64, "send_batches": True}
        rates = carried.measure(rate, TINY, 3, seconds, {}, runs=runs, often=(OURS,), own_work=batches)
        fast = {kind: following(found, by=lambda all_: max(all_).fps) for kind, found in rates.items()}
        for peer in PEERS:
            asked = ">= 100000" if peer == "iceoryx2" else ""
            yield Row("64^2 uint8 in batches of 64, 3 readers", fast[OURS], "fps", asked, peer, fast[peer])
    yield Row(
        "a ring of a doorbell and the wake-up: processor time", wake_up(size.of(20_000, 20_000, 200)), "us"
    )


def costs(name: str, ours: Carried, theirs: Carried | Failed) -> Iterator[Row]:
    """Tell what a frame cost all processes together."""
    for what, unit, value in (
        ("processor time", "us", attrgetter("cpu_us")),
        ("sleeps", "", attrgetter("sleeps")),
    ):
        yield Row(f"{name}: {what} a frame", value(ours), unit, "", "iceoryx2", following(theirs, by=value))


def wake_up(rounds: int) -> float:
    """Return what one costs both sides together, us: two processes wake each other in turn."""
    with folder() as where:
        here, ready = Doorbell(where / "here"), SPAWN.Queue()
        other = SPAWN.Process(target=ring_back, args=(where, here.port, rounds, ready))
        other.start()
        there = Ringer(where / "there", ready.get(timeout=60))
        cpu = time.process_time()
        for _ in range(rounds):
            there.ring()
            here.wait(60)
        cpu = time.process_time() - cpu + ready.get(timeout=60)
        other.join()
        there.close()
        here.close()
    return cpu / (2 * rounds) * 1e6


def ring_back(where: Path, port: int, rounds: int, ready: Any) -> None:
    here, there = Doorbell(where / "there"), Ringer(where / "here", port)
    ready.put(here.port)
    cpu = time.process_time()
    for _ in range(rounds):
        here.wait(60)
        there.ring()
    ready.put(time.process_time() - cpu)
    there.close()
    here.close()


def paced(
    kind: str, seconds: float, works: list[dict[str, Any]], fps: float = 500, slots: int = 64
) -> dict[str, Any]:
    """Send 512^2 at a fixed rate; return latencies, CPU shares, counts and the longest send."""
    source = np.ones(SMALL.shape, SMALL.dtype)
    total = int(seconds * fps)
    longest = 0.0
    stopped = [index for index, work in enumerate(works) if work.get("stopped")]
    with session(kind, SMALL, works, slots) as sender:
        for index in stopped:
            os.kill(sender.processes[index].pid, signal.SIGSTOP)
        cpu, start = time.process_time(), time.monotonic()
        for number in range(total):
            time.sleep(max(0.0, start + number / fps - time.monotonic()))
            before = time.perf_counter()
            sender.send(source, number)
            longest = max(longest, time.perf_counter() - before)
        elapsed = time.monotonic() - start
        cpu = time.process_time() - cpu
        for index in stopped:
            os.kill(sender.processes[index].pid, signal.SIGCONT)
        balances = kind != OURS or all(
            ledger.balances for ledger in open_stream(sender.where, "bench").status().readers
        )
    latencies = np.concatenate([r[4] for r in sender.results if not works[r[0]]]) / 1e3
    return {
        "p50": float(np.percentile(latencies, 50)),
        "p99": float(np.percentile(latencies, 99)),
        "lost": sum(total - r[2] for r in sender.results if not works[r[0]]),
        "writer": cpu / elapsed * 100,
        "reader": max(r[3] for r in sender.results if not works[r[0]]) / elapsed * 100,
        "longest_ms": longest * 1e3,
        "rate": total / (elapsed + 1 / fps),
        "balances": float(balances),
    }


def calmest(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one of several paced runs that the rest of the machine disturbed least."""
    return min(runs, key=lambda run: run["p99"] + run["longest_ms"])


def latency(size: Size, seconds: float) -> Iterator[Row]:
    """Send 512^2 uint16 at 500 fps to two readers."""
    kinds = (OURS, *PEERS)
    with ways() as carried:
        found = carried.measure(paced, seconds, [{}, {}], runs=size.of(RUNS, RUNS, 1), often=kinds)
    best = {kind: following(runs, by=calmest) for kind, runs in found.items()}
    wanted = {"p50": "<= 100", "p99": "<= 300", "lost": "<= 0", "writer": "<= 6", "reader": "<= 2"}
    units = {"p50": "us", "p99": "us", "lost": "frames", "writer": "%", "reader": "%"}
    for peer in PEERS:
        for what, limit in wanted.items():
            asked = limit if peer == "iceoryx2" else ""
            theirs = following(best[peer], by=itemgetter(what))
            yield Row(f"500 fps of 512^2: {what}", best[OURS][what], units[what], asked, peer, theirs)


def patience(size: Size, seconds: float) -> Iterator[Row]:
    """Put two lossless readers beside one that takes 10 ms a frame, or is stopped."""
    turns = range(size.of(RUNS, RUNS, 1))
    plain = calmest([paced(OURS, seconds, [{}, {}]) for _ in turns])
    for name, third in (
        ("10 ms reader", {"pause_s": 0.01, "policy": "drop"}),
        ("stopped reader", {"stopped": True, "policy": "drop"}),
    ):
        beside = calmest([paced(OURS, seconds, [{}, {}, third]) for _ in turns])
        rate_kept = beside["rate"] / plain["rate"]
        yield Row(f"beside a {name}: lost to the others", beside["lost"], "frames", "<= 0")
        yield Row(f"beside a {name}: writer's rate against none", rate_kept, "x", ">= 0.99")
        yield Row(f"beside a {name}: longest write", beside["longest_ms"], "ms", "<= 5")
        yield Row(f"beside a {name}: ledger balances", beside["balances"], "", ">= 1")


def rows_rate(_: Size, seconds: float) -> list[Row]:
    """Write ten rows at a time, with one reader attached in this process, which reads 10 000 now and then."""
    table = np.zeros(10, ROWS.numpy_dtype)
    same, target = np.ones((2, 10_000), ROWS.numpy_dtype).view(np.uint8)
    times, reading, copying = np.zeros(max(2000, int(seconds * 20_000))), [], []
    with (
        folder() as where,
        StreamWriter(where, "rows", ROWS, 100_000) as writer,
        open_stream(where, "rows").lossless("drop") as tail,
    ):
        for number in range(len(times)):
            times[number] = _lasted(lambda: writer.write_rows(table))
            if number % 1000 == 999:
                reading.append(_lasted(lambda: tail.read(timeout_s=0, most=10_000)))
                copying.append(_lasted(lambda: np.copyto(target, same)))
    read, copied = statistics.median(reading), statistics.median(copying)
    return [
        Row("10 rows written: p50", float(np.percentile(times, 50)), "us"),
        Row("10 rows written: p99", float(np.percentile(times, 99)), "us", "<= 50"),
        Row("10 000 rows read: first time", reading[0], "us"),
        Row("10 000 rows read: p50", read, "us", "<= 100"),
        Row("10 000 rows read: of plain copying as much", read / copied, "x"),
    ]


def _lasted(action: Callable[[], object]) -> float:
    """Return how long it took, us."""
    before = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - before) / 1e3


PARTS = {"bandwidth": bandwidth, "latency": latency, "patience": patience, "rows": rows_rate}


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, help="of each measurement; 1 if not told")
    chosen = options.parse_args()
    seconds = Size(chosen.quick, chosen.short).of(1.0, 0.4, 0.1) if chosen.seconds is None else chosen.seconds
    if not 0 < seconds < 3600:
        sys.exit(f"--seconds {seconds}: must be above 0, and below an hour")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="pf", ignore_cleanup_errors=True) as place:
        os.environ["TMPDIR"] = tempfile.tempdir = place  # also of the processes that send
        return run({name: partial(part, seconds=seconds) for name, part in PARTS.items()}, chosen)


if __name__ == "__main__":
    sys.exit(main())
