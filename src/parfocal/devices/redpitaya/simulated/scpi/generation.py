"""The SOUR and OUTPUT commands, on the generators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.asg import Asg
from parfocal.devices.redpitaya.memory_map import SAMPLES, OutputPlace
from parfocal.devices.redpitaya.waveforms import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.devices.redpitaya.board import Board

_PHASE = np.arange(SAMPLES) / SAMPLES
_SETTINGS: dict[str, tuple[str, Callable[[str], Any], Any]] = {
    "SOUR#:FUNC": ("FUNC", str.upper, "SINE"),
    "SOUR#:FREQ[:FIX]": ("FREQ", float, 1000.0),
    "SOUR#:VOLT": ("VOLT", float, 1.0),
    "SOUR#:VOLT:OFFS": ("OFFS", float, 0.0),
    "SOUR#:PHAS": ("PHAS", float, 0.0),
    "SOUR#:DCYC": ("DCYC", float, 0.5),
    "SOUR#:BURS:STAT": ("STAT", str.upper, "CONTINUOUS"),
    "SOUR#:BURS:NCYC": ("NCYC", int, 0),
    "SOUR#:BURS:NOR": ("NOR", int, 1),
    "SOUR#:BURS:INT:PER": ("INT:PER", float, 0.0),
    "SOUR#:TRig:SOUR": ("SOUR", str.upper, "INT"),
}
"""What each command sets, how it reads its argument, and the value at power-on."""


class Generator:
    """One output's generator: settings that take effect while it is on."""

    def __init__(self, board: Board, output: int) -> None:
        self._asg = Asg(board, output - 1)
        self._output: OutputPlace = "out1" if output == 1 else "out2"
        self.reset()

    def reset(self) -> None:
        """Go off, back to the settings at power-on."""
        self.settings: dict[str, Any] = {name: value for name, _, value in _SETTINGS.values()}
        self._table = np.zeros(SAMPLES)
        self.on = False
        self._asg.off()

    def change(self, name: str, value: Any) -> None:
        """Change a setting; only what goes on without a break is changed in a running generator."""
        self.settings[name] = value
        if self.on and name == "FREQ":
            self._asg.set_frequency(value)
        elif self.on:
            self.switch(True)

    def load(self, *values: str) -> None:
        """Take an arbitrary table, stretched to 16384 values."""
        given = np.array([float(value) for value in values])
        self._table = np.interp(_PHASE, np.arange(len(given)) / len(given), given, period=1)
        self.change("FUNC", "ARBITRARY")

    def switch(self, on: bool) -> None:
        """Go on or off."""
        self.on = on
        if not on:
            self._asg.off()
            return
        at = self.settings
        burst = at["STAT"] == "BURST"
        self._asg.setup(
            "arbitrary",
            samples=np.clip(self._shape(), -1, 1),
            frequency_hz=at["FREQ"],
            amplitude_v=0.0 if at["FUNC"].startswith("DC") else at["VOLT"],
            offset_v=self._offset(),
            phase_deg=at["PHAS"],
            output=self._output,
            trigger_source="immediately" if at["SOUR"] == "INT" and not burst else "off",
            cycles_per_burst=int(at["NCYC"]) if burst else 0,
            bursts=int(at["NOR"]) if burst else 1,
            burst_delay_s=max(1e-6, at["INT:PER"] * 1e-6 - at["NCYC"] / at["FREQ"]),
        )

    def trigger(self) -> None:
        """Start it now."""
        self._asg.trigger()

    def _offset(self) -> float:
        level = {"DC": self.settings["VOLT"], "DC_NEG": -self.settings["VOLT"]}
        return float(level.get(self.settings["FUNC"], self.settings["OFFS"]))

    def _shape(self) -> NDArray[np.float64]:
        shapes: dict[str, NDArray[np.float64]] = {
            "SINE": table("sin"),
            "SQUARE": table("square"),
            "TRIANGLE": np.roll(table("ramp"), -SAMPLES // 4),
            "SAWU": table("halframp"),
            "SAWD": -table("halframp"),
            "PWM": np.where(self.settings["DCYC"] > _PHASE, 1.0, -1.0),
            "ARBITRARY": self._table,
        }
        return shapes.get(self.settings["FUNC"], np.zeros(SAMPLES))


def commands(generators: Mapping[int, Generator]) -> Mapping[str, Callable[..., object]]:
    """Return the commands by pattern; each takes the numbers in its header, then its arguments, as text."""

    def reset() -> None:
        for generator in generators.values():
            generator.reset()

    def change(name: str, read: Callable[[str], Any], output: str, text: str) -> None:
        generators[int(output)].change(name, read(text))

    table: dict[str, Callable[..., object]] = {
        "GEN:RST": reset,
        "OUTPUT#:STATE": lambda output, on: generators[int(output)].switch(on.upper() in ("ON", "1")),
        "OUTPUT#:STATE?": lambda output: int(generators[int(output)].on),
        "SOUR#:TRAC:DATA:DATA": lambda output, *values: generators[int(output)].load(*values),
        "SOUR#:TRig:INT": lambda output: generators[int(output)].trigger(),
    }
    for pattern, (name, read, _) in _SETTINGS.items():
        table[pattern] = partial(change, name, read)
        table[pattern + "?"] = lambda output, *, name=name: generators[int(output)].settings[name]
    return table
