"""The sampler of a shared Red Pitaya as a PyMoDAQ viewer."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymodaq.control_modules.viewer_utility_classes import main
from pymodaq.utils.data import DataFromPlugins

from parfocal.devices.redpitaya.memory_map import SIGNALS
from parfocal.devices.redpitaya.sampler import MOST_READINGS
from pymodaq_plugins_parfocal.parameters import number
from pymodaq_plugins_parfocal.viewer import VIEWER, BoardViewer

_READABLE = [name for name in SIGNALS if name != "off"]


class DAQ_0DViewer_ParfocalSampler(BoardViewer):
    """What signals of a shared Red Pitaya are right now, in volts: inputs, outputs, any module.

    Needs a rig that runs, such as ``parfocal up redpitaya``. Signals are read one after another.
    """

    params = [
        *VIEWER,
        {
            "title": "Signals:",
            "name": "signals",
            "type": "itemselect",
            "checkbox": True,
            "value": {"all_items": _READABLE, "selected": ["in1", "in2"]},
        },
        number("readings", "Readings:", 1, (1, MOST_READINGS), "Each value is the mean of so many"),
    ]

    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """Ask for each signal."""
        readings = self.settings["readings"]
        return [("sampler_read", {"signal": name, "readings": readings}) for name in self._signals()]

    def data(self, results: list[Any]) -> list[DataFromPlugins]:
        """Show the signals in one plot."""
        volts = [np.array([value]) for value in results]
        return [DataFromPlugins("sampler", data=volts, units="V", dim="Data0D", labels=self._signals())]

    def _signals(self) -> list[str]:
        return list(self.settings["signals"]["selected"]) or ["in1"]


if __name__ == "__main__":
    main(__file__)
