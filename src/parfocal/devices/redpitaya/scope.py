"""The scope: armed, triggered and fresh traces of two signals."""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError
from parfocal.devices.redpitaya.arguments import Wait, takes, uncancelled
from parfocal.devices.redpitaya.board import Board, ModuleRegisters, check_all
from parfocal.devices.redpitaya.memory_map import INPUT, SAMPLES, SCOPE, TICK_S, SignalName, slot_base
from parfocal.devices.redpitaya.registers import Count, Flag
from parfocal.devices.redpitaya.trace import Trace, in_order
from parfocal.devices.redpitaya.trigger import (
    SOURCE,
    Trigger,
    TriggerLevels,
    TriggerSource,
    check_source,
    samples_after,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


DECIMATIONS = tuple(1 << power for power in range(17))

CONTROL = 0x0
ARM, RESET, DELAYED = 1, 2, 4
AFTER = Count(name="samples after the trigger", offset=0x10, low=1)
DECIMATION = Count(name="decimation", offset=0x14, bits=17, low=1, high=65536)
TRIGGER_POINTER = Count(name="trigger pointer", offset=0x1C, access="ro")
AVERAGING = Flag(name="averaging", offset=0x28)
BEFORE = Count(name="samples before the trigger", offset=0x2C, access="ro")
TIME, TRIGGER_TIME = 0x15C, 0x164
BUFFERS = (0x10000, 0x20000)

_POLL_S = 0.002
_SLOW = 1024
_WRAP_MARGIN = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """Which trace is wanted; what is None stays as it is.

    Attributes
    ----------
    input, input2 : str, optional
        Signals of the channels, such as "in1" or "pid0". The second is fetched only if it is given.
    decimation : int, optional
        A sample every so many ticks of 8 ns: a power of two, 1 to 65536.
    averaging : bool, optional
        Whether a sample is the mean of its ticks, or one of them.
    trigger_source : str, optional
        What to wait for: "immediately", "ch1_positive_edge", "asg0", ...; at first "immediately".
    threshold_v, hysteresis_v : float, optional
        Of an edge, in volts of the signal that triggers; one pair serves both channels.
    trigger_delay_s : float
        From the trigger to the middle of the trace, in seconds. Refused for "immediately", whose trace
        begins with the trigger.
    timeout_s : float, optional
        How long to wait for the trigger and the samples; for ever by default.
    wait : callable
        Waits, and raises when the trace is no longer wanted: the scope is disarmed then.
    """

    input: SignalName | None = None
    input2: SignalName | None = None
    decimation: int | None = None
    averaging: bool | None = None
    trigger_source: TriggerSource | None = None
    threshold_v: float | None = None
    hysteresis_v: float | None = None
    trigger_delay_s: float = 0.0
    timeout_s: float | None = None
    wait: Wait = uncancelled

    @property
    def inputs(self) -> tuple[str | None, str | None]:
        """The signals of both channels."""
        return self.input, self.input2


class Scope(ModuleRegisters):
    """Takes one trace at a time. Settings that a call leaves out stay as they are.

    Parameters
    ----------
    board : Board
        Whose scope.
    numbers : iterator of int, optional
        Of the traces: 1, 2, 3, ... by default.
    clock : Clock
        For time limits and `Trace.triggered_ns`.
    """

    def __init__(
        self,
        board: Board,
        *,
        numbers: Iterator[int] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(board, SCOPE)
        self._channels = tuple(ModuleRegisters(board, slot_base(name)) for name in ("asg0", "asg1"))
        self._levels = TriggerLevels(self, self._channels)
        self._clock = clock
        self._busy = threading.Lock()
        self._numbers = numbers or itertools.count(1)
        self._stops = 0
        self._trigger_source = "immediately"

    def set_decimation(self, decimation: int) -> int:
        """Take a sample every `decimation` ticks: a power of two, 1 to 65536. Return what the board took."""
        self._check_decimation(decimation)
        return self.set(DECIMATION, decimation)

    def set_averaging(self, averaging: bool) -> bool:
        """Choose whether a sample is the mean of its ticks. Return what the board took."""
        return self.set(AVERAGING, averaging)

    def set_trigger(
        self, source: TriggerSource, threshold_v: float | None = None, hysteresis_v: float | None = None
    ) -> Trigger:
        """Choose what the next traces wait for; one threshold and hysteresis serve both channels.

        Raises
        ------
        BadInputError
            If there is no such source, or a voltage is out of range. Nothing was written.
        """
        write_levels = self._levels.prepare(source, threshold_v, hysteresis_v)
        self._trigger_source = source
        write_levels()
        return self._levels.read(source)

    @takes(TraceSettings)
    def acquire(self, asked: TraceSettings) -> Trace:
        """Arm, wait for the trigger, and return a trace that was taken since.

        Raises
        ------
        BadInputError
            If a value cannot be used; the bus was not touched.
        DeviceTimeoutError
            If no trigger came in time.
        DeviceError
            If another acquisition is under way, or what came is not fresh.
        """
        source = self._trigger_source if asked.trigger_source is None else asked.trigger_source
        check_source(source, asked.trigger_delay_s)
        self._check_decimation(asked.decimation)
        for name in asked.inputs:
            check_all({INPUT: name})
        write_levels = self._levels.prepare(source, asked.threshold_v, asked.hysteresis_v, asked.inputs)
        if not self._busy.acquire(blocking=False):
            raise DeviceError("the scope is taking another trace; wait for it or cancel it")
        try:
            every = self.get(DECIMATION) if asked.decimation is None else asked.decimation
            after = samples_after(source, asked.trigger_delay_s, every)
            for channel, name in zip(self._channels, asked.inputs, strict=True):
                channel.set_all({INPUT: name})
            self.set_all({DECIMATION: asked.decimation, AVERAGING: asked.averaging})
            write_levels()
            second = asked.input2 is not None
            return self._take(source, every, after, asked.timeout_s, asked.wait, second=second)
        finally:
            self._busy.release()

    def traces(self, count: int | None = None, **settings: Any) -> Iterator[Trace]:
        """Yield trace after trace, `count` or for ever, each as `acquire` with `settings` takes it."""
        taken = 0
        while count is None or taken < count:
            yield self.acquire(**settings)
            taken += 1

    def stop(self) -> None:
        """Disarm; an acquisition under way fails. Any thread, at any time."""
        self._stops += 1
        self.board.write_word(SCOPE + CONTROL, RESET)

    def tick(self) -> int:
        """Return the board's counter: ticks of 8 ns since it began."""
        return self._now()[0]

    def state(self) -> dict[str, Any]:
        """Return what the scope is set to, read from the board."""
        first, second = (channel.get(INPUT) for channel in self._channels)
        return {
            "input": first,
            "input2": second,
            "decimation": self.get(DECIMATION),
            "averaging": self.get(AVERAGING),
            **self._levels.read(self._trigger_source)._asdict(),
        }

    def _take(
        self, source: str, decimation: int, after: int, timeout_s: float | None, wait: Wait, *, second: bool
    ) -> Trace:
        self.stop()
        stops = self._stops
        self.set(AFTER, after)
        armed_tick, armed_ns = self._now()
        try:
            self.board.write_word(SCOPE + CONTROL, ARM)
            self.set(SOURCE, self._levels.source_of_counts(source))
            self._wait_until_done(source, decimation * after * TICK_S, timeout_s, wait)
            tick = self._counter(TRIGGER_TIME)
            if tick < armed_tick or self._stops != stops or not self._is_complete(tick, decimation, after):
                raise DeviceError(
                    f"the scope was stopped, or the board restarted, before the trace was complete (armed at "
                    f"tick {armed_tick}, last trigger at {tick}); its old samples were not taken"
                )
            return self._fetch(source, decimation, after, tick, armed_ns + 8 * (tick - armed_tick), second)
        except BaseException:
            with contextlib.suppress(DeviceError):  # the line is down; the error that led here says so
                self.stop()
            raise

    def _is_complete(self, trigger_tick: int, decimation: int, after: int) -> bool:
        """Whether the samples after the trigger had the time to be taken: a reset leaves its own time there.

        A short trace may have had that time since a reset too; but then samples were counted before its
        trigger, and a reset clears their count.
        """
        if self._now()[0] - trigger_tick < (after - 1) * decimation:
            return False
        return decimation > _SLOW or self.get(BEFORE) > 0

    def _wait_until_done(self, source: str, length_s: float, timeout_s: float | None, wait: Wait) -> None:
        begin_ns = self._clock.monotonic_ns()
        while self.board.read_word(SCOPE + CONTROL) & (ARM | DELAYED):
            waited_s = (self._clock.monotonic_ns() - begin_ns) * 1e-9
            if timeout_s is not None and waited_s >= timeout_s:
                threshold_v = self._levels.read(source).threshold_v
                raise DeviceTimeoutError(
                    f"no trigger ({source}, threshold {threshold_v:g} V) and {length_s:.3g} s "
                    f"of samples within {timeout_s:g} s; is there a signal that crosses it?"
                )
            left_s = length_s - waited_s
            wait(left_s if left_s > _POLL_S else _POLL_S / 4)

    def _fetch(
        self, source: str, decimation: int, after: int, tick: int, triggered_ns: int, second: bool
    ) -> Trace:
        pointer = self.get(TRIGGER_POINTER)
        names = tuple(channel.get(INPUT) for channel in self._channels[: 1 + second])
        channels = []
        for name, offset in zip(names, BUFFERS, strict=False):
            ring = self.board.link.read(SCOPE + offset, SAMPLES)
            channels.append(self.board.calibration(name).volts(in_order(ring, pointer, after)))
        return Trace(
            sequence=next(self._numbers),
            inputs=names,
            volts=channels[0],
            volts2=channels[1] if second else None,
            decimation=decimation,
            averaging=self.get(AVERAGING),
            trigger_source=source,
            first=after + 1 - SAMPLES,
            trigger_tick=tick,
            triggered_ns=triggered_ns,
        )

    def _now(self) -> tuple[int, int]:
        """Return the board's tick, and the monotonic time at which it was read."""
        before = self._clock.monotonic_ns()
        tick = self._counter(TIME)
        return tick, (before + self._clock.monotonic_ns()) // 2

    def _counter(self, offset: int) -> int:
        """Return a 64-bit counter, whose low word is read first and may have wrapped in between."""
        while True:
            low, high = self.board.read_words(SCOPE + offset, 2)
            if offset != TIME or low < 2**32 - _WRAP_MARGIN:
                return high << 32 | low

    @staticmethod
    def _check_decimation(decimation: int | None) -> None:
        if decimation is not None and decimation not in DECIMATIONS:
            raise BadInputError(f"decimation = {decimation!r} is no power of two from 1 to 65536")
