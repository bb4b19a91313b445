"""Viewers beside what one would use instead: a pyqtgraph window in the same process, napari.

Run ``python benchmarks/viewers.py [--json] [--quick | --short] [--only PART]``. Windows are drawn into
memory unless QT_QPA_PLATFORM or a display says otherwise; those of napari by Xvfb, with OpenGL in software.
Live streams are written by this program at a given rate, from frames that are ready, so that the camera
costs nothing.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _display import display_for
from _report import Failed, Row, Size, attempt, following, parser, run

from parfocal.core.clock import poll_until
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import StreamWriter, open_stream
from parfocal.viewers import Viewer, open_viewer

PATIENCE_S = 180.0
MIB2 = (1024, 1024)

PYQTGRAPH = """
import sys, time
began = time.perf_counter()
import numpy as np, pyqtgraph as pg
application = pg.mkQApp()
window = pg.ImageView()
window.resize(1180, 720)
window.show()
size, count = int(sys.argv[1]), int(sys.argv[2])
images = np.random.default_rng(0).integers(0, 4000, (4, size, size), dtype=np.uint16)
window.setImage(images[0]); application.processEvents()
print(time.perf_counter() - began, flush=True)
begin = time.perf_counter()
for number in range(count):
    window.setImage(images[number % 4], autoRange=False, autoLevels=False, autoHistogramRange=False)
    window.repaint(); application.processEvents()
print(count / (time.perf_counter() - begin))
"""
NAPARI = """
import sys, time
began = time.perf_counter()
import numpy as np, napari
viewer = napari.Viewer()
size, count = int(sys.argv[1]), int(sys.argv[2])
images = np.random.default_rng(0).integers(0, 4000, (4, size, size), dtype=np.uint16)
layer = viewer.add_image(images[0])
from qtpy.QtWidgets import QApplication
QApplication.processEvents()
print(time.perf_counter() - began, flush=True)
begin = time.perf_counter()
for number in range(count):
    layer.data = images[number % 4]
    QApplication.processEvents()
print(count / (time.perf_counter() - begin))
"""


def new_name() -> str:
    """Return a name that no viewer has."""
    return f"bench-{os.getpid()}-{time.monotonic_ns()}"


@contextmanager
def viewer(kind: str, **settings: Any) -> Iterator[Viewer]:
    """Open a viewer of this run, ready, where windows of its kind can be; ended afterwards."""
    with display_for(kind):
        opened = open_viewer(new_name(), kind, **settings)
        try:
            opened.wait_ready(PATIENCE_S)
            yield opened
        finally:
            opened.close(force=True)


def peer(code: str, size: int, count: int) -> tuple[float, float]:
    """Return a peer's time to its first image, and images a second, in a process of its own."""
    kind = "napari" if code is NAPARI else "live"
    command = [sys.executable, "-c", code, str(size), str(count)]
    with display_for(kind):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it crashed"])[-1])
    ready_s, rate = (float(line) for line in done.stdout.split()[:2])
    return ready_s, rate


def start(size: Size) -> Iterator[Row]:
    """Measure the time until a viewer answers, how long its opening holds the caller, and its memory."""
    rounds = size.of(5, 3, 1)
    for kind, code, wanted in (("live", PYQTGRAPH, "<= 1.0"), ("headless", "", ""), ("napari", NAPARI, "")):
        with display_for(kind):
            opened = [one_start(kind) for _ in range(rounds)]
            ready, held, memory = (list(values) for values in zip(*opened, strict=True))
            plain = min_of(rounds, alone, code) if code else None
            beside = "the same, plain" if code else ""
            yield Row(f"{kind}: open to ready", min(ready), "s", wanted, beside, plain)
            yield Row(f"{kind}: caller held by open", 1e3 * statistics.median(held), "ms", "<= 50")
            yield Row(f"{kind}: memory when ready", min(memory), "MiB")
            if kind == "napari":
                yield from beside_napari(min(ready), plain, min_of(rounds, together))


def beside_napari(ready_s: float, plain_s: float | Failed | None, two_s: float | Failed) -> Iterator[Row]:
    """Compare the start of our napari with napari's own, and of two with that of one."""
    over = following(plain_s, by=lambda plain: ready_s / plain)
    yield Row("napari: open to ready, over plain napari's start", over, "", "<= 1.15")
    yield Row("napari: two opened together, until both are ready", two_s, "s", "", "one", ready_s)


def one_start(kind: str) -> tuple[float, float, float]:
    """Open a viewer; return when it was ready and when its caller went on, seconds, and its memory, MiB."""
    begin = time.perf_counter()
    opened = open_viewer(new_name(), kind)
    held = time.perf_counter() - begin
    try:
        opened.wait_ready(PATIENCE_S)
        return time.perf_counter() - begin, held, memory_mib(opened)
    finally:
        opened.close(force=True)


