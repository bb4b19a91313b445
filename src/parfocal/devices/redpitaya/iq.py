"""An IQ module: a sine out, a demodulated signal in, and their ratio: a lock-in or network analyser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, DeviceTimeoutError
from parfocal.devices.redpitaya import filters
from parfocal.devices.redpitaya.board import Bank, Board, check_all
from parfocal.devices.redpitaya.memory_map import (
    CLOCK_HZ,
    DSP,
    INPUT,
    OUTPUT,
    SIGNALS,
    SYNC_OFFSET,
    TICK_S,
    numbered,
    slot_base,
)
from parfocal.devices.redpitaya.pacing import Wait, uncancelled
from parfocal.devices.redpitaya.registers import Choice, Register

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from parfocal.core.clock import Clock

COUNT = 3
OUTPUT_SIGNALS = {"quadrature": 0, "output_direct": 1, "pfd": 2, "off": 3}
_TURN = 1 << 32

FLAGS = Register(name="flags", offset=0x100, low_bit=1, bits=5, shared=True)
PHASE = Register(name="phase", offset=0x104)
FREQUENCY = Register(
    name="frequency_hz",
    offset=0x108,
    scale=_TURN / CLOCK_HZ,
    unit="Hz",
    low=0,
    high=CLOCK_HZ / 2,
    volatile=True,
)
SIGNAL = Choice(name="output_signal", offset=0x10C, options=OUTPUT_SIGNALS)
GAIN = Register(name="gain", offset=0x110, bits=18, signed=True, scale=8 * 2**8)
GAIN_AGAIN = Register(name="gain", offset=0x11C, bits=18, signed=True, scale=8 * 2**8)
AMPLITUDE = Register(
    name="amplitude_v", offset=0x114, bits=18, signed=True, scale=1 << 17, unit="V", low=0, high=1
)
FACTOR = Register(name="quadrature_factor", offset=0x118, bits=18, signed=True)
INPUT_FILTER = Register(name="acbandwidth_hz", offset=0x120, bits=8)
FILTER = Register(name="bandwidth_hz", offset=0x124, bits=16)
AVERAGES = Register(name="averages", offset=0x130, low=1)
SLEEP = Register(name="settling ticks", offset=0x134)
SUMS = 0x140

_BUSY = 1 << 31
_VOLTS_OF_SUM = 4 * 2.0**-24
_INPUT_SHIFTS, _SHIFTS = filters.max_shift(50), filters.max_shift(10)
_LATE_S = 1.0
_POLL_S = 0.001


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
class Measurement:
    """One demodulation, averaged.

    Attributes
    ----------
    frequency_hz : float
        As the board has it.
    i_v, q_v : float
        In phase and in quadrature with the module's sine, in volts: the input's part at the frequency is
        ``i_v sin(wt) + q_v cos(wt)``.
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


