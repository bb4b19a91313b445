"""The host of a stage or focus motor: moves that can be watched and cancelled, positions as rows."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, StreamTimeoutError, nearest
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import Stage
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.ipc import URGENT, command, current_call
from parfocal.streams import StreamWriter

_ROWS = 1 << 14


class StageConfig(DeviceConfig):
    """Settings of a stage host.

    Parameters
    ----------
    poll_s : float
        How often a move is looked at, and told as a row.
    telemetry_s : float
        How often the position is told as a row while nothing moves.
    move_timeout_s : float
        A move that takes longer is halted and fails.
    """

    poll_s: Annotated[float, Field(gt=0, le=1)] = 0.01
    telemetry_s: Annotated[float, Field(gt=0)] = 1.0
    move_timeout_s: Annotated[float, Field(gt=0)] = 30.0


class StageHost(DeviceHost):
    """Runs a stage; the stream of the host's name holds ``time_ns`` and ``<axis>_nm`` for each axis."""

    Config = StageConfig
    protocol = Stage
    settings: StageConfig
    device: Stage

    def surround(self, stack: ExitStack) -> None:
        """Make the stream of positions."""
        self._lock = threading.RLock()
        self._halts = 0
        columns = [("time_ns", "<i8"), *((f"{axis}_nm", "<f8") for axis in self.device.axes)]
        self._dtype = np.dtype(columns)
        self._writer = StreamWriter(
            self.context.streams, self.context.service, RowSpec.of(self._dtype), slots=_ROWS
        )
        stack.callback(self._writer.close)

    def step(self) -> float | None:
        """Tell where it stands."""
        self._tell()
        return self.settings.telemetry_s

    @command(lane="move")
    def move_to(self, position_nm: float, axis: str = "") -> float:
        """Move an axis (the only one, if there is one) and wait until it arrives; returns the position.

        Cancelled, or past its deadline, it halts. Positions beyond the limits are refused before it moves.
        """
        name = self._axis(axis)
        with self._lock:
            start = self.device.position_nm(name)
            halts = self._halts
            self.device.move_to(name, position_nm)
        try:
            self._arrive(name, start, position_nm, halts)
        except BaseException:
            self.halt()
            raise
        self._tell()
        return self.position(name)

    @command(lane="move")
    def move_by(self, distance_nm: float, axis: str = "") -> float:
        """Move an axis by a distance from where it is; as `move_to`."""
        name = self._axis(axis)
        return self.move_to(self.position(name) + distance_nm, name)

    @command(lane="read")
    def position(self, axis: str = "") -> float:
        """Return the position of an axis, nanometres."""
        name = self._axis(axis)
        with self._lock:
            return self.device.position_nm(name)

    @command(lane="read")
    def is_moving(self, axis: str = "") -> bool:
        """Whether an axis is not yet at its target."""
        name = self._axis(axis)
        with self._lock:
            return self.device.is_moving(name)

    @command(lane="read")
    def limits(self, axis: str = "") -> tuple[float, float]:
        """Return the lowest and the highest position of an axis."""
        return self.device.limits_nm(self._axis(axis))

    @command(lane="read")
    def axes(self) -> tuple[str, ...]:
        """Return the names of its axes."""
        return self.device.axes

    @command(lane=URGENT)
    def halt(self) -> None:
        """Stop every axis where it is, also one that is just being started; a move under way fails."""
        self.device.halt()
        with self._lock:
            self._halts += 1
            self.device.halt()

    def state(self) -> dict[str, Any]:
        """Return the device's state, and where each axis stands."""
        with self._lock:
            positions = {axis: self.device.position_nm(axis) for axis in self.device.axes}
            return {**self.device.state(), "positions_nm": positions}

    def _axis(self, axis: str) -> str:
        axes = self.device.axes
        if axis in axes:
            return axis
        if not axis and len(axes) == 1:
            return axes[0]
        raise BadInputError(f"stage {self.context.service!r} has no axis {axis!r}; {nearest(axis, axes)}")

    def _arrive(self, axis: str, start: float, target: float, halts: int) -> None:
        """Wait until the axis is at its target, telling how far it is."""
        call, clock = current_call(), self.context.clock
        give_up_ns = clock.monotonic_ns() + round(self.settings.move_timeout_s * 1e9)
        while self.is_moving(axis):
            position = self._tell()[axis]
            part = 1.0 if target == start else (position - start) / (target - start)
            call.progress(
                min(max(part, 0.0), 1.0), f"{axis} at {position:.0f} nm on its way to {target:.0f} nm"
            )
            if clock.monotonic_ns() > give_up_ns:
                raise DeviceTimeoutError(
                    f"{axis} did not arrive at {target} nm within {self.settings.move_timeout_s} s; "
                    f"it is at {position} nm"
                )
            call.wait(self.settings.poll_s)
            self._check_going_on()
        if self._halts != halts:
            raise DeviceError(f"{axis} was halted at {self.position(axis)} nm on its way to {target} nm")

    def _check_going_on(self) -> None:
        if self.context.stopping.is_set():
            raise DeviceError(f"stage {self.context.service!r} is being closed")

    def _tell(self) -> dict[str, float]:
        """Write a row of where everything stands now; return that."""
        with self._lock:
            positions = {axis: self.device.position_nm(axis) for axis in self.device.axes}
            row = np.array([(self.context.clock.monotonic_ns(), *positions.values())], self._dtype)
            with suppress(StreamTimeoutError):  # the next row tells more
                self._writer.write_rows(row, timeout_s=0.0)
        return positions
