"""Programs that a test runs beside itself: ``python dashboard.py ROLE``. They read and print JSON lines."""

from __future__ import annotations

import json
import sys

import isolated  # noqa: F401
import numpy as np
from pymodaq.control_modules.daq_viewer import DAQ_Viewer
from pymodaq.dashboard import load_dashboard_with_experiment
from pymodaq.utils.data import DataActuator
from pymodaq.utils.plugin_testing import make_actuator, make_detector, move_abs_and_wait
from pymodaq_gui.qt_utils import mkQApp
from pymodaq_plugins_parfocal import preset
from pymodaq_plugins_parfocal.daq_move_plugins.daq_move_ParfocalAsg import DAQ_Move_ParfocalAsg
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D.daq_1Dviewer_ParfocalScope import (
    DAQ_1DViewer_ParfocalScope,
)
from spectrum import frequency_hz
from waiting import LONG_MS, until

import parfocal


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


def show_preset(count: str) -> None:
    """Open the first modules of the preset in a dashboard, put them to work, and tell what they show."""
    preset.write(f"preset {count}", preset.MODULES[: int(count)])
    dashboard, _, _ = load_dashboard_with_experiment(f"preset {count}")
    until(lambda: dashboard.experiment_manager.entry_applied)
    modules = {module.title: module for module in dashboard.actuators_modules + dashboard.detector_modules}
    until(lambda: all(module.initialized_state for module in modules.values()))
    facts = {"modules": sorted(modules)}
    traces = grabbed(modules["scope"])
    facts["silent_v"] = float(np.ptp(traces[-1].data[0]))
    change(modules["frequency"], own_setup=True)
    with parfocal.attach("redpitaya") as rig:
        until(lambda: rig["board"].asg_get(channel="asg0").output == "out1")
    move(modules["amplitude"], 0.25, "V")
    move(modules["frequency"], 1e3, "Hz")
    if "setpoint" in modules:
        before = len(traces)
        facts["setpoint_v"] = move(modules["setpoint"], 0.25, "V")
        until(lambda: len(traces) > before)
        facts["traces_meanwhile"] = len(traces) - before
    if "lock-in" in modules:
        change(modules["lock-in"], own_setup=True, bandwidth_hz=0.0)
        seen = grabbed(modules["lock-in"])
        until(lambda: abs(seen[-1].data[2][0] - 0.25) < 0.01)
        facts["magnitude_v"] = float(seen[-1].data[2][0])
    until(lambda: np.ptp(traces[-1].data[0]) > 0.49)
    facts |= {"frequency_hz": frequency_hz(traces[-1]), "swing_v": float(np.ptp(traces[-1].data[0]))}
    dashboard.quit_fun()
    tell(**facts)


def grabbed(viewer) -> list:
    """Have a viewer grab live; return what it shows, the newest last, once there is something."""
    seen: list = []
    viewer.grab_done_signal.connect(lambda data: seen.append(data[0].deepcopy()))
    viewer.grab_data(True)
    until(lambda: seen)
    return seen


def change(module, **settings) -> None:
    """Change settings of a module, those of its set-up first."""
    role = "detector_settings" if isinstance(module, DAQ_Viewer) else "actuator_settings"
    for name, value in reversed(settings.items()):
        group = module.settings.child(role)
        (group if name == "own_setup" else group.child("setup")).child(name).setValue(value)


def move(actuator, value: float, unit: str) -> float:
    """Move an actuator; return where it is then."""
    reached: list = []
    actuator.move_done_signal.connect(lambda value: reached.append(value.value(unit)))
    actuator.move_abs(DataActuator("wanted", data=value, units=unit))
    until(lambda: reached)
    return float(reached[-1])


if __name__ == "__main__":
    mkQApp("dashboard")
    {"watch": watch, "drive": drive, "preset": show_preset}[sys.argv[1]](*sys.argv[2:])
