"""A PID controller. This gateware has a proportional and an integral gain, and no derivative one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya import filters
from parfocal.devices.redpitaya.board import Bank, Board, check_all
from parfocal.devices.redpitaya.memory_map import (
    DSP,
    INPUT,
    OUTPUT,
    SIGNALS,
    SYNC_OFFSET,
    TICK_S,
    numbered,
    slot_base,
)
from parfocal.devices.redpitaya.registers import Choice, Register, volts

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT = 3
INTEGRATOR = Register(
    name="integrator_v",
    offset=0x100,
    bits=16,
    signed=True,
    scale=8192,
    unit="V",
    low=-4,
    high=4,
    volatile=True,
)
SETPOINT = volts("setpoint_v", 0x104)
PROPORTIONAL = Register(name="p", offset=0x108, bits=24, signed=True, scale=1 << 12)
INTEGRAL = Register(
    name="i_hz", offset=0x10C, bits=24, signed=True, scale=2 * math.pi * TICK_S * 2**32, unit="Hz"
)
FILTER = Register(name="input_filter", offset=0x120)
LOW = volts("min_v", 0x124)
HIGH = volts("max_v", 0x128)
FROZEN = Register(name="gains frozen while paused", offset=0x12C, bits=3, shared=True)
DIFFERENTIAL = Register(name="differential", offset=0x12C, low_bit=3, bits=1, shared=True)
_FILTER_STAGES, _FILTER_SHIFTS = 4, filters.max_shift(10)


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


class Pid:
    """One of three controllers: output = p e + 2 pi i_hz (integral of e), e = filtered input - setpoint.

    So a loop whose plant has a positive gain wants negative p and i_hz.

    Parameters
    ----------
    board : Board
        Whose controller.
    index : int
        0, 1 or 2.
    """

    def __init__(self, board: Board, index: int) -> None:
        self.name = numbered("pid", index, COUNT)
        self._board = board
        self._bank = Bank(board, slot_base(self.name))
        self._sync_bit = 1 << SIGNALS[self.name]

    def configure(
        self,
        *,
        setpoint_v: float | None = None,
        p: float | None = None,
        i_hz: float | None = None,
        d: float | None = None,
        input: str | None = None,
        output: str | None = None,
        min_v: float | None = None,
        max_v: float | None = None,
        input_filter_hz: Sequence[float] | None = None,
        integrator_v: float | None = None,
        differential: bool | None = None,
        paused: bool | None = None,
    ) -> PidState:
        """Set what is given; the rest stays as it is.

        Parameters
        ----------
        setpoint_v : float
            What the filtered input should be, in volts.
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

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        """
        if d:
            raise BadInputError(
                f"d = {d!r}: this gateware has no derivative gain; leave d out, and use p and i_hz"
            )
        wanted: dict[Register | Choice, float | str | None] = {
            SETPOINT: setpoint_v,
            LOW: min_v,
            HIGH: max_v,
            INPUT: input,
            DIFFERENTIAL: differential,
            FILTER: None if input_filter_hz is None else _filter_word(input_filter_hz),
            PROPORTIONAL: p,
            INTEGRAL: i_hz,
            INTEGRATOR: integrator_v,
            OUTPUT: output,
        }
        given = {register: value for register, value in wanted.items() if value is not None}
        check_all(given)
        if differential and self.name == "pid2":
            raise BadInputError("differential = True: only pid0 and pid1 are a pair")
        for register, value in given.items():
            self._bank.set(register, value)
        if paused is not None:
            self._board.modify(DSP + SYNC_OFFSET, self._sync_bit, 0 if paused else self._sync_bit)
        return self.state()

    def set_setpoint(self, setpoint_v: float) -> float:
        """Set the setpoint; return what the board made of it."""
        return self._bank.set(SETPOINT, setpoint_v)

    def setpoint(self) -> float:
        """Return the setpoint, in volts."""
        return self._bank.get(SETPOINT)

    def integrator(self) -> float:
        """Return what the integrator holds now, in volts."""
        return self._bank.get(INTEGRATOR)

    def off(self) -> None:
        """Silence: no output, no gains, an empty integrator."""
        self._bank.set(OUTPUT, "off")
        self._bank.set(PROPORTIONAL, 0.0)
        self._bank.set(INTEGRAL, 0.0)
        self._bank.set(INTEGRATOR, 0.0)

    def state(self) -> PidState:
        """Return what it is set to now."""
        word = int(self._bank.get(FILTER))
        return PidState(
            pid=self.name,
            setpoint_v=self.setpoint(),
            p=self._bank.get(PROPORTIONAL),
            i_hz=self._bank.get(INTEGRAL),
            input=self._bank.get(INPUT),
            output=self._bank.get(OUTPUT),
            min_v=self._bank.get(LOW),
            max_v=self._bank.get(HIGH),
            input_filter_hz=filters.decode(word, stages=_FILTER_STAGES, shifts=_FILTER_SHIFTS),
            integrator_v=self.integrator(),
            differential=bool(self._bank.get(DIFFERENTIAL)),
            paused=not self._board.read_word(DSP + SYNC_OFFSET) & self._sync_bit,
        )


def _filter_word(corners_hz: Sequence[float]) -> int:
    return filters.encode(corners_hz, stages=_FILTER_STAGES, shifts=_FILTER_SHIFTS, name="input_filter_hz")
