"""Whether the desktop's window ever waits: how late its event loop is, what it takes, and from whom.

Run ``python benchmarks/desktop.py [--json] [--quick | --short] [--only PART]``. The built-in tweezers with
simulated devices, 100 beads at 100 frames a second; the window is a program of its own, 1920 x 1080, drawn
into memory, with all docks side by side, none behind another one. Every 5 ms it asks to be called; how late
that is done is the lag of its loop. Figures are those of the machine with all else that runs there: its load
is a row.

The peer is the demonstration that MagScope starts with, as a program of its own on a display in memory,
installed from PyPI into a folder of this run, or that of the Python that ``PARFOCAL_MAGSCOPE_PYTHON`` is. Its
window is ready when it is on the screen, and its CPU is that of the process which owns the window.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _camera_rate import camera_hz, wait_until_in_time
from _display import display_for, xvfb
from _report import Failed, Row, Size, attempt, following, parser, run

import parfocal
from parfocal.core.clock import poll_until
from parfocal.rig.opening import load_source
from parfocal.rig.rig import Rig

WINDOW = str(Path(__file__).with_name("_desktop_window.py"))
PATIENCE_S = 120.0
STOPPED = "force"
PEER, PEER_PYTHON = "MagScope", "PARFOCAL_MAGSCOPE_PYTHON"
DEMONSTRATION = "import magscope\nif __name__ == '__main__':\n    magscope.MagScope().start()\n"
_peers: dict[str, dict[str, float] | Failed] = {}


class Window:
    """The desktop in a process of its own; `ask` waits for an answer."""

    def __init__(self, rig: str) -> None:
        words = [sys.executable, WINDOW, rig, "1920", "1080"]
        self.began_s = time.monotonic()
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.tell("end")
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.communicate()

    def tell(self, order: str) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return what it answers to the oldest order that it has not answered yet."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, order: str) -> Any:
        """Give an order, and return the answer."""
        self.tell(order)
        return self.answer()


@contextmanager
def tweezers(size: Size) -> Iterator[Rig]:
    """Lend the built-in rig with its camera on and all beads found; nobody restarts `STOPPED`."""
    beads = size.of(100, 100, 9)
    side = int(np.ceil(np.sqrt(beads))) * 96 + 64
    config = load_source("tweezers").model_dump(mode="json")
    config["name"] = f"desktop-{os.getpid()}"
    config["services"][STOPPED] |= {"hang_after_s": 1e6}
    options = {"width_px": side, "height_px": side, "beads": beads, "stuck": 1.0}
    config["services"]["camera"]["settings"]["options"] |= options
    with ExitStack() as stack:
        config["services"]["recorder"]["settings"]["folder"] = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="runs")
        )
        os.environ["PARFOCAL_STATE_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="state"))
        stack.enter_context(display_for("parfocal"))
        rig = stack.enter_context(parfocal.open_rig(config))
        rig["camera"].start()
        rig["tracker"].find_beads(timeout_s=PATIENCE_S)
        yield rig


def start(size: Size) -> Iterator[Row]:
    """Take the time from the start of the program until every dock that is seen shows the rig."""
    with tweezers(size) as rig:
        took = []
        for _ in range(size.of(4, 4, 2)):  # the first one is cold
            with Window(rig.name) as window:
                took.append(window.ask("ready")["ready_s"] - window.began_s)
    ready = statistics.median(took[1:])
    yield Row("window ready, warm, median of 3", ready, "s", "<= 2.5", PEER, peer(size, "ready_s"))


def never_waits(size: Size) -> Iterator[Row]:
    """Measure the loop and the camera with all docks open, then with a service that is stopped."""
    seconds = size.of(60.0, 15.0, 2.0)
    with tweezers(size) as rig:
        beads = len(rig["tracker"].list_rois().beads)
        before_hz = rate_alone(rig, seconds / 2)
        with Window(rig.name) as window:
            window.ask("ready")
            docks = window.ask("tile")["docks"]
            window.ask("measure 2")  # each has made its panel by now
            yield Row("load of the machine, 1 min", os.getloadavg()[0], "")
            what = f"{docks} docks, {beads} beads"
            measured, with_hz = measure(window, rig, seconds)
            yield from lag_rows(measured["lags_ms"], what)
            yield Row(
                "CPU of the window", measured["cpu_percent"], "%", "<= 60", PEER, peer(size, "cpu_percent")
            )
            yield Row(
                "another program's change is shown, median", shown_ms(window, rig, size), "ms", "<= 200"
            )
            pid = rig.status().services[STOPPED].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                measured, stopped_hz = measure(window, rig, seconds / 2)
            finally:
                os.kill(pid, signal.SIGCONT)
            yield from lag_rows(measured["lags_ms"], f"{what}, service {STOPPED} stopped")
        after_hz = rate_alone(rig, seconds / 2)
    without_hz = following(before_hz, after_hz, by=lambda before, after: (before + after) / 2)
    for name, rate in (("window", with_hz), (f"window, service {STOPPED} stopped", stopped_hz)):
        yield Row(f"camera, {name}", rate, "1/s", "", "no window", without_hz)
        lost = following(rate, without_hz, by=lambda with_it, without: 100 * (1 - with_it / without))
        yield Row(f"of its rate lost to the {name}", lost, "%", "<= 1")


def lag_rows(lags_ms: list[float], what: str) -> list[Row]:
    """Return rows of the lags of a loop."""
    p99, most = np.percentile(lags_ms, [99, 99.9])
    return [
        Row(f"lag of the loop, p99, {what}", float(p99), "ms", "<= 20"),
        Row(f"lag of the loop, p99.9, {what}", float(most), "ms", "<= 50"),
    ]


def measure(window: Window, rig: Rig, seconds: float) -> tuple[Any, float | Failed]:
    """Return what the window measured of itself for so long, and the camera's rate meanwhile."""
    stream = rig.stream("camera")
    in_time = attempt(wait_until_in_time, stream)
    window.tell(f"measure {seconds}")
    rate = camera_hz(stream, seconds)
    return window.answer(), following(in_time, by=lambda _: rate)


