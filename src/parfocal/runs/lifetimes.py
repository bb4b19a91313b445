"""Runs begin, end, and are told of: what holds for each of them, whatever it does. Any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import ConfigError
from parfocal.processes import RIG_GONE
from parfocal.runs.last_run import UnfinishedRun
from parfocal.runs.run_thread import NOTHING
from parfocal.runs.watch import TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from parfocal.core.run_status import RunStatus
    from parfocal.processes import ServiceContext
    from parfocal.runs.engine import RunEngine
    from parfocal.runs.last_run import LastRuns
    from parfocal.runs.run_table import KnownRun, RunTable
    from parfocal.runs.scripts.script_run import ScriptRun


class RunLifetimes:
    """Begins runs that were made, and ends them.

    Parameters
    ----------
    context : ServiceContext
        By which it is told.
    runs : RunTable
        All of them.
    last : LastRuns
        Keeps on the disk which go on.
    hold : callable
        Returns what each of them holds as long as it goes on; `ConfigError` if it can't be had.
    """

    def __init__(
        self,
        context: ServiceContext,
        runs: RunTable,
        last: LastRuns,
        hold: Callable[[], AbstractContextManager[object]] = lambda: NOTHING,
    ) -> None:
        self._context, self._runs, self._last, self._hold = context, runs, last, hold
        self._refused = ""  # why the disk did not take last which runs go on

    def begin(self, run: KnownRun, change: str) -> RunStatus:
        """Start what was made, and tell of it; a run whose parent is held is held, too.

        In the table it goes on already, so it is started whatever happens: else nothing would ever end it.
        """
        control = run.control
        assert control is not None
        self.tell(change, run.status())
        held = NOTHING
        try:
            held = self._hold()
            self._last.keep(self._going_on)
            if run.engine is not None and run.instruments is not None and run.instruments.records:
                self._last.at(run.engine.counts.consumed)
        except ConfigError as error:
            control.fail(str(error))
            raise
        except OSError as error:
            control.fail(f"the disk does not take that it goes on: {error}")
            raise
        finally:
            if ending := self._context.stop_reason():  # `make_safe` may have looked before it was there
                _end_one(control, ending, failed=ending == RIG_GONE)
            control.start(held)
        with self._runs.steering:
            parent = self._runs.find(control.parent).script if control.parent else None
            if parent is not None and not parent.may_change:
                control.cancel("the script that started it has ended")
            elif parent is not None and parent.is_held:
                control.pause("the script that started it is paused")
        return run.status()

    def drop(self, run: str, reason: str) -> RunStatus | None:
        """Drop a run that is prepared, and tell of it; None if it is not."""
        dropped = self._runs.drop(run, reason, self._context.clock.utc_ns() * 1e-9)
        if dropped is not None:
            self.tell("ended", dropped)
        return dropped

    def end_all(self, reason: str, *, failed: bool) -> None:
        """End all runs now, and drop those that are prepared; they have `failed`, or were cancelled."""
        for name in self._runs.prepared():
            self.drop(name, reason)
        for run in self._runs.going_on():
            if run.control is not None:
                _end_one(run.control, reason, failed=failed)

    def keep(self) -> None:
        """Keep on the disk which runs go on; what it does not take now is tried again by the next step.

        No run ends for that. If this process died before, the next one would not know all that this one knew.
        """
        try:
            self._last.keep(self._going_on)
            self._refused = ""
        except OSError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._context.log.error("the disk does not take which runs go on: %s", error)

    def tell(self, change: str, status: RunStatus) -> None:
        """Tell whoever watches runs of a change of one."""
        told = {"change": change, "run": status.run, "status": msgspec.to_builtins(status)}
        self._context.publish(TOPIC, told)

    def _going_on(self) -> tuple[UnfinishedRun, ...]:
        return tuple(_unfinished(run.status()) for run in self._runs.going_on())


def _end_one(control: RunEngine | ScriptRun, reason: str, *, failed: bool) -> None:
    """End a run now: it has failed, unless somebody wanted that."""
    (control.fail if failed else control.cancel)(reason)


def _unfinished(status: RunStatus) -> UnfinishedRun:
    return UnfinishedRun(
        run=status.run, created_at=status.created_at, folder=status.folder, script=bool(status.script)
    )
