"""The scope of a shared Red Pitaya as a PyMoDAQ viewer."""

from __future__ import annotations

from typing import Any

from pymodaq.control_modules.viewer_utility_classes import main
from pymodaq.utils.data import Axis, DataFromPlugins

from parfocal.devices.redpitaya.memory_map import SIGNALS, TICK_S
from parfocal.devices.redpitaya.scope import DECIMATIONS
from parfocal.devices.redpitaya.trace import Trace
from parfocal.devices.redpitaya.trigger import TRIGGERS
from pymodaq_plugins_parfocal.parameters import choice, quantity, switch
from pymodaq_plugins_parfocal.viewer import VIEWER, BoardViewer


class DAQ_1DViewer_ParfocalScope(BoardViewer):
    """Traces of 16384 samples in volts, fresh and triggered, from a Red Pitaya that others use as well.

    Needs a rig that runs, such as ``parfocal up redpitaya``. The data carry the trace's sequence number and
    its trigger time in seconds of the board's counter.
    """

    params = [
        *VIEWER,
        choice("input", "Input:", SIGNALS, "in1"),
        choice("input2", "Second input:", SIGNALS, "off"),
        choice("decimation", "Decimation:", DECIMATIONS, 64, "A sample every so many ticks of 8 ns"),
        switch("averaging", "Average ticks:", True, "A sample is the mean of its ticks, or one of them"),
        choice("trigger_source", "Trigger:", [name for name in TRIGGERS if name != "off"], "immediately"),
        quantity("threshold_v", "Threshold:", 0.0, "V", tip="At the input's connector"),
        quantity("hysteresis_v", "Hysteresis:", 0.01, "V"),
        quantity(
            "trigger_delay_s",
            "Delay:",
            0.0,
            "s",
            tip="Of the trace's middle after an edge",
        ),
    ]

    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """Ask for a trace."""
        names = ("input", "decimation", "averaging", "trigger_source")
        names += ("threshold_v", "hysteresis_v", "trigger_delay_s")
        second = {} if self.settings["input2"] == "off" else {"input2": self.settings["input2"]}
        return [("scope_acquire", {name: self.settings[name] for name in names} | second)]

    def data(self, results: list[Any]) -> list[DataFromPlugins]:
        """Show both channels over the time since the trigger."""
        trace: Trace = results[0]
        step_s = trace.decimation * TICK_S
        time = Axis("time", units="s", offset=trace.first * step_s, scaling=step_s, size=len(trace.volts))
        return [
            DataFromPlugins(
                "scope",
                data=[volts for volts in (trace.volts, trace.volts2) if volts is not None],
                units="V",
                dim="Data1D",
                labels=list(trace.inputs),
                axes=[time],
                sequence=trace.sequence,
                triggered_at_s=trace.triggered_at_s,
            )
        ]


if __name__ == "__main__":
    main(__file__)