class Iq:
    """One of three modules. A measurement, and each point of a sweep, has the module for itself.

    Parameters
    ----------
    board : Board
        Whose module.
    index : int
        0, 1 or 2.
    clock : Clock
        For the time limit of a measurement.
    """

    def __init__(self, board: Board, index: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = numbered("iq", index, COUNT)
        self._board = board
        self._bank = Bank(board, slot_base(self.name))
        self._sync_bit = 1 << SIGNALS[self.name]
        self._clock = clock

    def setup(
        self,
        *,
        frequency_hz: float,
        amplitude_v: float = 0.0,
        phase_deg: float = 0.0,
        input: str = "in1",
        output: str = "off",
        output_signal: str = "output_direct",
        bandwidth_hz: float | Sequence[float] = (100.0, 100.0),
        acbandwidth_hz: float = 0.0,
        gain: float = 0.0,
        quadrature_factor: float = 1.0,
    ) -> IqState:
        """Set everything, starting from silence.

        Parameters
        ----------
        frequency_hz, amplitude_v : float
            Of the sine that goes out, and with which the input is demodulated.
        phase_deg : float
            Of the demodulation, relative to the sine.
        input, output : str
            The signal to demodulate; where the module's output goes: "off", "out1", "out2" or "both".
        output_signal : str
            What the output is: "output_direct" (the sine), "quadrature" (demodulated), "pfd" or "off".
        bandwidth_hz : float or sequence of two
            Corners of the low-pass behind the demodulation, 0 for none.
        acbandwidth_hz : float
            Corner of the high-pass before it, 0 for none.
        gain : float
            With which the demodulated signal is modulated again, onto the output: a band-pass.
        quadrature_factor : float
            Amplification of the demodulated signal, a whole number.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        """
        stages = (bandwidth_hz,) if isinstance(bandwidth_hz, int | float) else tuple(bandwidth_hz)
        if acbandwidth_hz < 0:
            raise BadInputError(
                f"acbandwidth_hz = {acbandwidth_hz!r} Hz is negative; it is a high-pass in any case"
            )
        settings: dict[Register | Choice, float | str] = {
            INPUT: input,
            SIGNAL: output_signal,
            PHASE: -round(phase_deg / 360 * _TURN) % _TURN,
            FLAGS: 0,
            GAIN: gain,
            GAIN_AGAIN: gain,
            FACTOR: quadrature_factor,
            INPUT_FILTER: filters.encode(
                [-acbandwidth_hz], stages=1, shifts=_INPUT_SHIFTS, name="acbandwidth_hz"
            ),
            FILTER: filters.encode(stages, stages=2, shifts=_SHIFTS, name="bandwidth_hz"),
            AMPLITUDE: amplitude_v,
            FREQUENCY: frequency_hz,
        }
        check_all(settings)
        OUTPUT.encode(output)
        self.off()
        for register, value in settings.items():
            self._bank.set(register, value)
        self._bank.set(OUTPUT, output)
        self._board.modify(DSP + SYNC_OFFSET, self._sync_bit, self._sync_bit)
        return self.state()

    def set_amplitude(self, amplitude_v: float) -> float:
        """Change the sine's amplitude; return what the board made of it."""
        return self._bank.set(AMPLITUDE, amplitude_v)

    def measure(
        self,
        *,
        frequency_hz: float | None = None,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
        wait: Wait = uncancelled,
    ) -> Measurement:
        """Demodulate the input for `averaging_s`, after `settling_s`, and return the mean.

        Parameters
        ----------
        frequency_hz : float, optional
            Change to it first.
        averaging_s, settling_s : float
            In seconds. An averaging longer than a turn of the sine is rounded to whole turns, so that its
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
        sleep = round(settling_s / TICK_S)
        _check_ticks("averaging_s", averaging_s, round(averaging_s / TICK_S), least=1)
        _check_ticks("settling_s", settling_s, sleep, least=0)
        if frequency_hz is not None:
            FREQUENCY.encode(frequency_hz)
        frequency_hz = self._bank.get(FREQUENCY) if frequency_hz is None else frequency_hz
        averages = _whole_turns(averaging_s, frequency_hz)
        self._bank.set(AVERAGES, averages)
        self._bank.set(SLEEP, sleep)
        # Writing the frequency starts the averaging, be it the same.
        frequency_hz = self._bank.set(FREQUENCY, frequency_hz)
        i_sum, q_sum = self._sums((averages + sleep) * TICK_S, wait)
        return Measurement(
            frequency_hz=frequency_hz,
            i_v=i_sum / averages * _VOLTS_OF_SUM,
            q_v=q_sum / averages * _VOLTS_OF_SUM,
            amplitude_v=self._bank.get(AMPLITUDE),
            averages=averages,
        )

    def sweep(
        self,
        frequencies_hz: Iterable[float],
        *,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
        wait: Wait = uncancelled,
    ) -> Iterator[Measurement]:
        """Measure at one frequency after another, yielding each point when it is there.

        Raises
        ------
        BadInputError
            If a frequency is out of range: before the first point.
        """
        wanted = list(frequencies_hz)
        for frequency_hz in wanted:
            FREQUENCY.encode(frequency_hz)
        return (
            self.measure(frequency_hz=each, averaging_s=averaging_s, settling_s=settling_s, wait=wait)
            for each in wanted
        )

    def off(self) -> None:
        """Silence: no output, no sine, held."""
        self._bank.set(OUTPUT, "off")
        self._bank.set(AMPLITUDE, 0.0)
        self._board.modify(DSP + SYNC_OFFSET, self._sync_bit, 0)

    def state(self) -> IqState:
        """Return what it is set to now."""
        words = [int(self._bank.get(register)) for register in (PHASE, INPUT_FILTER, FILTER)]
        return IqState(
            iq=self.name,
            frequency_hz=self._bank.get(FREQUENCY),
            amplitude_v=self._bank.get(AMPLITUDE),
            phase_deg=(-words[0] % _TURN) * 360 / _TURN,
            bandwidth_hz=filters.decode(words[2], stages=2, shifts=_SHIFTS),
            acbandwidth_hz=abs(filters.decode(words[1], stages=1, shifts=_INPUT_SHIFTS)[0]),
            gain=self._bank.get(GAIN),
            quadrature_factor=self._bank.get(FACTOR),
            input=self._bank.get(INPUT),
            output=self._bank.get(OUTPUT),
            output_signal=self._bank.get(SIGNAL),
            on=bool(self._board.read_word(DSP + SYNC_OFFSET) & self._sync_bit),
        )

    def _sums(self, length_s: float, wait: Wait) -> tuple[int, int]:
        begin_ns = self._clock.monotonic_ns()
        wait(length_s)
        while True:
            words = self._board.read_words(self._bank.base + SUMS, 4)
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


def _whole_turns(averaging_s: float, frequency_hz: float) -> int:
    """Return the ticks of `averaging_s`, rounded to whole turns if there is one.

    Examples
    --------
    >>> _whole_turns(0.0101, 1e3), _whole_turns(1e-4, 1e3)
    (1250000, 12500)
    """
    turns = round(averaging_s * frequency_hz)
    return min(round(turns / frequency_hz / TICK_S) if turns else round(averaging_s / TICK_S), _TURN - 1)


def _check_ticks(name: str, value_s: float, ticks: int, *, least: int) -> None:
    if not least <= ticks < _TURN:
        raise BadInputError(
            f"{name} = {value_s!r} s is outside of {least * TICK_S:g} to {(_TURN - 1) * TICK_S:g} s"
        )
