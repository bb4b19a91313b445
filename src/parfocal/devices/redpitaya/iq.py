"""An IQ module: a sine on an output, and an input demodulated with it: a lock-in or network analyser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError, DeviceTimeoutError
from parfocal.devices.redpitaya.arguments import Wait, takes, uncancelled
from parfocal.devices.redpitaya.board import SlotModule, check_all, settings_of
from parfocal.devices.redpitaya.filters import Filter, max_shift
from parfocal.devices.redpitaya.memory_map import (
    CLOCK_HZ,
    INPUT,
    OUTPUT,
    TICK_S,
    OutputPlace,
    SignalName,
    frequency,
)
from parfocal.devices.redpitaya.registers import Angle, Choice, Count, Field, Register, volts

_TICKS = 1 << 32
OutputSignal = Literal["quadrature", "output_direct", "pfd", "off"]
OUTPUT_SIGNALS: dict[str, int] = {name: number for number, name in enumerate(get_args(OutputSignal))}
FLAGS = Count(name="flags", offset=0x100, low_bit=1, bits=5, shared=True)
PHASE = Angle(name="phase_deg", offset=0x104, sign=-1)
FREQUENCY = frequency("frequency_hz", 0x108, bits=32, volatile=True)
SIGNAL = Choice(name="output_signal", offset=0x10C, options=OUTPUT_SIGNALS)
GAIN = Register(name="gain", offset=0x110, bits=18, signed=True, scale=8 * 2**8)
GAIN_AGAIN = Register(name="gain", offset=0x11C, bits=18, signed=True, scale=8 * 2**8)
AMPLITUDE = volts("amplitude_v", 0x114, bits=18, scale=1 << 17, low=0)
FACTOR = Register(name="quadrature_factor", offset=0x118, bits=18, signed=True)
INPUT_FILTER = Filter(name="acbandwidth_hz", offset=0x120, bits=8, stages=1, shifts=max_shift(50))
FILTER = Filter(name="bandwidth_hz", offset=0x124, bits=16, stages=2, shifts=max_shift(10))
AVERAGES = Count(name="averages", offset=0x130, low=1)
AVERAGING = Register(name="averaging_s", offset=0x130, scale=CLOCK_HZ, unit="s", low=TICK_S)
SETTLING = Register(name="settling_s", offset=0x134, scale=CLOCK_HZ, unit="s")
_PLAIN = (INPUT, SIGNAL, PHASE, GAIN, FACTOR, AMPLITUDE, FREQUENCY, OUTPUT)
SUMS = 0x140

_BUSY = 1 << 31
_VOLTS_OF_SUM = 4 * 2.0**-24
_LATE_S = 1.0
_POLL_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class IqSettings:
    """What a module is set up with.

    Attributes
    ----------
    frequency_hz, amplitude_v : float
        Of the sine that goes out, and with which the input is demodulated.
    input, output : str
        The signal to demodulate; where the module's output goes: "off", "out1", "out2" or "both".
    output_signal : str
        What the output is: "output_direct" (the sine), "quadrature" (demodulated), "pfd" or "off".
    phase_deg : float
        Of the demodulation, relative to the sine.
    bandwidth_hz : float or list of two
        Corners of the low-pass behind the demodulation, 0 for none.
    acbandwidth_hz : float
        Corner of the high-pass before it, 0 for none.
    gain : float
        With which the demodulated signal is modulated again, onto the output: a band-pass. From converter
        to converter, as all that stays on the board: a calibration does not change it.
    quadrature_factor : float
        Amplification of the demodulated signal, a whole number.
    """

    frequency_hz: float = 1e3
    amplitude_v: float = 0.0
    input: SignalName = "in1"
    output: OutputPlace = "off"
    output_signal: OutputSignal = "output_direct"
    phase_deg: float = 0.0
    bandwidth_hz: list[float] | float = 100.0
    acbandwidth_hz: float = 0.0
    gain: float = 0.0
    quadrature_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IqState:
    """What a module is set to, as read back."""

    iq: str
    frequency_hz: float
    amplitude_v: float
    phase_deg: float
    bandwidth_hz: tuple[float, ...]
    acbandwidth_hz: float
    gain: float
    quadrature_factor: float
    input: str
    output: str
    output_signal: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IqMeasurement:
    """One demodulation, averaged.

    Attributes
    ----------
    frequency_hz : float
        As the board has it.
    i_v, q_v : float
        In phase and in quadrature with the module's sine, in volts at the input's connector: the input's part
        at the frequency is ``i_v sin(wt) + q_v cos(wt)``.
    amplitude_v : float
        Of the module's sine.
    averages : int
        Ticks of 8 ns that were averaged.
    """

    frequency_hz: float
    i_v: float
    q_v: float
    amplitude_v: float
    averages: int

    @property
    def transfer(self) -> complex:
        """Input over output, a complex number; nan if no sine goes out."""
        if self.amplitude_v == 0:
            return complex("nan")
        return complex(self.i_v, self.q_v) / self.amplitude_v


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A network analyser's curve.

    Attributes
    ----------
    frequency_hz : ndarray of float64
        As the board had them.
    transfer : ndarray of complex128
        Input over the module's sine, at each frequency.
    """

    frequency_hz: NDArray[np.float64]
    transfer: NDArray[np.complex128]

    @classmethod
    def of(cls, points: list[IqMeasurement]) -> Sweep:
        """Return the curve through some points."""
        return cls(
            np.array([point.frequency_hz for point in points], np.float64),
            np.array([point.transfer for point in points], np.complex128),
        )


