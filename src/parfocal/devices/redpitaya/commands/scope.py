"""The scope's commands: a trace for the caller, or a stream of traces for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import DeviceError, StreamTimeoutError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.devices.redpitaya.commands.derived import Modules
from parfocal.devices.redpitaya.memory_map import SAMPLES, TICK_S, SignalName
from parfocal.devices.redpitaya.scope import Scope
from parfocal.devices.redpitaya.trace import Trace
from parfocal.devices.redpitaya.trigger import TriggerSource
from parfocal.ipc import URGENT, CallContext, command, current_call

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.arguments import Wait
    from parfocal.devices.redpitaya.shared import SharedBoard
    from parfocal.streams import StreamWriter

SCOPE = Modules(Literal["scope"], "scope")
STREAM_SPEC = FrameSpec(shape=(2, SAMPLES), dtype="float32", axes="cx")
"""A frame of the stream: both channels in volts; nan in the second if it was not asked for."""

_PATIENCE_S = 0.1

T = TypeVar("T")


class ScopeCommands:
    """Single traces have the lane "scope", the stream its own; trace by trace they take turns."""

    board: SharedBoard
    traces: StreamWriter

    scope_get = SCOPE.calling(Scope.state, effect="reads")

    @command(lane="scope", effect="changes")
    def scope_set_decimation(self, decimation: int) -> int:
        """Take a sample every `decimation` ticks of 8 ns: a power of two, 1 to 65536."""
        return self._change({"decimation": decimation}, lambda: self._scope.set_decimation(decimation))

    @SCOPE.like(Scope.set_trigger, effect="changes", returns=dict[str, Any])
    def scope_set_trigger(self, source: TriggerSource, **levels: float | None) -> dict[str, Any]:
        """Choose what the next traces wait for; returns what the board made of it."""
        asked = {"trigger_source": source, **levels}
        return self._change(asked, lambda: self._scope.set_trigger(source, **levels)._asdict())

    @SCOPE.like(Scope.acquire, effect="changes")
    def scope_acquire(
        self, input2: SignalName | None = None, trigger_delay_s: float = 0.0, **asked: Any
    ) -> Trace:
        """Arm, wait for the trigger, return a fresh trace. What is left out is as it was; cancel disarms."""
        call = current_call()
        given = {name: value for name, value in asked.items() if value is not None}
        declared = self.board.declared.of("scope")
        with self.board.scope_lock.taken(call.check):
            trace = self._take(declared | given, input2, trigger_delay_s, call.wait)
        if given.items() - declared.items():
            self.board.change("scope", given, lambda: None)
        return trace

    @command(lane="stream", effect="changes")
    def scope_stream(
        self,
        count: int | None = None,
        *,
        input: SignalName = "in1",
        input2: SignalName | None = None,
        decimation: int = 64,
        averaging: bool = True,
        trigger_source: TriggerSource = "immediately",
        threshold_v: float = 0.0,
        hysteresis_v: float = 0.01,
        trigger_delay_s: float = 0.0,
    ) -> int:
        """Write trace after trace into the host's stream, `count` or until it is cancelled; returns how many.

        Others' single traces are taken in between; a trigger that does not come keeps nobody waiting.
        """
        settings = {
            "input": input,
            "decimation": decimation,
            "averaging": averaging,
            "trigger_source": trigger_source,
            "threshold_v": threshold_v,
            "hysteresis_v": hysteresis_v,
        }
        call, written = current_call(), 0
        while count is None or written < count:
            trace = self._stream_trace(call, settings, input2, trigger_delay_s)
            if trace is not None and self._write(trace):
                written += 1
                call.progress(written / count if count else 0.0, f"{written} traces")
        return written

    @command(lane=URGENT, effect="stops")
    def scope_stop(self) -> None:
        """Disarm: a trace that is under way fails."""
        self._scope.stop()

    @property
    def _scope(self) -> Scope:
        return self.board.pitaya.scope

    def _change(self, asked: dict[str, Any], act: Callable[[], T]) -> T:
        def alone() -> T:
            self.board.scope_has.clear()
            with self.board.scope_lock.taken(current_call().check):
                return act()

        return self.board.change("scope", asked, alone)

    def _take(self, settings: dict[str, Any], input2: SignalName | None, delay_s: float, wait: Wait) -> Trace:
        """Take a trace, writing only the settings that the scope does not have yet."""
        has = self.board.scope_has
        news = {name: value for name, value in settings.items() if name not in has or has[name] != value}
        has.clear()
        trace = self._scope.acquire(
            **{**news, "trigger_source": settings["trigger_source"]},
            input2=input2,
            trigger_delay_s=delay_s,
            wait=wait,
        )
        has.update(settings)
        return trace

    def _stream_trace(
        self, call: CallContext, settings: dict[str, Any], input2: SignalName | None, delay_s: float
    ) -> Trace | None:
        """Return the next trace; None if somebody else's turn came first."""
        turn = self.board.scope_lock
        waited_s = 0.0

        def wait(seconds: float, /) -> None:
            nonlocal waited_s
            call.wait(min(seconds, _PATIENCE_S))
            waited_s += seconds
            if turn.waiting and waited_s > settings["decimation"] * SAMPLES * TICK_S + _PATIENCE_S:
                raise _OthersFirst

        with turn.taken(call.check):
            try:
                return self._take(settings, input2, delay_s, wait)
            except _OthersFirst:
                return None

    def _write(self, trace: Trace) -> bool:
        data = np.full(STREAM_SPEC.shape, np.nan, np.float32)
        data[0] = trace.volts
        if trace.volts2 is not None:
            data[1] = trace.volts2
        header = FrameHeader(
            frame=trace.sequence,
            time_ns=trace.triggered_ns,
            utc_ns=SYSTEM_CLOCK.utc_ns() - SYSTEM_CLOCK.monotonic_ns() + trace.triggered_ns,
            exposure_ns=round(SAMPLES * trace.decimation * TICK_S * 1e9),
        )
        try:
            self.traces.write(data, header, timeout_s=_PATIENCE_S)
        except StreamTimeoutError:
            return False
        return True


class _OthersFirst(DeviceError):
    """The stream's trigger did not come, and somebody else wants a trace."""
