"""Where the modules lie, and what the signals on the board's bus are called."""

from __future__ import annotations

from typing import Any, Literal, get_args

from parfocal.core.errors import BadInputError, nearest
from parfocal.devices.redpitaya.registers import Choice, Register, volts

CLOCK_HZ = 125_000_000
TICK_S = 8e-9
COUNTS_PER_V = 8192
SAMPLES = 16384
"""Length of a scope buffer, and of a generator's table."""

HK = 0x40000000
SCOPE = 0x40100000
ASG = 0x40200000
DSP = 0x40300000
AMS = 0x40400000

# fmt: off
SignalName = Literal[
    "pid0", "pid1", "pid2", "trig", "iir", "iq0", "iq1", "iq2",
    "asg0", "asg1", "in1", "in2", "out1", "out2", "iq2_2", "off",
]
# fmt: on
SIGNALS: dict[str, int] = {name: slot for slot, name in enumerate(get_args(SignalName))}
"""Slots of the bus by name. Slots 8 and 9 give the generators' signals, and their inputs are the scope's."""

OutputPlace = Literal["off", "out1", "out2", "both"]
OUTPUTS: dict[str, int] = {name: number for number, name in enumerate(get_args(OutputPlace))}

INPUT = Choice(name="input", offset=0x0, options=SIGNALS)
OUTPUT = Choice(name="output", offset=0x4, bits=2, options=OUTPUTS)
CURRENT = volts("signal", 0x10, access="ro")


def frequency(name: str, offset: int, *, bits: int, **others: Any) -> Register:
    """Return a register for the step of a phase accumulator with so many bits: 0 to 62.5 MHz."""
    scale = (1 << bits) / CLOCK_HZ
    return Register(name=name, offset=offset, bits=bits, scale=scale, unit="Hz", high=CLOCK_HZ / 2, **others)


def slot_base(signal: str) -> int:
    """Return the base address of a signal's slot.

    Examples
    --------
    >>> hex(slot_base("iq0"))
    '0x40350000'
    """
    if signal not in SIGNALS:
        raise BadInputError(f"signal {signal!r}: {nearest(signal, SIGNALS)}")
    return DSP + 0x10000 * SIGNALS[signal]
