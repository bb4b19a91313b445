"""The service that pulls with a force: it knows the magnet's table, and moves the magnet by it."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.force.live_commands import LiveForces, streams_of
from parfocal.analysis.force.magnet import MagnetAxis
from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.analysis.force.ramp import checked_ramp
from parfocal.analysis.force.records import FORCE_DTYPE, ForceReading, PullDone, TableFacts
from parfocal.analysis.force.settings import ForceConfig
from parfocal.analysis.force.table_file import load_table, read_table, save_table
from parfocal.core.errors import BadInputError, CommandError, ConfigError, StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import ANGLES, LENGTHS
from parfocal.ipc import RECEIVER, command, current_call
from parfocal.processes import FixedSettings, Service, ServiceContext
from parfocal.processes.directory import state_folder
from parfocal.streams import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parfocal.ipc import CallContext

_SLOTS = 1 << 12
_FIXED = (
    *("magnet", "axis", "rotation", "heights", "forces_pn", "table_file"),
    *("camera", "frames", "tracks"),
)
_CLOSE_S = 1e-6
"""Less than that from its end, a motion has ended."""


class ForceService(Service):
    """Pulls beads with a force: steps, ramps and holds by the table of a magnet, and its turns.

    One motion at a time, in the lane "pull". Cancelled, or failing, the magnet is halted where it is. Forces
    by the motion of beads, and force-extension curves, are made by a worker: see `LiveForces`.
    """

    step_limit_s = 60.0  # for a worker that hangs, and the next one

    Config = ForceConfig
    settings: ForceConfig

    def __init__(self, settings: ForceConfig) -> None:
        super().__init__(settings)
        self._table: MagnetTable | None = None
        self._live = LiveForces(lambda: self.settings, lambda: self._table)

    def command_sources(self) -> tuple[object, ...]:
        """Return what makes live forces."""
        return (self._live,)

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the streams of forces: of motions, of beads, and of force-extension curves."""
        return (service, *streams_of(service))

    def fixed_settings(self) -> FixedSettings:
        """Return which magnet it is, and the table that it begins with."""
        return dict.fromkeys(("magnet", "heights", "forces_pn", "table_file"), "restart")

    def open(self, context: ServiceContext) -> None:
        """Load the table; make the stream."""
        self.context = context
        self._client = context.connect(self.settings.magnet)
        self._kept = self.settings.table_file or state_folder(context.rig) / f"{context.service}.table.json"
        self._table = load_table(self._kept)
        if self._table is None and self.settings.heights:
            self._table = MagnetTable(self.settings.heights, self.settings.forces_pn)
        self._going = threading.Event()
        self._going.set()
        with ExitStack() as stack:
            self._writer = StreamWriter(context.streams, context.service, RowSpec.of(FORCE_DTYPE), _SLOTS)
            stack.callback(self._writer.close)
            self._live.open(context, stack)
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Have new live forces made, if that is due."""
        return self._live.step()

    def settings_changed(self, old: ForceConfig, new: ForceConfig) -> None:
        """Go by other settings from the next forces on."""
        fixed = [name for name in _FIXED if getattr(old, name) != getattr(new, name)]
        if fixed:
            raise ConfigError(
                f"{', '.join(fixed)} can be changed in the rig file alone; a table that was measured "
                "is given with set_table"
            )

    def close(self) -> None:
        """Let go of the streams, and end the worker."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return the table: the record of a run keeps it."""
        table = self._table
        pairs = {} if table is None else {"heights": list(table.heights), "forces_pn": list(table.forces_pn)}
        return {**self.settings.model_dump(mode="json"), **pairs, **self._live.state()}

    @command(lane="table", effect="changes")
    def set_table(self, heights: list[float], forces_pn: list[float]) -> TableFacts:
        """Take measured pairs for the table, in place of the one there was; it is kept for later starts."""
        return self._take(MagnetTable(heights, forces_pn))

    @command(lane="table", effect="changes")
    def import_table(self, path: Path) -> TableFacts:
        """Take the pairs in a text file: height and force in each line; see `set_table`."""
        return self._take(read_table(path))

    @command(lane="table", effect="reads")
    def table(self) -> TableFacts:
        """Return the table there is; `BadInputError` if there is none."""
        return self._facts(self._needed())

    @command(lane="read", effect="reads")
    def force(self) -> ForceReading:
        """Return the force by the table where the magnet stands now; its warning if that was not measured."""
        table, magnet = self._needed(), self._height()
        height = magnet.position()
        low, high = table.range
        outside = f"{height:.6g} {magnet.unit} is outside of {low:.6g} to {high:.6g}, which were measured"
        warning = "" if table.covers(height) else outside
        return ForceReading(force_pn=table.force_pn(height), height=height, warning=warning)

    @command(lane="pull", effect="changes")
    def go_to(self, force_pn: float) -> PullDone:
        """Pull with a force at once: the magnet goes to its height as fast as it can."""
        return self._hold(force_pn, 0.0)

    @command(lane="pull", effect="changes")
    def hold(self, force_pn: float, seconds: float) -> PullDone:
        """Pull with a force for some seconds from the arrival of the magnet on; pauses do not count."""
        if not 0 <= seconds < float("inf"):
            raise BadInputError(f"seconds must be 0 or more, not {seconds!r}")
        return self._hold(force_pn, seconds)

    @command(lane="pull", effect="changes")
    def ramp(self, start_pn: float, stop_pn: float, rate_pn_per_s: float) -> PullDone:
        """Change the force at a constant rate, from `start_pn` to `stop_pn`.

        The magnet first goes to its height for `start_pn`. Whether it can follow is checked before it moves.
        """
        magnet, call = self._height(), current_call()
        ramp = checked_ramp(self._needed(), magnet.axis, start_pn, stop_pn, rate_pn_per_s)
        times_s: list[float] = []
        forces: list[float] = []
        with self._at_rest_after(magnet):
            magnet.move_to(ramp.height(0.0), call)
            for time_s in self._ticks(call, ramp.duration_s):
                height = magnet.move_to(ramp.height(time_s), call)
                asked, now = ramp.force_pn(time_s), ramp.table.force_pn(height)
                self._write(asked_pn=asked, height=height, force_pn=now)
                times_s.append(time_s)
                forces.append(now)
                part = time_s / ramp.duration_s if ramp.duration_s else 1.0
                call.progress(part, f"{asked:.3g} pN, magnet at {_height_text(height)} {magnet.unit}")
        rate = float(np.polyfit(times_s, forces, 1)[0]) if len(times_s) > 2 else 0.0
        return PullDone(force_pn=forces[-1], seconds=times_s[-1], rate_pn_per_s=rate)

    @command(lane="pull", effect="changes")
    def turn(self, turns: float, turns_per_s: float | None = None) -> PullDone:
        """Turn the magnet by some turns, positive or negative, from where it stands.

        With `turns_per_s` so fast; else as fast as it can.
        """
        magnet, call = MagnetAxis(self._client, self.settings.rotation, ANGLES), current_call()
        start = magnet.position()
        magnet.axis.check(magnet.turned(start, turns))
        fastest = magnet.axis.speed / abs(magnet.turned(0.0, 1.0))
        speed = fastest if turns_per_s is None else turns_per_s
        if not 0 < speed <= fastest:
            raise BadInputError(f"turns_per_s must be above 0 and at most {fastest:g}, not {turns_per_s!r}")
        duration_s = abs(turns) / speed
        with self._at_rest_after(magnet):
            for time_s in self._ticks(call, duration_s):
                done = turns * (time_s / duration_s if duration_s else 1.0)
                magnet.move_to(magnet.turned(start, done), call)
                self._write(turns=done)
                call.progress(done / turns if turns else 1.0, f"{done:.4g} of {turns:g} turns")
        return PullDone(force_pn=float("nan"), seconds=duration_s, turns=turns)

    @command(lane=RECEIVER, effect="changes")
    def pause(self) -> None:
        """Hold a motion where it is; its time stands still."""
        self._going.clear()

    @command(lane=RECEIVER, effect="changes")
    def resume(self) -> None:
        """Let it go on."""
        self._going.set()

    @command(lane=RECEIVER, effect="reads")
    def paused(self) -> bool:
        """Return whether a motion is held."""
        return not self._going.is_set()

    def _hold(self, force_pn: float, seconds: float) -> PullDone:
        magnet, call, table = self._height(), current_call(), self._needed()
        target = table.height(force_pn)
        magnet.axis.check(target)
        with self._at_rest_after(magnet):
            height = magnet.move_to(target, call)
            now = table.force_pn(height)
            for time_s in self._ticks(call, seconds):
                self._write(asked_pn=force_pn, height=height, force_pn=now)
                call.progress(time_s / seconds if seconds else 1.0, f"{now:.3g} pN for {time_s:.3g} s")
        return PullDone(force_pn=now, seconds=seconds)

    def _ticks(self, call: CallContext, duration_s: float) -> Iterator[float]:
        """Yield the time since the beginning, without pauses, again and again; the last is `duration_s`."""
        clock, tick_s = self.context.clock, self.settings.tick_s
        begun_ns, paused_ns = clock.monotonic_ns(), 0
        while True:
            now_ns = clock.monotonic_ns()
            while not self._going.is_set():
                call.wait(tick_s)
            paused_ns += clock.monotonic_ns() - now_ns
            time_s = (clock.monotonic_ns() - begun_ns - paused_ns) * 1e-9
            if time_s + _CLOSE_S >= duration_s:
                yield duration_s
                return
            yield time_s
            spent_s = (clock.monotonic_ns() - begun_ns - paused_ns) * 1e-9 - time_s
            call.wait(max(0.0, min(tick_s - spent_s, duration_s - time_s - spent_s)))

    @contextmanager
    def _at_rest_after(self, magnet: MagnetAxis) -> Iterator[None]:
        """Have the magnet stand still whatever happens in the block; a wish to hold ends with it."""
        try:
            yield
        except BaseException:
            with suppress(CommandError):  # one that is gone stands still
                magnet.halt()
            raise
        finally:
            self._going.set()

    def _height(self) -> MagnetAxis:
        return MagnetAxis(self._client, self.settings.axis, LENGTHS)

    def _needed(self) -> MagnetTable:
        if self._table is None:
            raise BadInputError(
                "nothing is known of the magnet's force: give measured pairs with set_table, or import_table"
            )
        return self._table

    def _take(self, table: MagnetTable) -> TableFacts:
        facts = self._facts(table)
        save_table(self._kept, table)
        self._table = table
        return facts

    def _facts(self, table: MagnetTable) -> TableFacts:
        return TableFacts(
            heights=tuple(table.heights),
            forces_pn=tuple(table.forces_pn),
            unit=self._height().unit,
            range=table.range,
            force_range_pn=table.force_range_pn,
            spread=table.spread,
        )

    def _write(self, **values: float) -> None:
        row = np.zeros(1, FORCE_DTYPE)
        for name in ("asked_pn", "height", "force_pn", "turns"):
            row[name] = values.get(name, np.nan)
        row["time_ns"] = self.context.clock.monotonic_ns()
        try:
            self._writer.write_rows(row, timeout_s=0.0)
        except StreamTimeoutError as error:
            self.context.log.warning("a force is not in the stream %r: %s", self._writer.name, error)


def _height_text(height: float) -> str:
    """Return a height of the magnet in six digits, without an exponent."""
    return f"{height:.0f}" if abs(height) >= 1e5 else f"{height:.6g}"