class Iq(SlotModule):
    """One of three modules. A measurement, and each point of a sweep, has the module for itself."""

    kind, count = "iq", 3

    @takes(IqSettings)
    def setup(self, asked: IqSettings) -> IqState:
        """Set up a module, and switch it on. Returns what the board made of it.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        """
        if asked.acbandwidth_hz < 0:
            raise BadInputError(
                f"acbandwidth_hz = {asked.acbandwidth_hz!r} Hz is negative; it is a high-pass in any case"
            )
        corners = asked.bandwidth_hz
        settings: dict[Field[Any], Any] = {
            FLAGS: 0,
            INPUT_FILTER: [-asked.acbandwidth_hz],
            FILTER: [corners] if isinstance(corners, int | float) else corners,
            GAIN_AGAIN: asked.gain,
            **settings_of(_PLAIN, asked),
        }
        check_all(settings)
        self.off()
        self.set_all(settings)
        self.hold(False)
        return self.state()

    restore = setup

    def set_amplitude(self, amplitude_v: float) -> float:
        """Change the sine's amplitude; returns what the board made of it."""
        return self.set(AMPLITUDE, amplitude_v)

    def measure(
        self,
        *,
        frequency_hz: float | None = None,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
        wait: Wait = uncancelled,
    ) -> IqMeasurement:
        """Change the frequency if one is given, wait `settling_s`, demodulate for `averaging_s`.

        Parameters
        ----------
        frequency_hz : float, optional
            Change to it first.
        averaging_s, settling_s : float
            In seconds. An averaging longer than a cycle of the sine is rounded to whole cycles, so that its
            double frequency averages out.
        wait : callable
            Waits, and raises when the measurement is no longer wanted.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        DeviceTimeoutError
            If the board is still averaging 1 s after it should have ended.
        """
        check_all({AVERAGING: averaging_s, SETTLING: settling_s, FREQUENCY: frequency_hz})
        frequency_hz = self.get(FREQUENCY) if frequency_hz is None else frequency_hz
        averages = _whole_cycles(averaging_s, frequency_hz)
        gain = self.calibration().gain
        self.set(AVERAGES, averages)
        settling_s = self.set(SETTLING, settling_s)
        # Writing the frequency starts the averaging, be it the same.
        frequency_hz = self.set(FREQUENCY, frequency_hz)
        i_sum, q_sum = self._sums(averages * TICK_S + settling_s, wait)
        return IqMeasurement(
            frequency_hz=frequency_hz,
            i_v=i_sum / averages * _VOLTS_OF_SUM * gain,
            q_v=q_sum / averages * _VOLTS_OF_SUM * gain,
            amplitude_v=self.get(AMPLITUDE),
            averages=averages,
        )

    def sweep(
        self,
        frequencies_hz: list[float],
        *,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
        wait: Wait = uncancelled,
    ) -> Iterator[IqMeasurement]:
        """Measure at one frequency after another, yielding each point when it is there.

        Parameters
        ----------
        frequencies_hz : list of float
            Which frequencies, 0 to 62.5 MHz.
        averaging_s, settling_s : float
            Of each point, in seconds; as for a single measurement.
        wait : callable
            Waits, and raises when the sweep is no longer wanted.

        Raises
        ------
        BadInputError
            If there is no frequency, or one is out of range: before the first point.
        """
        wanted = list(frequencies_hz)
        if not wanted:
            raise BadInputError("frequencies_hz is empty; name some, such as [1e3, 1e4]")
        for frequency_hz in wanted:
            FREQUENCY.encode(frequency_hz)
        return (
            self.measure(frequency_hz=each, averaging_s=averaging_s, settling_s=settling_s, wait=wait)
            for each in wanted
        )

    def off(self) -> None:
        """Silence a module.

        Nothing goes out, its sine has no amplitude, and its phase is held.
        """
        self.set_all({OUTPUT: "off", AMPLITUDE: 0.0})
        self.hold(True)

    def state(self) -> IqState:
        """Return what a module is set to, read from the board."""
        return IqState(
            iq=self.name,
            acbandwidth_hz=abs(self.get(INPUT_FILTER)[0]),
            on=not self.is_held,
            **self.get_all((FILTER, *_PLAIN)),
        )

    def _sums(self, length_s: float, wait: Wait) -> tuple[int, int]:
        begin_ns = self._clock.monotonic_ns()
        wait(length_s)
        while True:
            words = self.board.read_words(self.base + SUMS, 4)
            if not any(word & _BUSY for word in words):
                return _signed62(words[0], words[1]), _signed62(words[2], words[3])
            waited_s = (self._clock.monotonic_ns() - begin_ns) * 1e-9
            if waited_s > length_s + _LATE_S:
                raise DeviceTimeoutError(
                    f"{self.name} is still averaging after {waited_s:.3g} s instead of {length_s:.3g} s"
                )
            wait(_POLL_S)


def _signed62(low: int, high: int) -> int:
    total = high << 31 | low
    return total - (1 << 62) if total >> 61 else total


def _whole_cycles(averaging_s: float, frequency_hz: float) -> int:
    """Return the ticks of `averaging_s`, rounded to whole cycles if there is one.

    Examples
    --------
    >>> _whole_cycles(0.0101, 1e3), _whole_cycles(1e-4, 1e3)
    (1250000, 12500)
    """
    cycles = round(averaging_s * frequency_hz)
    return min(round(cycles / frequency_hz / TICK_S) if cycles else round(averaging_s / TICK_S), _TICKS - 1)
