"""An IQ module of a shared Red Pitaya as a PyMoDAQ viewer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pymodaq.control_modules.viewer_utility_classes import main
from pymodaq.utils.data import DataFromPlugins

from parfocal.devices.redpitaya.iq import IqMeasurement
from parfocal.devices.redpitaya.memory_map import OUTPUTS, SIGNALS
from pymodaq_plugins_parfocal import parameters
from pymodaq_plugins_parfocal.parameters import choice, quantity
from pymodaq_plugins_parfocal.plugin import SetupPlugin
from pymodaq_plugins_parfocal.viewer import VIEWER, BoardViewer

_VOLTS = ["in phase", "in quadrature", "magnitude"]


class DAQ_0DViewer_ParfocalIq(SetupPlugin, BoardViewer):
    """A lock-in over a shared Red Pitaya: in phase, in quadrature and magnitude in volts, and the phase.

    Needs a rig that runs, such as ``parfocal up redpitaya``. The module is set up by whoever wants to: from
    here, if that is chosen.
    """

    params = [
        *VIEWER,
        choice("iq", "Module:", ("iq0", "iq1", "iq2"), "iq0"),
        quantity("averaging_s", "Averaging:", 0.01, "s", limits=(1e-6, 30)),
        quantity("settling_s", "Settling:", 0.0, "s", limits=(0, 30), tip="Waits so long before it averages"),
        *parameters.setup(
            "the module",
            [
                quantity("frequency_hz", "Frequency:", 1e3, "Hz", limits=(0, 62.5e6)),
                quantity("amplitude_v", "Amplitude:", 0.0, "V", limits=(0, 1)),
                quantity("phase_deg", "Phase:", 0.0, "°", limits=(0, 360)),
                choice("input", "Input:", SIGNALS, "in1"),
                choice("output", "Output:", OUTPUTS, "off"),
                quantity("bandwidth_hz", "Bandwidth:", 100.0, "Hz"),
                quantity("acbandwidth_hz", "High-pass:", 0.0, "Hz", tip="Of the input; 0: none"),
            ],
        ),
    ]

    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """Ask for a demodulation."""
        names = ("iq", "averaging_s", "settling_s")
        return [("iq_get_measurement", {name: self.settings[name] for name in names})]

    @property
    def module(self) -> str:
        """The one that is chosen."""
        return self.settings["iq"]

    def setup_command(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Set the module up from silence."""
        return "iq_setup", {"iq": self.module, **settings}

    def data(self, results: list[Any]) -> list[DataFromPlugins]:
        """Show the two quadratures and their magnitude in one plot, the phase in another."""
        measured: IqMeasurement = results[0]
        magnitude_v = math.hypot(measured.i_v, measured.q_v)
        phase = np.array([math.degrees(math.atan2(measured.q_v, measured.i_v))])
        volts = [np.array([value]) for value in (measured.i_v, measured.q_v, magnitude_v)]
        about = {"frequency_hz": measured.frequency_hz, "averages": measured.averages}
        return [
            DataFromPlugins("iq", data=volts, units="V", dim="Data0D", labels=_VOLTS, **about),
            DataFromPlugins("phase", data=[phase], units="deg", dim="Data0D", labels=["phase"], **about),
        ]


if __name__ == "__main__":
    main(__file__)
