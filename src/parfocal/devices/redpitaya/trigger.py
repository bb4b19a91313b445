"""What the scope waits for: a source, and for edges a threshold and a hysteresis in volts of the signal."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import SAMPLES, TICK_S
from parfocal.devices.redpitaya.registers import Choice, Register, volts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parfocal.devices.redpitaya.board import ModuleRegisters
    from parfocal.devices.redpitaya.trace import Calibration

# fmt: off
TriggerSource = Literal[
    "off", "immediately", "ch1_positive_edge", "ch1_negative_edge", "ch2_positive_edge", "ch2_negative_edge",
    "ext_positive_edge", "ext_negative_edge", "asg0", "asg1", "dsp",
]
# fmt: on
TRIGGERS: dict[str, int] = {name: number for number, name in enumerate(get_args(TriggerSource))}
SOURCE = Choice(name="trigger_source", offset=0x4, options=TRIGGERS, volatile=True)
THRESHOLD = volts("threshold_v", 0x8)
HYSTERESIS = volts("hysteresis_v", 0x20, signed=False, low=0, high=0.999)


class Trigger(NamedTuple):
    """What the scope waits for, as read back."""

    trigger_source: str
    threshold_v: float
    hysteresis_v: float


class TriggerLevels:
    """Threshold and hysteresis, one pair for both channels, in volts of the channel that triggers.

    The board compares counts. So that the levels stay what was asked for, they are written again when an edge
    of a channel is waited for whose input has another calibration.

    Parameters
    ----------
    registers : ModuleRegisters
        Of the scope.
    channels : sequence of ModuleRegisters
        Of both channels' inputs.
    """

    def __init__(self, registers: ModuleRegisters, channels: Sequence[ModuleRegisters]) -> None:
        self._registers = registers
        self._channels = channels
        self._asked: dict[Register, float] = {}
        self._written_for: dict[Register, Calibration] = {}

    def prepare(
        self,
        source: str,
        threshold_v: float | None,
        hysteresis_v: float | None,
        inputs: Sequence[str | None] = (None, None),
    ) -> Callable[[], None]:
        """Return a function that writes the levels for a trace with this source and these inputs.

        Parameters
        ----------
        source : str
            One of `TRIGGERS`.
        threshold_v, hysteresis_v : float or None
            What is asked for; None: as it was.
        inputs : sequence of str or None
            Of both channels; None: as the board has it.

        Raises
        ------
        BadInputError
            If one of them cannot be used. Nothing was written.
        """
        SOURCE.encode(source)
        calibration = self._calibration(source, inputs)
        levels = {THRESHOLD: threshold_v, HYSTERESIS: hysteresis_v}
        wanted = {level: value for level, value in levels.items() if value is not None}
        if source.startswith("ch"):
            stale = [level for level, written_for in self._written_for.items() if written_for != calibration]
            wanted = {level: self._asked[level] for level in stale} | wanted
        for level, value in wanted.items():
            _in_volts(level, calibration).encode(value)
        return partial(self._write, wanted, calibration)

    def source_of_counts(self, source: str) -> str:
        """Return which trigger source sees `source` in counts: of an inverted input, the other edge."""
        if not source.startswith("ch") or self._calibration(source).gain > 0:
            return source
        edges = ("positive", "negative")
        return source.replace(*edges) if "positive" in source else source.replace(*edges[::-1])

    def read(self, source: str) -> Trigger:
        """Return what the board has, in volts of the channel for which it was written."""
        found = [
            self._registers.get(_in_volts(level, self._written_for.get(level) or self._calibration(source)))
            for level in (THRESHOLD, HYSTERESIS)
        ]
        return Trigger(source, *found)

    def _write(self, wanted: Mapping[Register, float], calibration: Calibration) -> None:
        for level, value in wanted.items():
            self._asked[level], self._written_for[level] = value, calibration
            self._registers.set(_in_volts(level, calibration), value)

    def _calibration(self, source: str, inputs: Sequence[str | None] = (None, None)) -> Calibration:
        channel = int(source.startswith("ch2"))
        return self._channels[channel].calibration(inputs[channel])


def check_source(source: str, delay_s: float) -> None:
    """Raise `BadInputError` unless a trace can wait for `source`, and be shifted by `delay_s` from it."""
    SOURCE.encode(source)
    if source == "off":
        raise BadInputError("trigger_source = 'off' never triggers; take 'immediately' or an edge")
    if not math.isfinite(delay_s):
        raise BadInputError(f"trigger_delay_s = {delay_s!r} s is no time")
    if source == "immediately" and delay_s:
        raise BadInputError(
            f"trigger_delay_s = {delay_s!r} s with trigger_source = 'immediately': such a trace begins with "
            "its trigger; leave the delay out, or wait for an edge"
        )


def samples_after(source: str, delay_s: float, decimation: int) -> int:
    """Return how many samples follow the trigger: all, or half of them and what the delay adds."""
    if source == "immediately":
        return SAMPLES
    after = SAMPLES // 2 + round(delay_s / (decimation * TICK_S))
    if not 1 <= after < 2**32:
        low, high = (limit * decimation * TICK_S for limit in (1 - SAMPLES // 2, 2**32 - 1 - SAMPLES // 2))
        raise BadInputError(
            f"trigger_delay_s = {delay_s!r} s is outside of {low:g} to {high:g} s at decimation {decimation}"
        )
    return after


def _in_volts(level: Register, calibration: Calibration) -> Register:
    return level.calibrated(calibration, width=level is HYSTERESIS)
