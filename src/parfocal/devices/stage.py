"""The host of a stage, focus or magnet: moves that can be watched and cancelled, positions as rows."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from parfocal.core.axes import choose_axis
from parfocal.core.errors import (
    BadInputError,
    CancelledError,
    DeadlineError,
    DeviceError,
    MadeSafeError,
    StreamTimeoutError,
)
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import Axis, HasSpeed, Stage
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.devices.move import Move
from parfocal.ipc import RECEIVER, URGENT, command, current_call
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
    move_margin_s : float
        A move may take what its distance and the speed of its axis ask for, twice, and so much more; one
        that takes longer is halted and fails.
    move_timeout_s : float or None
        A fixed limit instead, for stages that do not know their speed.
    """

    poll_s: Annotated[float, Field(gt=0, le=1)] = 0.01
    telemetry_s: Annotated[float, Field(gt=0)] = 1.0
    move_margin_s: Annotated[float, Field(ge=0)] = 5.0
    move_timeout_s: Annotated[float | None, Field(gt=0)] = None


class StageHost(DeviceHost):
    """Runs a stage; the stream of the host's name holds ``time_ns`` and ``<axis>_<unit>`` for each axis."""

    Config = StageConfig
    protocol = Stage
    settings: StageConfig
    device: Stage
    _halts = 0

    def surround(self, stack: ExitStack) -> None:
        """Make the stream of positions."""
        self._names = tuple(axis.name for axis in self.device.axes)
        self._dtype = np.dtype(
            [("time_ns", "<i8"), *((f"{axis.name}_{axis.unit}", "<f8") for axis in self.device.axes)]
        )
        self._writer = StreamWriter(
            self.context.streams, self.context.service, RowSpec.of(self._dtype), slots=_ROWS
        )
        stack.callback(self._writer.close)

    def step(self) -> float | None:
        """Tell where it stands, unless the rig ends: what the stage hangs on may have ended before it."""
        if self.context.stop_reason():
            return None
        self._write_row()
        return self.settings.telemetry_s

    @command(lane="move", effect="changes")
    def move(self, targets: dict[str, float], relative: bool = False) -> dict[str, float]:
        """Move several axes together and wait until all have arrived; returns where they stand.

        Targets are in the unit of each axis; with `relative` they are distances from where it is. Cancelled,
        or past its deadline, everything halts. Positions beyond the limits are refused before anything moves.
        A move takes at most twice the time that distance and speed ask for, and `move_margin_s`.
        """
        if not targets:
            raise BadInputError("targets is empty; name an axis, such as {'x': 10.0}")
        axes = {self._axis(name).name: value for name, value in targets.items()}
        with self.lock:
            starts = self._positions()
            ends = {name: starts[name] + value if relative else value for name, value in axes.items()}
            for name, end in ends.items():
                self._axis(name).check(end)
            move = self._plan(starts, ends)
            halts, since = self._halts, self.times_made_safe
            self.device.move_to(ends)
        try:
            with self.unless_made_safe(since, "was halted: the stage was made safe"):
                self._arrive(move, halts)
        except BaseException as error:
            self.halt()
            if isinstance(error, CancelledError | DeadlineError):
                error.args = (f"{error}; the motion was stopped: {move.describe(self._positions())}",)
            raise
        positions = self._write_row()
        return {name: positions[name] for name in ends}

    @command(lane="move", effect="changes")
    def move_to(self, position_nm: float, axis: str = "") -> float:
        """Move an axis in nanometres (the only one, if there is one) as `move` does; returns the position."""
        name = self._axis(axis, unit="nm").name
        return self.move({name: position_nm})[name]

    @command(lane="move", effect="changes")
    def move_by(self, distance_nm: float, axis: str = "") -> float:
        """Move an axis in nanometres by a distance from where it is; as `move_to`."""
        name = self._axis(axis, unit="nm").name
        return self.move({name: distance_nm}, relative=True)[name]

    @command(lane="read", effect="reads")
    def position(self, axis: str = "") -> float:
        """Return the position of an axis, in its unit."""
        name = self._axis(axis).name
        with self.lock:
            return self.device.position(name)

    @command(lane="read", effect="reads")
    def positions(self) -> dict[str, float]:
        """Return the position of every axis, in its unit."""
        with self.lock:
            return self._positions()

    @command(lane="read", effect="reads")
    def is_moving(self, axis: str = "") -> bool:
        """Whether an axis is not yet at its target."""
        name = self._axis(axis).name
        with self.lock:
            return self.device.is_moving(name)

    @command(lane="read", effect="reads")
    def limits(self, axis: str = "") -> tuple[float, float]:
        """Return the lowest and the highest position of an axis, in its unit."""
        found = self._axis(axis)
        return found.low, found.high

    @command(lane=RECEIVER, effect="reads")
    def axes(self) -> tuple[str, ...]:
        """Return the names of its axes."""
        return self._names

    @command(lane="read", effect="reads")
    def describe_axes(self) -> tuple[Axis, ...]:
        """Return its axes: name, unit, limits and speed."""
        return self.device.axes

    def times_s(self) -> dict[str, float]:
        """Return what the stage declares, and as "poll" how often a move is looked at."""
        return {"poll": self.settings.poll_s, **super().times_s()}

    @command(lane="move", effect="changes")
    def set_speed(self, speed: float, axis: str = "") -> float:
        """Set the speed of an axis, units per second; returns what the stage made of it."""
        name = self._axis(axis).name
        if not isinstance(self.device, HasSpeed):
            raise BadInputError(f"stage {self.context.service!r} has no speed that can be set")
        if not 0 < speed < np.inf:
            raise BadInputError(f"speed must be positive and finite, not {speed}")
        with self.lock:
            return self.device.set_speed(name, speed)

    @command(lane=URGENT, effect="stops")
    def halt(self) -> None:
        """Stop every axis where it is, also one that is just being started; a move under way fails."""
        self.device.halt()
        with self.lock:
            self._halts += 1
            self.device.halt()

    def make_safe(self) -> None:
        """Make the device safe; a move under way fails."""
        self._halts += 1
        super().make_safe()

    def state(self) -> dict[str, Any]:
        """Return the device's state, and where each axis stands: ``positions_nm`` and so on by unit."""
        with self.lock:
            positions = self._positions()
        by_unit: dict[str, dict[str, float]] = {}
        for axis in self.device.axes:
            by_unit.setdefault(f"positions_{axis.unit}", {})[axis.name] = positions[axis.name]
        return {**self.device.state(), **by_unit}

    def _axis(self, name: str, unit: str = "") -> Axis:
        """Return an axis by name, or the one that `choose_axis` takes for ""; refuse one in another unit."""
        axis = choose_axis(self.device.axes, name, self.context.service)
        if unit and axis.unit != unit:
            instead = f"move({{{axis.name!r}: ...}})"
            raise BadInputError(
                f"axis {axis.name!r} is measured in {axis.unit}, not in {unit}; use {instead}"
            )
        return axis

    def _plan(self, starts: dict[str, float], ends: dict[str, float]) -> Move:
        axes = tuple(self._axis(name) for name in ends)
        return Move(axes, starts, ends, self.settings.move_margin_s, self.settings.move_timeout_s)

    def _arrive(self, move: Move, halts: int) -> None:
        """Wait until all axes are at their targets, telling how far they are."""
        call, clock = current_call(), self.context.clock
        give_up_ns = clock.monotonic_ns() + round(move.limit_s * 1e9)
        now_ns = clock.monotonic_ns()  # before each look: what has arrived by then is not too slow
        while any(self.is_moving(name) for name in move.ends):
            positions = self._write_row()
            call.progress(move.fraction(positions), move.describe(positions))
            if now_ns > give_up_ns:
                raise move.too_slow(positions)
            call.wait(self.settings.poll_s)
            if self.context.stopping.is_set():
                raise MadeSafeError(f"stage {self.context.service!r} is being closed")
            now_ns = clock.monotonic_ns()
        if self._halts != halts:
            raise DeviceError(f"was halted: {move.describe(self._positions())}")

    def _positions(self) -> dict[str, float]:
        return {axis.name: self.device.position(axis.name) for axis in self.device.axes}

    def _write_row(self) -> dict[str, float]:
        """Write a row of where everything stands now; return that."""
        with self.lock:
            positions = self._positions()
            row = np.array([(self.context.clock.monotonic_ns(), *positions.values())], self._dtype)
            with suppress(StreamTimeoutError):  # the next row tells more
                self._writer.write_rows(row, timeout_s=0.0)
        return positions
