"""PyMoDAQ over a shared Red Pitaya: how many grabs it gets, and how soon Stop is one.

Run ``python dev.py bench dashboards [--json] [--quick | --short]``: PyMoDAQ has an environment of its own.
The board is simulated at the wire, in a process of its own. The peer is a loop over the same board without
PyMoDAQ.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _report import Row, Size, parser, run

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _variable in ("HOME", "PARFOCAL_RUNTIME_DIR", "PARFOCAL_SHM_DIR"):
    os.environ[_variable] = tempfile.mkdtemp(prefix="pf")
    atexit.register(
        shutil.rmtree, os.environ[_variable], ignore_errors=True
    )  # when PyMoDAQ has ended as well

import pymodaq_utils.config  # noqa: E402

pymodaq_utils.config.CONFIG_BASE_PATH = Path(os.environ["HOME"])

from pymodaq.control_modules.daq_viewer import DAQ_Viewer  # noqa: E402
from pymodaq.control_modules.daq_viewer_ui.viewer_selector import SelectedModule  # noqa: E402
from pymodaq.control_modules.enums import DAQTypesEnum  # noqa: E402
from pymodaq.utils.gui_utils.loader_utils import create_load_daq_viewer  # noqa: E402
from pymodaq.utils.plugin_testing import grab_and_wait, make_detector  # noqa: E402
from pymodaq_gui.qt_utils import mkQApp  # noqa: E402
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D.daq_1Dviewer_ParfocalScope import (  # noqa: E402
    DAQ_1DViewer_ParfocalScope as Scope,
)
from qtpy.QtWidgets import QApplication  # noqa: E402

import parfocal  # noqa: E402

PEER = "a loop without PyMoDAQ"
SHORT = {"decimation": 1, "averaging": True, "input": "in1"}
NEVER = {"trigger_source": "ch1_positive_edge", "threshold_v": 0.9}


def rate(ask: Callable[[], Any], seconds: float) -> float:
    """Return how often a second something can be done."""
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        ask()
        count += 1
    return count / spent


def work(seconds: float, enough: Callable[[], bool] = lambda: False) -> float:
    """Let Qt work for some time, or until it is enough; return how long."""
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds and not enough():
        QApplication.processEvents()
        time.sleep(0.0005)
    return spent


def live_rate(viewer: DAQ_Viewer, seconds: float) -> float:
    """Return how many grabs a second a viewer takes by itself."""
    done: list[Any] = []
    viewer.grab_done_signal.connect(done.append)
    viewer.settings.child("detector_settings", "decimation").setValue(1)
    viewer.init_hardware()
    work(10, lambda: viewer.initialized_state)
    viewer.grab_data(True)
    work(10, lambda: bool(done))
    done.clear()
    spent = work(seconds)
    found = len(done) / spent
    viewer.quit_fun()
    return found


def stop_ms(board: Any, times: int) -> float:
    """Return how long after Stop the scope does what somebody else wants, at worst."""
    scope, found = make_detector(Scope, **NEVER), []
    for _ in range(times):
        scope.grab_data(1)
        work(0.05)
        waiting = board.submit("scope_get")
        start = time.perf_counter()
        scope.stop()
        waiting.result(timeout_s=10)
        found.append((time.perf_counter() - start) * 1e3)
    scope.close()
    return float(np.max(found))


@contextmanager
def drawing() -> Iterator[DAQ_Viewer]:
    """Lend a viewer with its window, which nothing else keeps from the garbage collector."""
    window, viewer = create_load_daq_viewer()
    viewer.detector = SelectedModule(DAQTypesEnum["DAQ1D"], "ParfocalScope")
    window.show()
    yield viewer
    window.show(False)


@contextmanager
def hidden() -> Iterator[DAQ_Viewer]:
    """Lend a viewer without a window, as in a script."""
    viewer = DAQ_Viewer(title="scope", daq_type="DAQ1D")
    viewer.detector = "ParfocalScope"
    yield viewer


def measure(board: Any, size: Size) -> Iterator[Row]:
    """Measure everything; what PyMoDAQ prints meanwhile goes to stderr, so that ``--json`` is JSON alone."""
    with redirect_stdout(sys.stderr):
        yield from measured(board, size)


def measured(board: Any, size: Size) -> Iterator[Row]:
    """Measure row by row."""
    seconds = size.of(4.0, 1.0, 0.2)
    board.asg_setup(channel="asg0", frequency_hz=2e4, amplitude_v=0.5, output="out1")
    plain = rate(lambda: board.scope_acquire(trigger_source="immediately", **SHORT), seconds)
    scope = make_detector(Scope, decimation=1)
    snaps = rate(lambda: grab_and_wait(scope), seconds)
    scope.close()
    yield Row("grabs of 16 384 samples, one by one in PyMoDAQ's harness", snaps, "/s", ">= 50", PEER, plain)
    for name, lent in (("without a window", hidden()), ("drawn in its window", drawing())):
        with lent as viewer:
            yield Row(f"live grab, {name}", live_rate(viewer, seconds), "/s", ">= 50", PEER, plain)
    worst = stop_ms(board, size.of(20, 20, 3))
    yield Row("Stop of a grab that waits for its trigger, worst", worst, "ms", "<= 20")


def main() -> int:
    """Run everything on a board of its own."""
    options = parser(__doc__).parse_args()
    mkQApp("benchmark")
    words = [sys.executable, "-m", "parfocal", "sim", "redpitaya", "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            address = json.loads(simulator.stdout.readline())["address"]
            with parfocal.open_rig("redpitaya", changes={"board.address": address}) as rig:
                return run({"dashboards": partial(measure, rig["board"])}, options)
        finally:
            simulator.kill()


if __name__ == "__main__":
    sys.exit(main())
