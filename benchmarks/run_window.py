"""How long the run status widget takes for a picture, and whether its thread is ever held up.

Run ``python benchmarks/run_window.py [--json] [--quick | --short] [--only PART]``. The window is drawn into
memory, 1280 x 800; a picture is everything from a new status to the last painted pixel, in the middle of a
plan of 100 000 events at 1000 positions.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from _report import Row, Size, parser, run

import parfocal
from parfocal.core.run_status import QueueDepth, RunStatus
from parfocal.runs import Schedule, Sequence
from parfocal.runs.plans.outline import outline_of

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
PATIENCE_S = 60.0
CAMERA = {"device": "simulated-camera", "options": {"width_px": 16, "height_px": 16, "beads": 0}}
RIG = {
    "name": f"bench-{os.getpid()}",
    "runs": {"keep_times": False},
    "services": {"camera": {"kind": "camera", "settings": CAMERA}},
}


def application() -> Any:
    """Return the application of this process."""
    from PySide6.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


class Stated:
    """A source of a widget that has the status which was set last shown."""

    def __init__(self, shown: Any) -> None:
        self.now = shown

    def shown(self) -> Any:
        """Return it."""
        return self.now

    def choose(self, run: object) -> None:
        """Choose nothing."""

    def close(self) -> None:
        """Close nothing."""


def painting(size: Size) -> Iterator[Row]:
    """Measure a picture in the middle of a long plan."""
    from parfocal.app.run_window.chosen_run import RunName
    from parfocal.app.run_window.outlines import CELLS
    from parfocal.app.run_window.run_source import ShownRun
    from parfocal.app.run_window.run_view import run_view
    from parfocal.app.run_window.run_widget import RunWidget
    from parfocal.viewers.qt.theme import THEMES

    places = [(100.0 * (number % 40), 100.0 * (number // 40)) for number in range(1000)]
    count, name = size.of(100_000, 100_000, 2_000), RunName("bench", "run1")
    every = {"stim_channels": ["light"], "stim_frames": "every 2", "stim_exposure": 1}
    plan = Sequence(
        time_plan={"interval": 600, "loops": count // 1000},
        stage_positions=places,
        channels=["nucleus"],
        **every,
    )
    outline = outline_of(Schedule(plan), CELLS)
    app = application()

    def shown(number: int) -> ShownRun:
        event = next(plan.events(number))
        status = RunStatus(
            run="run1",
            state="running",
            events_total=len(plan),
            event_number=number,
            events_consumed=number,
            event_kind=event.kind,
            event_index=event.index,
            elapsed_s=float(number),
            queues={f"queue {each}": QueueDepth(depth=number % 64, maximum=64) for each in range(4)},
        )
        return ShownRun({name: "running"}, name, True, run_view(status, outline), None, "")

    widget = RunWidget(Stated(shown(0)), THEMES["dark"])
    widget.resize(1280, 800)
    widget.show()
    app.processEvents()
    took = []
    for number in range(count // 2, count // 2 + size.of(200, 50, 5)):
        started = time.perf_counter()
        widget._source.now = shown(number)
        widget.look()
        app.processEvents()
        took.append(1e3 * (time.perf_counter() - started))
    widget.close()
    yield Row(f"picture of a run of {count} events, median", statistics.median(took), "ms", "<= 10")
    yield Row("the same, p95", sorted(took)[int(0.95 * len(took))], "ms")


def holding_up(size: Size) -> Iterator[Row]:
    """Measure the longest time between two turns of the window's loop while rig and engine are stopped."""
    from parfocal.app.run_window.run_source import RunSource
    from parfocal.app.run_window.run_widget import RunWidget
    from parfocal.viewers.qt.theme import THEMES

    app, longest = application(), 0.0
    with parfocal.open_rig(RIG, detach=True) as rig:
        rig.run(Sequence(time_plan={"interval": 5, "loops": 1000}), name="run1")
        source = RunSource()
        widget = RunWidget(source, THEMES["dark"])
        widget.show()
        turn_until(app, lambda: widget.steering.pause.isEnabled())
        status = rig.status()
        stopped = (status.pid, status.services["runs"].pid)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        widget.steering.pause.click()
        end = time.perf_counter() + size.of(10.0, 5.0, 1.0)
        while (started := time.perf_counter()) < end:
            app.processEvents()
            longest = max(longest, time.perf_counter() - started)
            time.sleep(0.001)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        widget.close()
        source.join()
        rig.stop()
    yield Row("window held up by a stopped rig, longest", 1e3 * longest, "ms", "<= 100")


def turn_until(app: Any, reached: Any) -> None:
    """Turn the window's loop until it is so."""
    end = time.perf_counter() + PATIENCE_S
    while not reached():
        if time.perf_counter() > end:
            raise TimeoutError("the window shows no run")
        app.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(run({"painting": painting, "holding_up": holding_up}, parser(__doc__).parse_args()))