def memory_mib(opened: Viewer) -> float:
    """Return the memory of a viewer's process, what it shares counted in parts."""
    return float(psutil.Process(opened.pid).memory_full_info().pss / 2**20)


def alone(code: str) -> float:
    """Return how long a peer takes from the start of its process to its first image, seconds."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", code, "512", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = process.stdout.readline()
        took = time.perf_counter() - begin
        _, said = process.communicate(timeout=PATIENCE_S)
    if not shown:
        raise RuntimeError((said.strip().splitlines() or ["it crashed"])[-1])
    return took


def min_of(rounds: int, work: Callable[..., float], *args: Any) -> float | Failed:
    """Return the least of some rounds, or why one failed."""
    results = [attempt(work, *args) for _ in range(rounds)]
    return next((one for one in results if isinstance(one, Failed)), None) or min(results)


def together() -> float:
    """Return how long two napari viewers take that are opened together, seconds."""
    begin = time.perf_counter()
    both = [open_viewer(new_name(), "napari") for _ in range(2)]
    try:
        for one in both:
            one.wait_ready(PATIENCE_S)
        return time.perf_counter() - begin
    finally:
        for one in both:
            one.close(force=True)


def send(size: Size) -> Iterator[Row]:
    """Measure single images of 2 MiB: how many are received in a second, and how soon one is seen."""
    image = np.random.default_rng(0).integers(0, 4000, MIB2, dtype=np.uint16)
    count = size.of(300, 100, 5)
    plain = attempt(peer, NAPARI, MIB2[0], size.of(100, 40, 5))
    beside = following(plain, by=lambda one: one[1])
    for kind in ("headless", "live", "napari"):
        with viewer(kind) as shown:
            shown.show(image, "a").shown(PATIENCE_S)
            begin = time.perf_counter()
            tickets = [shown.show(image, "a") for _ in range(count)]
            tickets[-1].received(PATIENCE_S)
            rate = count / (time.perf_counter() - begin)
            yield Row(f"{kind}: single sends of 2 MiB, received", rate, "1/s", ">= 300")
            tickets[-1].shown(10 * PATIENCE_S)
            painted = count / (time.perf_counter() - begin)
            name = "napari, layer.data ="
            yield Row(f"{kind}: images of 2 MiB painted", painted, "1/s", "", name, beside)
            waits = []
            for _ in range(size.of(20, 10, 2)):
                begin = time.perf_counter()
                shown.show(image, "a").shown(PATIENCE_S)
                waits.append(time.perf_counter() - begin)
            yield Row(f"{kind}: one image of 2 MiB, call to shown", statistics.median(waits), "s", "<= 0.3")


def stack(size: Size) -> Iterator[Row]:
    """Measure what a plane of 256 x 256 costs until it is painted: a stack that grows, and a ragged one."""
    planes, part = size.of((10_000, 1_000), (2_000, 200), (40, 10))
    images = np.random.default_rng(0).integers(0, 4000, (4, 256, 256), dtype=np.uint16)
    for kind in ("headless", "napari"):
        with viewer(kind, budget_mb=2048) as shown:
            shown.show(images[0], "a", {"t": 0}).shown(PATIENCE_S)
            empty = memory_mib(shown)
            spent = [
                painted_ms(shown, images, [{"t": t} for t in range(first, first + part)])
                for first in range(0, planes, part)
            ]
            yield Row(f"{kind}: a plane of the first {part}, until painted", spent[0], "ms")
            name = f"{kind}: a plane of the last {part} of {planes}, over one of the first"
            yield Row(name, spent[-1] / spent[0], "", "<= 1.2")
            held = planes * images[0].nbytes / 2**20
            yield Row(f"{kind}: memory for {held:.0f} MiB of planes", memory_mib(shown) - empty, "MiB")
        with viewer(kind) as shown:
            plate = [(well, t) for t in range(part // 4) for well in range(6) if (well + t) % 3]
            indices = [{"well": f"A{well}", "t": t} for well, t in plate]
            spent_ms = painted_ms(shown, images, indices)
            yield Row(f"{kind}: a plane of six wells that lack a third of them", spent_ms, "ms")


def painted_ms(shown: Viewer, images: np.ndarray, indices: list[dict[str, Any]]) -> float:
    """Send planes, and return how long one took until it was painted, milliseconds."""
    begin = time.perf_counter()
    sent = [(images[number % len(images)], index) for number, index in enumerate(indices)]
    shown.show_many(sent, "a").shown(60 * PATIENCE_S)
    return 1e3 * (time.perf_counter() - begin) / len(indices)


def live(size: Size) -> Iterator[Row]:
    """Measure how old live frames are when painted, and how many are painted in a second."""
    for pixels, wanted in ((1024, ">= 60"), (2048, ">= 30")):
        count = size.of(100, 40, 5)
        plain = attempt(peer, PYQTGRAPH, pixels, count)
        painted, ages = _painted(pixels, size.of(5.0, 2.0, 0.5))
        beside = plain if isinstance(plain, Failed) else plain[1]
        name = "plain ImageView.setImage"
        yield Row(f"live: shown rate at {pixels}^2", painted, "1/s", wanted, name, beside)
        if pixels == 1024:
            napari = attempt(peer, NAPARI, pixels, count)
            beside = napari if isinstance(napari, Failed) else napari[1]
            yield Row(f"live: shown rate at {pixels}^2", painted, "1/s", "", "napari, layer.data =", beside)
            yield Row("live: age when painted, p50", 1e3 * float(np.percentile(ages, 50)), "ms", "<= 20")
            yield Row("live: age when painted, p95", 1e3 * float(np.percentile(ages, 95)), "ms", "<= 40")


def _painted(pixels: int, seconds: float) -> tuple[float, list[float]]:
    """Return how many frames of a stream of 120 a second are painted in a second, and how old they were."""
    images = np.random.default_rng(0).integers(0, 4000, (4, pixels, pixels), dtype=np.uint16)
    spec = FrameSpec(shape=(pixels, pixels), dtype="uint16")
    with (
        viewer("live") as shown,
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        StreamWriter(Path(folder), "camera", spec, slots=8) as writer,
    ):
        pane = shown.follow(open_stream(Path(folder), "camera")).received(PATIENCE_S)
        write_paced(writer, images, 120.0, 0.5)
        poll_until(lambda: shown.panes()[pane]["version"] > 0, PATIENCE_S)
        before = shown.panes()[pane]["version"]
        begin = time.perf_counter()
        write_paced(writer, images, 120.0, seconds)
        lasted = time.perf_counter() - begin
        return (shown.panes()[pane]["version"] - before) / lasted, shown.ages_s()


def write_paced(writer: StreamWriter, images: np.ndarray, rate: float, seconds: float) -> float:
    """Write frames at a rate; return the rate that was reached."""
    count, begin = max(1, round(rate * seconds)), time.monotonic_ns()
    for number in range(count):
        due = begin + round(number * 1e9 / rate)
        while (left := due - time.monotonic_ns()) > 0:
            if left > 1_000_000:
                time.sleep((left - 500_000) * 1e-9)
        header = FrameHeader(frame=number, time_ns=time.monotonic_ns())
        writer.write(images[number % len(images)], header, timeout_s=0)
    return count / ((time.monotonic_ns() - begin) * 1e-9)


def acquisition(size: Size) -> Iterator[Row]:
    """Measure a producer of 500 fps at 1024^2 with a viewer attached, stopped and killed, beside none."""
    images = np.random.default_rng(0).integers(0, 4000, (4, 1024, 1024), dtype=np.uint16)
    spec = FrameSpec(shape=(1024, 1024), dtype="uint16")
    seconds = size.of(5.0, 2.0, 0.3)
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        StreamWriter(Path(folder), "camera", spec, slots=16) as writer,
    ):
        alone = write_paced(writer, images, 500.0, seconds)
        with viewer("live") as shown:
            shown.follow(open_stream(Path(folder), "camera")).received(PATIENCE_S)
            for name, act in (("attached", None), ("stopped", signal.SIGSTOP), ("killed", signal.SIGKILL)):
                if act is not None:
                    os.kill(shown.pid, act)
                rate = write_paced(writer, images, 500.0, seconds)
                change = 100 * abs(rate - alone) / alone
                yield Row(f"producer at 500 fps, viewer {name}: change of rate", change, "%", "<= 1")


def hung(size: Size) -> Iterator[Row]:
    """Measure what a stopped viewer costs its caller beyond the copy of the image, and a ping."""
    image = np.zeros(MIB2, np.uint16)
    count = size.of(50, 20, 3)
    with viewer("headless") as shown:
        shown.show(image, "a").shown(PATIENCE_S)
        target = np.empty_like(image)
        copied = _median(lambda: np.copyto(target, image), count)
        os.kill(shown.pid, signal.SIGSTOP)
        try:
            sent = _median(lambda: shown.show(image, "a"), count)
        finally:
            os.kill(shown.pid, signal.SIGCONT)
        yield Row("hung: caller held beyond a copy of 2 MiB", 1e3 * (sent - copied), "ms", "<= 1")
    from parfocal.processes.standalone import connect_service

    with viewer("headless") as shown, connect_service(shown.name) as client:
        client.ping()
        pings = [client.ping() for _ in range(size.of(1000, 200, 10))]
        yield Row("ping, p50", 1e3 * statistics.median(pings), "ms", "<= 0.3")


def _median(work: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


PARTS = {"start": start, "send": send, "stack": stack, "live": live, "acquisition": acquisition, "hung": hung}

if __name__ == "__main__":
    sys.exit(run(PARTS, parser(__doc__).parse_args()))
