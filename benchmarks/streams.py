"""Frames and rows between processes: bandwidth, latency, cost and patience, beside its peers.

``python benchmarks/streams.py [--json] [--seconds S] [--only PART]``; needs the `peers` group. Close
everything else: with two cores, whatever else runs is in the numbers. Each figure is the best of three.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _report import Row, report
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

SPAWN = get_context("spawn")
RUNS = 3
PEERS = ("queue", "zmq", "iceoryx2")
TINY = FrameSpec(shape=(64, 64), dtype="uint8")
SMALL = FrameSpec(shape=(512, 512), dtype="uint16")
LARGE = FrameSpec(shape=(2048, 2048), dtype="uint16")
ROWS = RowSpec(columns=(("frame", "<u8"), *((f"c{i}", "<f8") for i in range(9))))


@contextmanager
def folder() -> Iterator[Path]:
    """Lend a folder in shared memory; it goes away."""
    path = Path(
        tempfile.mkdtemp(prefix="bench-streams-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    )
    try:
        yield path
    finally:
        shutil.rmtree(path)


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
    """Take every frame; report the end, the count, CPU seconds and latencies."""
    count, numbers, latencies = 0, [], []
    started = 0.0
    options = {"policy": work.get("policy", "block"), "batch": work.get("batch", 1)}
    taken: Taken
    for taken in receive(kind, where, spec, index, queue, ready, **options):
        number, sent, pixels = taken
        latencies.append(time.monotonic_ns() - sent)
        started = started or time.process_time()
        if work.get("pixels"):
            pixels.max()
        if work.get("pause_s"):
            time.sleep(work["pause_s"])
        count += len(pixels) if pixels.ndim > len(spec.shape) else 1
        numbers.append(number)
    ready.put((index, time.monotonic(), count, time.process_time() - started, latencies))


@contextmanager
def session(kind: str, spec: FrameSpec, works: list[dict[str, Any]], slots: int) -> Iterator[Any]:
    """Lend a sender with processes that read from it; their results stand in it after the end."""
    with folder() as where:
        queues = make_queues(len(works), spec) if kind == "queue" else [None] * len(works)
        sender = make_sender(kind, where, spec, queues, slots)
        ready = SPAWN.Queue()
        processes = []
        for index, work in enumerate(works):
            process = SPAWN.Process(
                target=reader, args=(kind, where, spec, index, queues[index], ready, work)
            )
            process.start()
            processes.append(process)
        for _ in processes:
            ready.get(timeout=60)
        time.sleep(0.2)  # zmq connects in the background
        sender.processes, sender.results, sender.where = processes, [], where
        yield sender
        sender.close()
        sender.results = sorted(ready.get(timeout=60) for _ in processes)
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


def rate(kind: str, spec: FrameSpec, readers: int, seconds: float, **work: Any) -> float:
    """Return the frames/s that all readers got."""
    batch = work.get("batch", 1) if work.pop("send_batches", False) else 1
    source = np.ones(spec.shape if batch == 1 else (batch, *spec.shape), spec.dtype)
    slots = max(depth(spec), 64 * batch if batch > 16 else 0)
    sent = 0
    with session(kind, spec, [work] * readers, slots) as sender:
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if batch == 1:
                sender.send(source, sent)
            else:
                sender.send_batch(source, sent)
            sent += batch
    assert all(result[2] == sent for result in sender.results), (sent, [r[2] for r in sender.results])
    return sent / (max(result[1] for result in sender.results) - start)


def bandwidth(seconds: float) -> list[Row]:
    """Compare views and pixels to plain copying in the same run."""
    rows = []
    cases = [
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
    for what, spec, readers, wanted, work in cases:
        name = f"{what} {spec.shape[0]}^2 {spec.dtype}, {readers} readers: of copyto"
        copying = copy_rate(spec, depth(spec))
        plain = {key: value for key, value in work.items() if key != "batch"}
        runs: dict[str, list[float]] = {kind: [] for kind in ("parfocal", *PEERS)}
        for turn in range(RUNS):  # in turns, so that what disturbs one disturbs its rival
            for kind in runs:
                if turn == 0 or kind in ("parfocal", "iceoryx2"):
                    options = work if kind == "parfocal" else plain
                    frames = rate(kind, spec, readers, seconds, **options)
                    runs[kind].append(frames * spec.nbytes / copying)
        for peer in PEERS:
            asked = wanted if peer == "iceoryx2" else ""
            if what == "pixels" and peer == "iceoryx2":
                asked = f">= {max(runs[peer]):.3f}"
            rows.append(Row(name, max(runs["parfocal"]), "x", asked, peer, max(runs[peer])))
    fast = max(rate("parfocal", TINY, 3, seconds, batch=64, send_batches=True) for _ in range(RUNS))
    slow = {peer: rate(peer, TINY, 3, seconds) for peer in PEERS}
    rows += [
        Row(
            "64^2 uint8 in batches of 64, 3 readers",
            fast,
            "fps",
            ">= 100000" if peer == "iceoryx2" else "",
            peer,
            slow[peer],
        )
        for peer in PEERS
    ]
    return rows


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
        status = open_stream(sender.where, "bench").status() if kind == "parfocal" else None
    latencies = np.concatenate([r[4] for r in sender.results if not works[r[0]]]) / 1e3
    return {
        "p50": float(np.percentile(latencies, 50)),
        "p99": float(np.percentile(latencies, 99)),
        "lost": sum(total - r[2] for r in sender.results if not works[r[0]]),
        "writer": cpu / elapsed * 100,
        "reader": max(r[3] for r in sender.results if not works[r[0]]) / elapsed * 100,
        "longest_ms": longest * 1e3,
        "rate": total / (elapsed + 1 / fps),
        "status": status,
    }


def calmest(kind: str, seconds: float, works: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one of several paced runs that the rest of the machine disturbed least."""
    return min(
        (paced(kind, seconds, works) for _ in range(RUNS)), key=lambda run: run["p99"] + run["longest_ms"]
    )