def rate_alone(rig: Rig, seconds: float) -> float | Failed:
    """Return the camera's rate while nothing else is measured."""
    stream = rig.stream("camera")
    return following(attempt(wait_until_in_time, stream), by=lambda _: camera_hz(stream, seconds))


def shown_ms(window: Window, rig: Rig, size: Size) -> float | Failed:
    """Return how long after somebody else's command its effect is seen in the window."""
    times = size.of(20, 10, 3)
    asked: dict[float, float] = {}
    window.tell(f"measure {0.4 * times + 2}")
    for number in range(times):
        exposure_ms = 4.0 + 0.01 * number
        asked[exposure_ms] = time.monotonic()
        rig["camera"].set_exposure_ms(exposure_ms)
        time.sleep(0.4 - 0.01 * (number % 10))  # in no step with whoever polls
    seen = {round(value, 6): at_s for value, at_s in reversed(window.answer()["seen"])}
    took = [1e3 * (seen[value] - at_s) for value, at_s in asked.items() if value in seen]
    return statistics.median(took) if took else Failed("no change was seen")


def peer(size: Size, number: str) -> float | Failed:
    """Return a number of MagScope, which is measured once."""
    if PEER not in _peers:
        _peers[PEER] = attempt(magscope, size)
    measured = _peers[PEER]
    return measured if isinstance(measured, Failed) else measured[number]


def magscope(size: Size) -> dict[str, float]:
    """Start MagScope's demonstration, and measure when its window is there and what it takes."""
    with tempfile.TemporaryDirectory(prefix="magscope") as folder, ExitStack() as stack:
        python = os.environ.get(PEER_PYTHON) or installed(size, folder)
        program = Path(folder, "demonstration.py")
        program.write_text(DEMONSTRATION)
        display = stack.enter_context(xvfb())
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        runs = [demonstrate(python, program, environment, size) for _ in range(size.of(4, 4, 1))]
        ready = statistics.median(ready_s for ready_s, _ in runs[-3:])  # the first one is cold
        return {"ready_s": ready, "cpu_percent": runs[-1][1]}


def demonstrate(python: str, program: Path, environment: dict[str, str], size: Size) -> tuple[float, float]:
    """Run the demonstration; return when its window was there, s, and what it took then, % of a core."""
    display = environment["DISPLAY"]
    there = buffers()
    said = program.with_suffix(".txt")
    begin = time.monotonic()
    with said.open("wb") as log:
        process = subprocess.Popen(
            [python, str(program)],
            cwd=program.parent,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        shown = poll_until(
            lambda: owner_of_window(display) or process.poll() is not None, PATIENCE_S, every_s=0.05
        )
        ready_s, owner = time.monotonic() - begin, owner_of_window(display)
        if not shown or not owner:
            raise RuntimeError(f"its window has not come{end_of(process, said)}")
        try:
            window = psutil.Process(owner)
            time.sleep(size.of(5.0, 5.0, 1.0))
            window.cpu_percent()
            time.sleep(size.of(20.0, 10.0, 1.0))
            return ready_s, window.cpu_percent()
        except psutil.NoSuchProcess as error:
            ran_s = time.monotonic() - begin - ready_s
            told = f"the process of its window, {owner}, ended {ran_s:.0f} s after it was there"
            raise RuntimeError(told + end_of(process, said)) from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for left in buffers() - there:  # killed, it leaves them, and would not start again
            left.unlink()
        poll_until(lambda: not windows(display), PATIENCE_S)  # the next run would take it for its own


def end_of(process: subprocess.Popen[bytes], said: Path) -> str:
    """Return how a demonstration has ended, and the last line that it has said."""
    lines = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
    last = f"; the last that it said: {lines[-1].strip()}" if lines else ""
    code = process.poll()
    return (" and it runs on" if code is None else f", exit code {code}") + last


def buffers() -> set[Path]:
    """Return the shared memory that MagScope has on this machine, by the names that it gives."""
    return set(Path("/dev/shm").glob("*Buffer*"))


def installed(size: Size, folder: str) -> str:
    """Install MagScope into an environment of its own; return its Python."""
    if size.short:
        raise RuntimeError(
            f"the short form installs nothing, and {PEER_PYTHON} names no Python with MagScope"
        )
    place = Path(folder, "environment")
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "magscope"], check=True, timeout=600)
    return python


def owner_of_window(display: str) -> int:
    """Return the process of MagScope's window on a display; 0 while it, or the splash before it, loads."""
    shown = windows(display)
    mine = [line.split()[0] for line in shown if f'"{PEER}":' in line]
    if not mine or any("Splash" in line for line in shown):
        return 0
    numbers = x_told(display, "xprop", "-id", mine[0], "_NET_WM_PID").split()
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def windows(display: str) -> list[str]:
    """Return the lines that X tells of the windows of MagScope on a display."""
    return [line for line in x_told(display, "xwininfo", "-root", "-tree").splitlines() if f'"{PEER}' in line]


def x_told(display: str, *words: str) -> str:
    """Return what a program of X tells of a display."""
    command = [words[0], "-display", display, *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout


if __name__ == "__main__":
    sys.exit(run({"start": start, "never_waits": never_waits}, parser(__doc__).parse_args()))
