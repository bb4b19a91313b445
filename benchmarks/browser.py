"""The browser beside what one would use instead: Qt's own file model, os.walk with tifffile.

Run ``python benchmarks/browser.py [--json] [--quick | --short] [--only PART]``. Windows are drawn offscreen
unless QT_QPA_PLATFORM or a display says otherwise; each is in a process of its own. How late a timer of 5 ms
comes is how long the event loop was held.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from _report import Failed, Row, Size, attempt, parser, run

PATIENCE_S = 600.0
FOLDERS = 10

PROBE = """
import json, sys, time
began = float(sys.argv[2])
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
late, last = [], [0.0]
def tick():
    now = time.perf_counter()
    if last[0]:
        late.append(now - last[0])
    last[0] = now
def watch(application, first_rows, is_done, report):
    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(5)
    found = {}
    def look():
        if "first_s" not in found and first_rows():
            found["first_s"] = time.time() - began
        if "first_s" in found and is_done():
            found["all_s"] = time.time() - began
            application.quit()
    looks = QTimer()
    looks.timeout.connect(look)
    looks.start(10)
    application.exec()
    late.sort()
    found["late_p99_s"] = late[int(0.99 * (len(late) - 1))] if late else 0.0
    found["late_max_s"] = late[-1] if late else 0.0
    found.update(report())
    print(json.dumps(found))
"""
OURS = (
    """
import gc, sys
from parfocal.app.browser.catalogue import Catalogue
catalogue = Catalogue(sys.argv[1], looks_again_s=float("inf"))
catalogue.start()
"""
    + PROBE
    + """
from parfocal.app.browser.window import BrowserWindow
from parfocal.viewers.qt.palette import apply_theme
from parfocal.viewers.qt.theme import THEMES
sys.setswitchinterval(0.001)
application = QApplication([])
apply_theme(application, THEMES["dark"])
window = BrowserWindow(catalogue, THEMES["dark"])
window.show()
gc.freeze()
gc.set_threshold(20_000, 50, 100)
files, read = int(sys.argv[3]), int(sys.argv[4])
def is_done():
    progress = catalogue.snapshot.progress
    return progress.images == files and files - progress.unread >= read and not progress.unlisted
def report():
    import psutil
    return {"memory_mb": psutil.Process().memory_info().rss / 1e6}
watch(application, lambda: len(window.model.rows) > 0, is_done, report)
window.close()
"""
)
FILE_MODEL = (
    PROBE
    + """
from PySide6.QtWidgets import QFileSystemModel, QTreeView
application = QApplication([])
model, view = QFileSystemModel(), QTreeView()
view.setModel(model)
loaded = set()
model.directoryLoaded.connect(loaded.add)
root = model.setRootPath(sys.argv[1])
view.setRootIndex(root)
view.show()
def open_folders():
    for number in range(model.rowCount(root)):
        index = model.index(number, 0, root)
        if model.canFetchMore(index):
            model.fetchMore(index)
def files():
    return sum(model.rowCount(model.index(n, 0, root)) for n in range(model.rowCount(root)))
opener = QTimer()
opener.timeout.connect(open_folders)
opener.start(50)
watch(application, lambda: files() > 0, lambda: files() >= int(sys.argv[3]), lambda: {})
"""
)


@contextmanager
def folder_of(files: int) -> Iterator[Path]:
    """Make a folder of folders of small TIFFs, as a screen of wells, times and channels has them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        tifffile.imwrite(root / "one.tif", np.zeros((16, 16), np.uint16))
        content = (root / "one.tif").read_bytes()
        (root / "one.tif").unlink()
        for number in range(files):
            place = root / f"plate{number % FOLDERS}"
            if number < FOLDERS:
                place.mkdir()
            well = f"{'ABCDEFGH'[number // 12 % 8]}{number % 12 + 1:02d}"
            (place / f"{well}_s1_t{number // FOLDERS:05d}.tif").write_bytes(content)
        yield root


def window(code: str, folder: Path, files: int, read: int) -> dict[str, float]:
    """Return what a window in a process of its own measures."""
    environment = {**os.environ}
    if not environment.get("DISPLAY"):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    command = [sys.executable, "-c", code, str(folder), str(time.time()), str(files), str(read)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it crashed"])[-1])
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def scan(size: Size) -> Iterator[Row]:
    """Measure a window while it scans a folder: first rows, all rows, and how long its loop is held."""
    files = size.of(100_000, 20_000, 300)
    with folder_of(files) as folder:
        ours = window(OURS, folder, files, files // 20)
        theirs = attempt(window, FILE_MODEL, folder, files, 0)

    def beside(name: str, factor: float = 1.0) -> float | Failed:
        return theirs if isinstance(theirs, Failed) else factor * theirs[name]

    peer = "QFileSystemModel"
    yield Row(
        f"{files} files: command to first rows", ours["first_s"], "s", "<= 1.0", peer, beside("first_s")
    )
    yield Row(
        f"{files} files: all listed, a twentieth opened",
        ours["all_s"],
        "s",
        "",
        f"{peer}, listed",
        beside("all_s"),
    )
    late = "event loop held during the scan"
    yield Row(f"{late}, p99", 1e3 * ours["late_p99_s"], "ms", "<= 50", peer, beside("late_p99_s", 1e3))
    yield Row(f"{late}, longest", 1e3 * ours["late_max_s"], "ms", "", peer, beside("late_max_s", 1e3))
    yield Row("memory of the window's process", ours["memory_mb"], "MB")


def details(size: Size) -> Iterator[Row]:
    """Measure how many files are opened for their metadata in a second."""
    from parfocal.app.browser.listing import FolderListing
    from parfocal.app.browser.reading import rows_of

    files = size.of(2000, 500, 30)
    with folder_of(files) as folder:
        rows = [
            row
            for one in sorted(folder.iterdir())
            for part in FolderListing().list_folder(str(one))
            for row in part.rows
        ]
        begin = time.perf_counter()
        found = [image for row in rows for image in rows_of(row)]
        ours = len(found) / (time.perf_counter() - begin)
        begin = time.perf_counter()
        walked = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
        looks = [look(path) for path in walked]
        theirs = len(looks) / (time.perf_counter() - begin)
    yield Row("files opened for their metadata", ours, "1/s", "", "os.walk + tifffile", theirs)


def look(path: Path) -> tuple[tuple[int, ...], str]:
    """Return what a few lines with tifffile tell of a file."""
    with tifffile.TiffFile(path) as tiff:
        return tiff.series[0].shape, str(tiff.series[0].dtype)


def viewers(size: Size) -> Iterator[Row]:
    """Measure how long the list of viewers takes, with four that run."""
    from parfocal.viewers import list_viewers, open_viewer

    opened = [open_viewer(f"bench-{os.getpid()}-{n}", "headless") for n in range(size.of(4, 4, 1))]
    try:
        for one in opened:
            one.wait_ready(60.0)
        times = []
        for _ in range(size.of(50, 20, 3)):
            begin = time.perf_counter()
            assert len(list_viewers()) >= len(opened)
            times.append(time.perf_counter() - begin)
    finally:
        for one in opened:
            one.close(force=True)
    yield Row(f"list of {len(opened)} viewers, none asked", 1e3 * float(np.median(times)), "ms", "<= 1000")


if __name__ == "__main__":
    sys.exit(run({"scan": scan, "details": details, "viewers": viewers}, parser(__doc__).parse_args()))