def latency(seconds: float) -> list[Row]:
    """Send 512^2 uint16 at 500 fps to two readers."""
    ours = calmest("parfocal", seconds, [{}, {}])
    rows = []
    wanted = {"p50": "<= 100", "p99": "<= 300", "lost": "<= 0", "writer": "<= 6", "reader": "<= 2"}
    units = {"p50": "us", "p99": "us", "lost": "frames", "writer": "%", "reader": "%"}
    for peer in PEERS:
        theirs = calmest(peer, seconds, [{}, {}])
        for what, limit in wanted.items():
            asked = limit if peer == "iceoryx2" else ""
            rows.append(Row(f"500 fps of 512^2: {what}", ours[what], units[what], asked, peer, theirs[what]))
    return rows


def patience(seconds: float) -> list[Row]:
    """Put two lossless readers beside one that takes 10 ms a frame, or is stopped."""
    plain = calmest("parfocal", seconds, [{}, {}])
    rows = []
    for name, third in (
        ("10 ms reader", {"pause_s": 0.01, "policy": "drop"}),
        ("stopped reader", {"stopped": True, "policy": "drop"}),
    ):
        beside = calmest("parfocal", seconds, [{}, {}, third])
        balances = all(ledger.balances for ledger in beside["status"].readers)
        rows += [
            Row(f"beside a {name}: lost to the others", beside["lost"], "frames", "<= 0"),
            Row(
                f"beside a {name}: writer's rate against none", beside["rate"] / plain["rate"], "x", ">= 0.99"
            ),
            Row(f"beside a {name}: longest write", beside["longest_ms"], "ms", "<= 5"),
            Row(f"beside a {name}: ledger balances", float(balances), "", ">= 1"),
        ]
    return rows


def rows_rate(seconds: float) -> list[Row]:
    """Write ten rows at a time, with one reader attached in this process."""
    table = np.zeros(10, ROWS.numpy_dtype)
    times = []
    with (
        folder() as where,
        StreamWriter(where, "rows", ROWS, 100_000) as writer,
        open_stream(where, "rows").lossless("drop") as tail,
    ):
        for _ in range(int(seconds * 5000)):
            before = time.perf_counter_ns()
            writer.write_rows(table)
            times.append(time.perf_counter_ns() - before)
        before = time.perf_counter_ns()
        tail.read(timeout_s=0, most=10_000)
        reading = (time.perf_counter_ns() - before) / 1e3
    return [
        Row("10 rows written: p50", float(np.percentile(times, 50)) / 1e3, "us"),
        Row("10 rows written: p99", float(np.percentile(times, 99)) / 1e3, "us", "<= 50"),
        Row("10 000 rows read", reading, "us"),
    ]


PARTS = {"bandwidth": bandwidth, "latency": latency, "patience": patience, "rows": rows_rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    rows = [
        row for name, part in PARTS.items() if options.only in (None, name) for row in part(options.seconds)
    ]
    report(rows)


if __name__ == "__main__":
    main()
