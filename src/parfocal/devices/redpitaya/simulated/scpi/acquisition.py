"""The ACQ commands, on the scope's registers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.redpitaya import scope as registers
from parfocal.devices.redpitaya.board import Board
from parfocal.devices.redpitaya.memory_map import SAMPLES, SCOPE
from parfocal.devices.redpitaya.registers import Count, Field
from parfocal.devices.redpitaya.simulated.scpi.language import ascii_block, binary_block
from parfocal.devices.redpitaya.simulated.words import signed
from parfocal.devices.redpitaya.trace import Calibration
from parfocal.devices.redpitaya.trigger import HYSTERESIS, SOURCE, THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRIGGERS = {
    "DISABLED": "off",
    "NOW": "immediately",
    "CH1_PE": "ch1_positive_edge",
    "CH1_NE": "ch1_negative_edge",
    "CH1_AE": "ch1_positive_edge",
    "CH2_PE": "ch2_positive_edge",
    "CH2_NE": "ch2_negative_edge",
    "CH2_AE": "ch2_positive_edge",
    "EXT_PE": "ext_positive_edge",
    "EXT_NE": "ext_negative_edge",
    "AWG_PE": "asg0",
    "AWG_NE": "asg0",
}
_POINTER = Count(name="write pointer", offset=0x18, access="ro")
_CENTRE = SAMPLES // 2


class Acquisition:
    """What the commands set, and what they ask for.

    A trigger NOW that comes before half a buffer was filled is given again until it is taken. "Any edge" is
    the rising one.
    """

    def __init__(self, board: Board) -> None:
        self.scope = registers.Scope(board)
        self.reset()

    def reset(self) -> None:
        """Go back to the settings at power-on."""
        self.format = {"units": "VOLTS", "form": "ASCII", "order": "BEND"}
        self.gains = {1: "LV", 2: "LV"}
        self.delay = 0
        self._wanted = "off"
        self._fired = False
        self.scope.stop()
        self.scope.set_all({registers.DECIMATION: 1, registers.AVERAGING: True, THRESHOLD: 0})

    def start(self) -> None:
        """Begin to fill the buffers, waiting for no trigger yet."""
        self._wanted, self._fired = "off", False
        self.scope.set(registers.AFTER, max(1, _CENTRE + self.delay))
        self.scope.stop()
        self.scope.board.write_word(SCOPE + registers.CONTROL, registers.ARM)

    def trigger(self, source: str) -> None:
        """Wait for a trigger, or give it."""
        self._wanted, self._fired = _TRIGGERS[source.upper()], False
        self.scope.set(SOURCE, self._wanted)

    def status(self) -> str:
        """Return "TD" once triggered, or if there is nothing to wait for; else "WAIT"."""
        return "TD" if self._wanted == "off" or self._has_fired() else "WAIT"

    def filled(self) -> int:
        """Return 1 when the samples after the trigger are there."""
        return int(self._has_fired() and not self._bits() & (registers.ARM | registers.DELAYED))

    def set_delay(self, samples: int) -> None:
        """Set the distance from the trigger to the middle of the buffer."""
        self.delay = samples
        self.scope.set(registers.AFTER, max(1, _CENTRE + samples))

    def data(
        self, channel: int, first: int | None = None, count: int = SAMPLES, *, newest: bool = False
    ) -> bytes:
        """Return samples as the format says: from position `first`, or the oldest, or the newest."""
        oldest = self.scope.get(_POINTER)
        begin = oldest if first is None else first
        if newest:
            begin = oldest - count
        ring = self.scope.board.link.read(SCOPE + registers.BUFFERS[channel - 1], SAMPLES)
        words = ring[(begin + np.arange(min(count, SAMPLES))) % SAMPLES]
        whole = self.format["units"] == "RAW"
        calibration = Calibration(20.0 if self.gains[channel] == "HV" else 1.0)
        values = signed(words.astype(np.int64)) if whole else calibration.volts(words)
        if self.format["form"] == "ASCII":
            return ascii_block(values, whole=whole)
        return binary_block(values, whole=whole, big_endian=self.format["order"] == "BEND")

    def _has_fired(self) -> bool:
        if self._wanted == "off":
            return False
        if not self._fired:
            bits = self._bits()
            self._fired = bool(bits & registers.DELAYED) or not bits & registers.ARM
            if not self._fired and self._wanted == "immediately":
                self.scope.set(SOURCE, self._wanted)
                self._fired = bool(self._bits() & registers.DELAYED)
        return self._fired

    def _bits(self) -> int:
        return self.scope.board.read_word(SCOPE + registers.CONTROL)


_FIELDS: dict[str, tuple[Field[Any], Callable[[str], Any]]] = {
    "ACQ:DEC[:Factor]": (registers.DECIMATION, int),
    "ACQ:AVG": (registers.AVERAGING, lambda value: value.upper() == "ON"),
    "ACQ:TRig:LEV": (THRESHOLD, float),
    "ACQ:TRig:HYST": (HYSTERESIS, float),
}
_FORMATS = {"ACQ:DATA:Units": "units", "ACQ:DATA:FORMAT": "form", "ACQ:DATA:BYTE:ORDER": "order"}


def commands(acquisition: Acquisition) -> Mapping[str, Callable[..., object]]:
    """Return the commands by pattern; each takes the numbers in its header, then its arguments, as text."""
    acq, scope = acquisition, acquisition.scope
    table: dict[str, Callable[..., object]] = {
        "ACQ:RST": acq.reset,
        "ACQ:START": acq.start,
        "ACQ:STOP": scope.stop,
        "ACQ:DATA:Units?": lambda: acq.format["units"],
        "ACQ:DATA:FORMAT?": lambda: acq.format["form"],
        "ACQ:TRig": acq.trigger,
        "ACQ:TRig:STAT?": acq.status,
        "ACQ:TRig:FILL?": acq.filled,
        "ACQ:TRig:DLY": lambda value: acq.set_delay(int(value)),
        "ACQ:TRig:DLY?": lambda: acq.delay,
        "ACQ:TRig:DLY:NS": lambda value: acq.set_delay(round(float(value) / 8)),
        "ACQ:TRig:DLY:NS?": lambda: acq.delay * 8,
        "ACQ:TPOS?": lambda: scope.get(registers.TRIGGER_POINTER),
        "ACQ:WPOS?": lambda: scope.get(_POINTER),
        "ACQ:BUF:SIZE?": lambda: SAMPLES,
        "ACQ:SOUR#:GAIN": lambda channel, value: acq.gains.update({int(channel): value.upper()}),
        "ACQ:SOUR#:GAIN?": lambda channel: acq.gains[int(channel)],
        "ACQ:SOUR#:DATA?": lambda channel: acq.data(int(channel)),
        "ACQ:SOUR#:DATA:Old:N?": lambda channel, n: acq.data(int(channel), count=int(n)),
        "ACQ:SOUR#:DATA:LATest:N?": lambda channel, n: acq.data(int(channel), count=int(n), newest=True),
        "ACQ:SOUR#:DATA:STArt:N?": lambda channel, at, n: acq.data(int(channel), int(at), int(n)),
    }
    for pattern, name in _FORMATS.items():
        table[pattern] = lambda value, *, name=name: acq.format.update({name: value.upper()})
    for pattern, (field, read) in _FIELDS.items():
        table[pattern] = lambda text, *, field=field, read=read: scope.set_all({field: read(text)})
        table[pattern + "?"] = partial(scope.get, field)
    return table
