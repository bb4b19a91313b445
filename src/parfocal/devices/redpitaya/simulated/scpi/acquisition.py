"""The ACQ commands, on the scope's registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from parfocal.devices.redpitaya import scope as registers
from parfocal.devices.redpitaya.board import ModuleRegisters
from parfocal.devices.redpitaya.memory_map import SAMPLES, SCOPE
from parfocal.devices.redpitaya.registers import Count, Field
from parfocal.devices.redpitaya.simulated.scpi.language import ascii_block, binary_block
from parfocal.devices.redpitaya.trigger import HYSTERESIS, SOURCE, THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from parfocal.devices.redpitaya.board import Board

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

T = TypeVar("T")


class Acquisition:
    """What the commands set, and what they ask for.

    A trigger NOW that comes before half a buffer was filled is given again until it is taken. "Any edge" is
    the rising one.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._registers = ModuleRegisters(board, SCOPE)
        self.reset()

    def reset(self) -> None:
        """Go back to the settings at power-on."""
        self.units, self.form, self.big_endian = "VOLTS", "ASCII", True
        self.gains = {1: "LV", 2: "LV"}
        self._delay = 0
        self._wanted = "off"
        self._fired = False
        self.stop()
        self._registers.set(registers.DECIMATION, 1)
        self._registers.set(registers.AVERAGING, True)
        self._registers.set(THRESHOLD, 0)

    def start(self) -> None:
        """Begin to fill the buffers, waiting for no trigger yet."""
        self._wanted, self._fired = "off", False
        self._registers.set(registers.AFTER, max(1, _CENTRE + self._delay))
        self._control(registers.RESET)
        self._control(registers.ARM)

    def stop(self) -> None:
        """Stop filling."""
        self._control(registers.RESET)

    def trigger(self, source: str) -> None:
        """Wait for a trigger, or give it."""
        self._wanted, self._fired = _TRIGGERS[source.upper()], False
        self._registers.set(SOURCE, self._wanted)

    def status(self) -> str:
        """Return "TD" once triggered, or if there is nothing to wait for; else "WAIT"."""
        return "TD" if self._wanted == "off" or self._has_fired() else "WAIT"

    def filled(self) -> int:
        """Return 1 when the samples after the trigger are there."""
        return int(self._has_fired() and not self._bits() & (registers.ARM | registers.DELAYED))

    def trigger_position(self) -> int:
        """Return where in the buffer the trigger was."""
        return self._registers.get(registers.TRIGGER_POINTER)

    def position(self) -> int:
        """Return where in the buffer the next sample goes."""
        return self._registers.get(_POINTER)

    def set_delay(self, samples: int) -> None:
        """Set the distance from the trigger to the middle of the buffer."""
        self._delay = samples
        self._registers.set(registers.AFTER, max(1, _CENTRE + samples))

    def delay(self) -> int:
        """Return the distance from the trigger to the middle of the buffer."""
        return self._delay

    def data(
        self, channel: int, first: int | None = None, count: int = SAMPLES, *, newest: bool = False
    ) -> bytes:
        """Return samples as the format says: from position `first`, or the oldest, or the newest."""
        oldest = self.position()
        begin = oldest if first is None else first
        if newest:
            begin = oldest - count
        ring = self._board.read_block(SCOPE + registers.BUFFERS[channel - 1], SAMPLES).astype(np.int64)
        counts = ring[(begin + np.arange(min(count, SAMPLES))) % SAMPLES]
        counts -= (counts >> 13) << 14
        whole = self.units == "RAW"
        values = counts.astype(np.float64) if whole else self._volts(channel, counts)
        if self.form == "ASCII":
            return ascii_block(values, whole=whole)
        return binary_block(values, whole=whole, big_endian=self.big_endian)

    def setting(self, field: Field[T]) -> T:
        """Return a setting of the scope."""
        return self._registers.get(field)

    def change(self, field: Field[T], value: T) -> None:
        """Change a setting of the scope."""
        self._registers.set(field, value)

    def _volts(self, channel: int, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        full_scale_v = 20.0 if self.gains[channel] == "HV" else 1.0
        return counts.astype(np.float64) * (full_scale_v / 8192)

    def _has_fired(self) -> bool:
        if self._wanted == "off":
            return False
        if not self._fired:
            bits = self._bits()
            self._fired = bool(bits & registers.DELAYED) or not bits & registers.ARM
            if not self._fired and self._wanted == "immediately":
                self._registers.set(SOURCE, self._wanted)
                self._fired = bool(self._bits() & registers.DELAYED)
        return self._fired

    def _bits(self) -> int:
        return self._board.read_word(SCOPE + registers.CONTROL)

    def _control(self, bits: int) -> None:
        self._board.write_word(SCOPE + registers.CONTROL, bits)


def commands(acquisition: Acquisition) -> Mapping[str, Callable[..., object]]:
    """Return the commands by pattern; each takes the numbers in its header, then its arguments, as text."""
    acq = acquisition

    def gain(channel: str, value: str) -> None:
        acq.gains[int(channel)] = value.upper()

    def units(value: str) -> None:
        acq.units = value.upper()

    def form(value: str) -> None:
        acq.form = value.upper()

    def order(value: str) -> None:
        acq.big_endian = value.upper() == "BEND"

    return {
        "ACQ:RST": acq.reset,
        "ACQ:START": acq.start,
        "ACQ:STOP": acq.stop,
        "ACQ:DEC[:Factor]": lambda value: acq.change(registers.DECIMATION, int(value)),
        "ACQ:DEC[:Factor]?": lambda: acq.setting(registers.DECIMATION),
        "ACQ:AVG": lambda value: acq.change(registers.AVERAGING, value.upper() == "ON"),
        "ACQ:AVG?": lambda: "ON" if acq.setting(registers.AVERAGING) else "OFF",
        "ACQ:DATA:Units": units,
        "ACQ:DATA:Units?": lambda: acq.units,
        "ACQ:DATA:FORMAT": form,
        "ACQ:DATA:FORMAT?": lambda: acq.form,
        "ACQ:DATA:BYTE:ORDER": order,
        "ACQ:TRig": acq.trigger,
        "ACQ:TRig:STAT?": acq.status,
        "ACQ:TRig:FILL?": acq.filled,
        "ACQ:TRig:LEV": lambda value: acq.change(THRESHOLD, float(value)),
        "ACQ:TRig:LEV?": lambda: acq.setting(THRESHOLD),
        "ACQ:TRig:HYST": lambda value: acq.change(HYSTERESIS, float(value)),
        "ACQ:TRig:HYST?": lambda: acq.setting(HYSTERESIS),
        "ACQ:TRig:DLY": lambda value: acq.set_delay(int(value)),
        "ACQ:TRig:DLY?": acq.delay,
        "ACQ:TRig:DLY:NS": lambda value: acq.set_delay(round(float(value) / 8)),
        "ACQ:TRig:DLY:NS?": lambda: acq.delay() * 8,
        "ACQ:TPOS?": acq.trigger_position,
        "ACQ:WPOS?": acq.position,
        "ACQ:BUF:SIZE?": lambda: SAMPLES,
        "ACQ:SOUR#:GAIN": gain,
        "ACQ:SOUR#:GAIN?": lambda channel: acq.gains[int(channel)],
        "ACQ:SOUR#:DATA?": lambda channel: acq.data(int(channel)),
        "ACQ:SOUR#:DATA:Old:N?": lambda channel, n: acq.data(int(channel), count=int(n)),
        "ACQ:SOUR#:DATA:LATest:N?": lambda channel, n: acq.data(int(channel), count=int(n), newest=True),
        "ACQ:SOUR#:DATA:STArt:N?": lambda channel, at, n: acq.data(int(channel), int(at), int(n)),
    }
