"""A generator: waveforms, tables and bursts on an output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.redpitaya.arguments import takes
from parfocal.devices.redpitaya.board import Board, ModuleRegisters, SlotModule, check_all, settings_of
from parfocal.devices.redpitaya.memory_map import (
    ASG,
    OUTPUT,
    SAMPLES,
    OutputPlace,
    frequency,
)
from parfocal.devices.redpitaya.registers import Angle, Choice, Count, Field, Register, volts
from parfocal.devices.redpitaya.waveforms import Waveform, table, words

CONTROL = 0x0
WRAPS, RESET, ZERO, RANDOM_PHASE = 1 << 4, 1 << 6, 1 << 7, 1 << 12
AsgTrigger = Literal["off", "immediately", "ext_positive_edge", "ext_negative_edge"]
TRIGGERS: dict[str, int] = {name: number for number, name in enumerate(get_args(AsgTrigger))}
TRIGGER = Choice(name="trigger_source", offset=CONTROL, bits=3, options=TRIGGERS)
_ALL_BITS = 0xFFFF

AMPLITUDE = volts("amplitude_v", 0x4, signed=False, low=0, shared=True)
OFFSET = volts("offset_v", 0x4, low_bit=16, shared=True)
WRAP = Count(name="wrap", offset=0x8, bits=30)
PHASE = Angle(name="phase_deg", offset=0xC, bits=30)
FREQUENCY = frequency("frequency_hz", 0x10, bits=30)
CYCLES = Count(name="cycles_per_burst", offset=0x18)
BURSTS = Count(name="bursts", offset=0x1C, bits=16, low=1, base=1)
BURST_DELAY = Register(name="burst_delay_s", offset=0x20, scale=1e6, unit="s")
_PLAIN = (FREQUENCY, AMPLITUDE, OFFSET, CYCLES, BURSTS, BURST_DELAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsgSettings:
    """What a generator is set up with.

    Attributes
    ----------
    waveform : str
        "sin", "cos", "ramp", "halframp", "square", "dc", "noise" or "arbitrary".
    frequency_hz : float
        Cycles a second.
    amplitude_v, offset_v : float
        Half of peak to peak, and the middle, in volts; together within the output's 1 V.
    phase_deg : float
        Where a trigger starts the cycle.
    output : str
        "off", "out1", "out2" or "both". The signal is on the board's bus in any case.
    trigger_source : str
        "immediately", "ext_positive_edge", "ext_negative_edge", or "off": armed for `trigger`.
    cycles_per_burst : int
        Cycles after a trigger; 0: for ever.
    bursts : int
        How many bursts a trigger starts, 1 to 65536.
    burst_delay_s : float
        From the end of a burst to the next, in steps of 1 us; at least 1 us if there are several.
    samples : array_like, optional
        16384 values from -1 to 1, for "arbitrary".
    """

    waveform: Waveform = field(default="sin", kw_only=False)
    frequency_hz: float = 1e3
    amplitude_v: float = 0.0
    offset_v: float = 0.0
    phase_deg: float = 0.0
    output: OutputPlace = "off"
    trigger_source: AsgTrigger = "immediately"
    cycles_per_burst: int = 0
    bursts: int = 1
    burst_delay_s: float = 0.0
    samples: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsgState:
    """What a generator is set to, as read back."""

    channel: str
    waveform: str
    frequency_hz: float
    amplitude_v: float
    offset_v: float
    phase_deg: float
    cycles_per_burst: int
    bursts: int
    burst_delay_s: float
    trigger_source: str
    output: str
    running: bool


class Asg(SlotModule):
    """One of two generators.

    Both share a control word, so its bits are changed under a mask; and a trigger is taken back as soon as
    it is given, so that no change by the other one repeats it.
    """

    kind, count = "asg", 2

    def __init__(self, board: Board, channel: int) -> None:
        super().__init__(board, channel)
        self._registers = ModuleRegisters(board, ASG + 0x20 * channel)
        self._table_address = ASG + 0x10000 * (channel + 1)
        self._shift = 16 * channel
        self._waveform = "unknown"
        self._table_phase_deg = 0.0
        self._trigger_source = "off"
        self._is_off = False
        board.never_repeat(ASG + CONTROL, TRIGGER.mask << self._shift, TRIGGERS["immediately"] << self._shift)

    @takes(AsgSettings)
    def setup(self, asked: AsgSettings) -> AsgState:
        """Set up a generator from silence, and trigger it. Returns what the board made of it.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        """
        values = table(asked.waveform, asked.samples)
        check_all({TRIGGER: asked.trigger_source, PHASE: asked.phase_deg, OUTPUT: asked.output})
        _check_range(asked.amplitude_v, asked.offset_v, asked.waveform)
        _check_bursts(asked.cycles_per_burst, asked.bursts, asked.burst_delay_s)
        # A cycle ends with the table. So that bursts have whole cycles, the table begins at the start phase.
        shift = round(asked.phase_deg / 360 * SAMPLES) % SAMPLES if asked.cycles_per_burst else 0
        phase_deg = 0.0 if asked.cycles_per_burst else asked.phase_deg
        settings: dict[Field[Any], Any] = {
            WRAP: (1 << WRAP.bits) - 1,
            PHASE: phase_deg,
            **settings_of(_PLAIN, asked),
        }
        check_all(settings)
        self._control(_ALL_BITS, ZERO | RESET)
        self._registers.set_all(settings)
        self.board.link.write(self._table_address, words(np.roll(values, -shift)))
        self._waveform, self._table_phase_deg = asked.waveform, shift * 360 / SAMPLES
        self.set(OUTPUT, asked.output)
        self._control(_ALL_BITS, WRAPS | (RANDOM_PHASE if asked.waveform == "noise" else 0))
        self._is_off = False
        self._arm(asked.trigger_source)
        return self.state()

    restore = setup

    def set_frequency(self, frequency_hz: float) -> float:
        """Change the frequency without a jump in phase; returns what the board made of it."""
        return self._registers.set(FREQUENCY, frequency_hz)

    def set_amplitude(self, amplitude_v: float) -> float:
        """Change the amplitude; returns what the board made of it."""
        AMPLITUDE.encode(amplitude_v)
        _check_range(amplitude_v, self._registers.get(OFFSET), self._waveform)
        return self._registers.set(AMPLITUDE, amplitude_v)

    def set_offset(self, offset_v: float) -> float:
        """Change the offset; returns what the board made of it."""
        OFFSET.encode(offset_v)
        _check_range(self._registers.get(AMPLITUDE), offset_v, self._waveform)
        return self._registers.set(OFFSET, offset_v)

    def trigger(self) -> None:
        """Start the waveform, or its bursts, from the start phase. Never repeated by itself.

        What plays begins anew.

        Raises
        ------
        DeviceError
            If the generator is off, or the board did not confirm the trigger.
        """
        if self._is_off:
            raise DeviceError(f"{self.name} is off, so a trigger starts nothing: set it up first")
        self._fire()

    def off(self) -> None:
        """Silence a generator.

        Nothing goes out, its level is 0, and it stands still.
        """
        self.set(OUTPUT, "off")
        self._control(_ALL_BITS, ZERO | RESET)
        self._trigger_source, self._is_off = "off", True

    def state(self) -> AsgState:
        """Return what a generator is set to, read from the board."""
        bits = self.board.read_word(ASG + CONTROL) >> self._shift
        return AsgState(
            channel=self.name,
            waveform=self._waveform,
            phase_deg=self._registers.get(PHASE) + self._table_phase_deg,
            trigger_source=self._trigger_source,
            output=self.get(OUTPUT),
            running=not bits & (ZERO | RESET),
            **self._registers.get_all(_PLAIN),
        )

    def _arm(self, trigger_source: str) -> None:
        self._trigger_source = trigger_source
        if trigger_source == "immediately":
            self._fire()
        else:
            self._control(TRIGGER.mask, TRIGGERS[trigger_source])

    def _fire(self) -> None:
        armed = 0 if self._trigger_source == "immediately" else TRIGGERS[self._trigger_source]
        self._strobe(RESET, RESET)
        self._strobe(TRIGGER.mask, TRIGGERS["immediately"], then=armed)

    def _control(self, mask: int, bits: int) -> None:
        self.board.modify(ASG + CONTROL, mask << self._shift, bits << self._shift)

    def _strobe(self, mask: int, bits: int, then: int = 0) -> None:
        shift = self._shift
        self.board.strobe(ASG + CONTROL, mask << shift, bits << shift, then=then << shift)


def _check_bursts(cycles: int, bursts: int, delay_s: float) -> None:
    BURSTS.encode(bursts)
    BURST_DELAY.encode(delay_s)
    if bursts > 1 and cycles < 1:
        raise BadInputError(f"bursts = {bursts!r} without an end: give cycles_per_burst too")
    if bursts > 1 and round(delay_s * BURST_DELAY.scale) < 1:
        raise BadInputError(
            f"burst_delay_s = {delay_s!r} s: several bursts need at least 1e-06 s between them"
        )


def _check_range(amplitude_v: float, offset_v: float, waveform: str) -> None:
    swing_v = 0.0 if waveform == "dc" else abs(amplitude_v)
    if swing_v + abs(offset_v) > 1:
        raise BadInputError(
            f"amplitude_v = {amplitude_v!r} V around offset_v = {offset_v!r} V reaches "
            f"{swing_v + abs(offset_v):g} V; the outputs end at 1 V"
        )
