"""The controllers of a shared Red Pitaya as a PyMoDAQ actuator."""

from __future__ import annotations

from typing import Any

from pymodaq.control_modules.move_utility_classes import comon_parameters_fun, main

from parfocal.devices.redpitaya.memory_map import OUTPUTS, SIGNALS
from pymodaq_plugins_parfocal import parameters
from pymodaq_plugins_parfocal.actuator import BoardActuator, BoardAxis
from pymodaq_plugins_parfocal.parameters import choice, quantity, switch
from pymodaq_plugins_parfocal.plugin import BOARD, SetupPlugin

AXES = {
    f"{pid} setpoint": BoardAxis(
        module=pid,
        setting="setpoint_v",
        selector="pid",
        setter="pid_set_setpoint",
        getter="pid_get",
        unit="V",
        epsilon=2e-4,
    )
    for pid in ("pid0", "pid1", "pid2")
}


class DAQ_Move_ParfocalPid(SetupPlugin, BoardActuator):
    """Setpoints of the three PID controllers of a Red Pitaya that others use as well.

    Needs a rig that runs, such as ``parfocal up redpitaya``. Gains and signals are set up by whoever wants
    to: from here, if that is chosen. A plant with a positive gain wants negative gains.
    """

    axes = AXES
    _axis_names = list(AXES)
    _controller_units = "V"
    _epsilons = [axis.epsilon for axis in AXES.values()]

    params = [
        *BOARD,
        *parameters.setup(
            "the controller",
            [
                choice("input", "Input:", SIGNALS, "in1"),
                choice("output", "Output:", OUTPUTS, "off"),
                quantity("p", "Proportional:", 0.0, ""),
                quantity("i_hz", "Integral:", 0.0, "Hz", tip="Frequency at which its gain is one"),
                quantity("min_v", "Lowest output:", -1.0, "V", limits=(-1, 1)),
                quantity("max_v", "Highest output:", 1.0, "V", limits=(-1, 1)),
                switch("paused", "Paused:", False),
            ],
        ),
        *comon_parameters_fun(axis_names=_axis_names, epsilon=_epsilons),
    ]

    def setup_command(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Configure the controller; setpoint and integrator stay."""
        return "pid_configure", {"pid": self.module, **settings}


if __name__ == "__main__":
    main(__file__)
