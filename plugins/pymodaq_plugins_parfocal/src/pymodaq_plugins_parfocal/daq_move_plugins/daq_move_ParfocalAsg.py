"""The generators of a shared Red Pitaya as a PyMoDAQ actuator."""

from __future__ import annotations

from typing import Any

from pymodaq.control_modules.move_utility_classes import comon_parameters_fun, main

from parfocal.devices.redpitaya.memory_map import OUTPUTS
from parfocal.devices.redpitaya.waveforms import WAVEFORMS
from pymodaq_plugins_parfocal import parameters
from pymodaq_plugins_parfocal.actuator import BoardActuator, BoardAxis
from pymodaq_plugins_parfocal.parameters import choice, quantity
from pymodaq_plugins_parfocal.plugin import BOARD, SetupPlugin

AXES = {
    f"{channel} {what}": BoardAxis(
        module=channel,
        setting=setting,
        selector="channel",
        setter=f"asg_set_{what}",
        getter="asg_get",
        unit=unit,
        epsilon=epsilon,
        home=home,
    )
    for channel in ("asg0", "asg1")
    for what, setting, unit, epsilon, home in (
        ("frequency", "frequency_hz", "Hz", 0.12, 1e3),
        ("amplitude", "amplitude_v", "V", 2e-4, 0.0),
    )
}


class DAQ_Move_ParfocalAsg(SetupPlugin, BoardActuator):
    """Frequency and amplitude of the two generators of a Red Pitaya that others use as well.

    Needs a rig that runs, such as ``parfocal up redpitaya``. Waveform and output are set up by whoever wants
    to: from here, if that is chosen.
    """

    axes = AXES
    _axis_names = list(AXES)
    _controller_units = [axis.unit for axis in AXES.values()]
    _epsilons = [axis.epsilon for axis in AXES.values()]

    params = [
        *BOARD,
        *parameters.setup(
            "the generator",
            [
                choice("waveform", "Waveform:", [name for name in WAVEFORMS if name != "arbitrary"], "sin"),
                quantity("offset_v", "Offset:", 0.0, "V", limits=(-1, 1)),
                quantity("phase_deg", "Start phase:", 0.0, "°", limits=(0, 360)),
                choice("output", "Output:", OUTPUTS, "out1"),
            ],
        ),
        *comon_parameters_fun(axis_names=_axis_names, epsilon=_epsilons),
    ]

    def setup_command(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Set the generator up anew at its frequency, and at its amplitude if it runs: otherwise at 0 V."""
        known = self.known[self.module]
        amplitude_v = known["amplitude_v"] if known["running"] else 0.0
        keeps = {"frequency_hz": known["frequency_hz"], "amplitude_v": amplitude_v}
        return "asg_setup", {"channel": self.module, **keeps, **settings}


if __name__ == "__main__":
    main(__file__)
