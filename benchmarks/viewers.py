"""Viewers beside what one would use instead: a pyqtgraph window in the same process, napari.

Run ``python benchmarks/viewers.py [--json] [--quick | --short] [--only PART]``. Windows are drawn offscreen
unless QT_QPA_PLATFORM or a display says otherwise. Live streams are written by this program at a given rate,
from frames that are ready, so that the camera costs nothing.
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

import numpy as np
from _report import Failed, Row, Size, attempt, parser, run

from parfocal.core.clock import poll_until
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import StreamWriter, open_stream
from parfocal.viewers import Viewer, open_viewer

PATIENCE_S = 60.0
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
print(time.perf_counter() - began)
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
print(time.perf_counter() - began)
begin = time.perf_counter()
for number in range(count):
    layer.data = images[number % 4]
    QApplication.processEvents()
print(count / (time.perf_counter() - begin))
"""


@contextmanager
def viewer(kind: str) -> Iterator[Viewer]:
    """Open a viewer of this run, ready; ended afterwards."""
    opened = open_viewer(f"bench-{os.getpid()}-{time.monotonic_ns()}", kind)
    try:
        opened.wait_ready(PATIENCE_S)
        yield opened
    finally:
        opened.close(force=True)


def peer(code: str, size: int, count: int) -> tuple[float, float]:
    """Return a peer's time to its first image, and images a second, in a process of its own."""
    command = [sys.executable, "-c", code, str(size), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it crashed"])[-1])
    ready_s, rate = (float(line) for line in done.stdout.split()[:2])
    return ready_s, rate


def start(size: Size) -> Iterator[Row]:
    """Measure the time until a viewer answers, and how long its opening holds the caller."""
    rounds = size.of(5, 3, 1)
    plain = attempt(peer, PYQTGRAPH, 512, 5)
    for kind, wanted in (("live", "<= 1.0"), ("headless", "")):
        ready, held = [], []
        for number in range(rounds):
            begin = time.perf_counter()
            opened = open_viewer(f"start-{os.getpid()}-{number}", kind)
            held.append(time.perf_counter() - begin)
            opened.wait_ready(PATIENCE_S)
            ready.append(time.perf_counter() - begin)
            opened.close(force=True)
        beside = plain if isinstance(plain, Failed) else plain[0]
        yield Row(f"{kind}: open to ready", min(ready), "s", wanted, "plain ImageView, first image", beside)
        yield Row(f"{kind}: caller held by open", 1e3 * statistics.median(held), "ms", "<= 50")


def send(size: Size) -> Iterator[Row]:
    """Measure single images of 2 MiB: how many are received in a second, and how soon one is seen."""
    image = np.random.default_rng(0).integers(0, 4000, MIB2, dtype=np.uint16)
    count = size.of(300, 100, 5)
    for kind in ("headless", "live"):
        with viewer(kind) as shown:
            shown.show(image, "a").shown(PATIENCE_S)
            begin = time.perf_counter()
            tickets = [shown.show(image, "a") for _ in range(count)]
            tickets[-1].received(PATIENCE_S)
            rate = count / (time.perf_counter() - begin)
            yield Row(f"{kind}: single sends of 2 MiB, received", rate, "1/s", ">= 300")
            tickets[-1].shown(10 * PATIENCE_S)
            waits = []
            for _ in range(size.of(20, 10, 2)):
                begin = time.perf_counter()
                shown.show(image, "a").shown(PATIENCE_S)
                waits.append(time.perf_counter() - begin)
            yield Row(f"{kind}: one image of 2 MiB, call to shown", statistics.median(waits), "s", "<= 0.3")


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


PARTS = {"start": start, "send": send, "live": live, "acquisition": acquisition, "hung": hung}

if __name__ == "__main__":
    if not (os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM")):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    sys.exit(run(PARTS, parser(__doc__).parse_args()))
