"""Programs that a test runs beside itself: ``python dashboard.py ROLE``. They read and print JSON lines."""

from __future__ import annotations

import json
import sys

import isolated  # noqa: F401
import numpy as np
from pymodaq.utils.plugin_testing import make_actuator, make_detector, move_abs_and_wait
from pymodaq_gui.qt_utils import mkQApp
from pymodaq_plugins_parfocal.daq_move_plugins.daq_move_ParfocalAsg import DAQ_Move_ParfocalAsg
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D.daq_1Dviewer_ParfocalScope import (
    DAQ_1DViewer_ParfocalScope,
)
from spectrum import frequency_hz
from waiting import LONG_MS, until


def tell(**facts) -> None:
    print("told " + json.dumps(facts), flush=True)


def asked() -> float:
    """Return the number in the next line, nan at the end."""
    return float(sys.stdin.readline() or "nan")


def watch() -> None:
    """Grab live; for each frequency that is asked for, tell when it is seen, and after how many traces."""
    scope, seen = make_detector(DAQ_1DViewer_ParfocalScope, decimation=64), []
    scope.dte_signal.connect(seen.append)
    scope.grab_data(1, live=True)
    until(lambda: seen)
    tell(ready=True)
    while not np.isnan(wanted := asked()):
        seen.clear()
        until(lambda: seen and abs(frequency_hz(seen[-1][0]) - wanted) < 150)
        tell(sequence=seen[-1][0].sequence, traces=len(seen))
    scope.close()


def drive() -> None:
    """Move the generator to each frequency that is asked for; tell where it is then."""
    generator = make_actuator(DAQ_Move_ParfocalAsg)
    tell(ready=True)
    while not np.isnan(wanted := asked()):
        tell(reached=move_abs_and_wait(generator, wanted, LONG_MS).value("Hz"))
    generator.close()


if __name__ == "__main__":
    mkQApp("dashboard")
    {"watch": watch, "drive": drive}[sys.argv[1]]()
