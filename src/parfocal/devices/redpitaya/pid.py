"""A PID controller. This gateware has a proportional and an integral gain, and no derivative one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.arguments import Wait, takes, uncancelled
from parfocal.devices.redpitaya.board import ModuleRegisters, SlotModule, check_all, settings_of
from parfocal.devices.redpitaya.filters import Filter, max_shift
from parfocal.devices.redpitaya.memory_map import INPUT, OUTPUT, TICK_S, OutputPlace, SignalName, slot_base
from parfocal.devices.redpitaya.registers import Field, Flag, Register, volts
from parfocal.devices.redpitaya.sampler import Sampler

INTEGRATOR = volts("integrator_v", 0x100, bits=16, low=-4, high=4, volatile=True)
SETPOINT = volts("setpoint_v", 0x104)
PROPORTIONAL = Register(name="p", offset=0x108, bits=24, signed=True, scale=1 << 12)
INTEGRAL = Register(
    name="i_hz", offset=0x10C, bits=24, signed=True, scale=2 * math.pi * TICK_S * 2**32, unit="Hz"
)
FILTER = Filter(name="input_filter_hz", offset=0x120, stages=4, shifts=max_shift(10))
LOW = volts("min_v", 0x124)
HIGH = volts("max_v", 0x128)
DIFFERENTIAL = Flag(name="differential", offset=0x12C, low_bit=3, shared=True)
_PLAIN = (LOW, HIGH, DIFFERENTIAL, FILTER, PROPORTIONAL, INTEGRAL, INTEGRATOR, OUTPUT)
_LOOK_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class PidSettings:
    """What is to be changed of a controller; what is None stays as it is.

    Attributes
    ----------
    setpoint_v : float
        What the filtered input should be, in volts at its connector. It stays the same when the input is
        changed to one with another calibration.
    p : float
        Proportional gain.
    i_hz : float
        Frequency at which the integral gain is 1.
    d : float
        Refused unless it is 0: this gateware has no derivative gain.
    input, output : str
        The signal it looks at; where it goes: "off", "out1", "out2" or "both".
    min_v, max_v : float
        Limits of its output.
    input_filter_hz : sequence of float
        Corners of up to four stages: positive low-pass, negative high-pass, 0 off.
    integrator_v : float
        Put into the integrator, -4 to 4 V.
    differential : bool
        Take the filtered input of the other one (of pid0 and pid1) for the setpoint.
    paused : bool
        Hold the gains at 0; the output stays where its integrator is.
    """

    setpoint_v: float | None = None
    p: float | None = None
    i_hz: float | None = None
    d: float | None = None
    input: SignalName | None = None
    output: OutputPlace | None = None
    min_v: float | None = None
    max_v: float | None = None
    input_filter_hz: list[float] | None = None
    integrator_v: float | None = None
    differential: bool | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PidState:
    """What a controller is set to, as read back."""

    pid: str
    setpoint_v: float
    p: float
    i_hz: float
    input: str
    output: str
    min_v: float
    max_v: float
    input_filter_hz: tuple[float, ...]
    integrator_v: float
    differential: bool
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """How near a controller's input is to its setpoint.

    Attributes
    ----------
    deviation_v : float
        Input minus setpoint, in volts; at the end the largest one of the last `held_s`.
    held_s : float
        For how long it has been near enough, in seconds.
    waited_s : float
        For how long that was waited for, in seconds.
    """

    deviation_v: float
    held_s: float
    waited_s: float


class Pid(SlotModule):
    """One of three controllers: output = p e + 2 pi i_hz (integral of e), e = filtered input - setpoint.

    So a loop whose plant has a positive gain wants negative p and i_hz. The setpoint is in volts at the
    input's connector, as it is calibrated; in the formula, e is in volts at the converter behind it (with a
    calibration's gain of 20, a twentieth).
    """

    kind, count = "pid", 3

    @takes(PidSettings)
    def configure(self, asked: PidSettings) -> PidState:
        """Set what is given; the rest stays as it is. Returns what the board made of it.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        """
        if asked.d:
            raise BadInputError(
                f"d = {asked.d!r}: this gateware has no derivative gain; leave d out, and use p and i_hz"
            )
        if asked.differential and self.name == "pid2":
            raise BadInputError("differential = True: only pid0 and pid1 are a pair")
        wanted = self._setpoint_and_input(asked.setpoint_v, asked.input) | settings_of(_PLAIN, asked)
        check_all(wanted)
        self._check_limits(asked.min_v, asked.max_v)
        self.set_all(wanted)
        if asked.paused is not None:
            self.hold(asked.paused)
        return self.state()

    def set_setpoint(self, setpoint_v: float) -> float:
        """Set the setpoint; returns what the board made of it."""
        return self.set(self._setpoint(), setpoint_v)

    def setpoint(self) -> float:
        """Return the setpoint, read from the board."""
        return self.get(self._setpoint())

    def settle(
        self, within_v: float = 0.01, for_s: float = 0.1, *, wait: Wait = uncancelled
    ) -> Iterator[Settling]:
        """Wait until the input has been near the setpoint for a while, yielding how far that is.

        The input is read every 2 ms, as it is before the controller's filters.

        Parameters
        ----------
        within_v : float
            How near is near enough, in volts at the input's connector; its noise counts.
        for_s : float
            For how long it has to be, without a break, in seconds.
        wait : callable
            Waits, and raises when it is no longer wanted.

        Raises
        ------
        BadInputError
            If a value cannot be used, or the controller has no input: before anything is waited for.
        """
        if not 0 < within_v < math.inf:
            raise BadInputError(f"within_v = {within_v!r} V must be positive")
        if not 0 <= for_s < math.inf:
            raise BadInputError(f"for_s = {for_s!r} s must be 0 or positive")
        if self.get(INPUT) == "off":
            raise BadInputError(f"{self.name} has no input that could settle: configure one first")
        return self._settle(within_v, for_s, wait)

    def off(self) -> None:
        """Silence a controller: no output, no gains, an empty integrator."""
        self.set_all({OUTPUT: "off", PROPORTIONAL: 0.0, INTEGRAL: 0.0, INTEGRATOR: 0.0})

    def state(self) -> PidState:
        """Return what a controller is set to, and what its integrator holds, read from the board."""
        return PidState(
            pid=self.name,
            setpoint_v=self.setpoint(),
            paused=self.is_held,
            **self.get_all((INPUT, *_PLAIN)),
        )

    restore = configure

    def _setpoint(self, signal: str | None = None) -> Register:
        return SETPOINT.calibrated(self.calibration(signal))

    def _setpoint_and_input(self, setpoint_v: float | None, input: str | None) -> dict[Field[Any], Any]:
        """Return what to write for both: the setpoint is kept in volts if only the input changes."""
        if input is None:
            return {} if setpoint_v is None else {self._setpoint(): setpoint_v}
        INPUT.encode(input)
        if setpoint_v is None and self.calibration() != self.board.calibration(input):
            setpoint_v = self.setpoint()
        return {self._setpoint(input): setpoint_v, INPUT: input}

    def _check_limits(self, min_v: float | None, max_v: float | None) -> None:
        """Refuse limits that no output can keep; one that is not given is as the board has it."""
        if min_v is None and max_v is None:
            return
        low = self.get(LOW) if min_v is None else min_v
        high = self.get(HIGH) if max_v is None else max_v
        if low > high:
            raise BadInputError(f"min_v = {low!r} V is above max_v = {high!r} V")

    def _settle(self, within_v: float, for_s: float, wait: Wait) -> Iterator[Settling]:
        begin_ns = self._clock.monotonic_ns()
        since_ns: int | None = None
        largest_v = 0.0
        while True:
            deviation_v = self._deviation()
            now_ns = self._clock.monotonic_ns()
            if abs(deviation_v) > within_v:
                since_ns, largest_v = None, 0.0
            else:
                since_ns = now_ns if since_ns is None else since_ns
                largest_v = max(largest_v, deviation_v, key=abs)
            held_s = 0.0 if since_ns is None else (now_ns - since_ns) / 1e9
            settled = since_ns is not None and held_s >= for_s
            yield Settling(
                deviation_v=largest_v if settled else deviation_v,
                held_s=held_s,
                waited_s=(now_ns - begin_ns) / 1e9,
            )
            if settled:
                return
            wait(_LOOK_S)

    def _deviation(self) -> float:
        """Return input minus setpoint now; of a differential controller, minus the other's input."""
        sampler = Sampler(self.board)
        input_v = sampler.read(self.get(INPUT))
        if not self.get(DIFFERENTIAL):
            return input_v - self.setpoint()
        other = ModuleRegisters(self.board, slot_base("pid1" if self.name == "pid0" else "pid0"))
        return input_v - sampler.read(other.get(INPUT))
