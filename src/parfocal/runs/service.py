"""The service that carries out runs: starts them, steers them, tells how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError
from parfocal.processes import RIG_GONE, FixedSettings, Service, ServiceContext, directory
from parfocal.processes.awake import keep_awake
from parfocal.runs.commands.starting import StartCommands
from parfocal.runs.commands.statuses import StatusCommands
from parfocal.runs.event_log import LogWriter
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.times_file import TimesFile
from parfocal.runs.last_run import LastRuns
from parfocal.runs.left_run import close_left_run
from parfocal.runs.lifetimes import RunLifetimes
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.run_thread import NOTHING
from parfocal.runs.scripts.script_starter import ScriptStarter
from parfocal.runs.settings import RunSettings
from parfocal.runs.starting import RunStarter

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from parfocal.core.run_status import RunStatus

_LOOK_S = 0.25
_ENDS_WITHIN_S = 3.0
_OWNER_GONE = "the program that owns the rig is gone"


class RunService(StartCommands, StatusCommands, Service):
    """Carries out runs, each in a thread of its own.

    Publishes ``run`` with ``change`` ("prepared", "started", "continued", "state" or "ended"), ``run`` and
    ``status``.
    A program may lease the output "light": when it is gone, all runs have failed, and it is dark.
    """

    Config = RunSettings
    settings: RunSettings
    outputs = ("light",)

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self.runs = RunTable()

    def fixed_settings(self) -> FixedSettings:
        """Return the recorder, and whether measured times are kept."""
        return {"recorder": "restart", "keep_times": "restart"}

    def open(self, context: ServiceContext) -> None:
        """Close what an earlier process of this service has left: dark first, then its record."""
        last = LastRuns(
            context.folder / f"{context.service}.unfinished", context.streams / f"{context.service}.counts"
        )
        self.lifetimes = RunLifetimes(context, self.runs, last, self._held)
        self._context = context
        for left in last.unfinished():
            self.runs.add(left.run, KnownRun(None, None, close_left_run(left, context, self.settings)))
        self.lifetimes.keep()
        self._log = LogWriter(context.streams, last.at, context.log) if self.settings.recorder else None
        times = directory.state_folder(context.rig) / f"{context.service}.times.json"
        self._times_file = TimesFile(times, context.log)
        self._measured = self._times_file.read() if self.settings.keep_times else MeasuredTimes()
        self.starter = RunStarter(
            context, lambda: self.settings, self.runs, self._tell, self._log, self._measured
        )
        self.scripts = ScriptStarter(context, lambda: self.settings, self.runs, self._tell)

    def step(self) -> float | None:
        """Keep on the disk which runs go on, and what was measured; ask how far their records are."""
        for run in self.runs.going_on():
            if run.engine is not None:
                run.engine.catch_up()  # first: what follows may wait for a disk, or for a recorder
        self.lifetimes.keep()
        for orphan in self.runs.orphans():
            orphan.cancel("the run that started it has ended")
        going_on = self.runs.going_on()
        for run in going_on:
            _look(run)
        if not going_on:
            self._keep_times()
        return _LOOK_S if going_on else None

    def make_safe(self) -> None:
        """End all runs, dark at once: they are cancelled, or have failed if their rig was killed."""
        reason = self._context.stop_reason() or "the service that carries out runs is being ended"
        self.lifetimes.end_all(reason, failed=reason == RIG_GONE)

    def make_output_safe(self, output: str) -> None:
        """End all runs as failed: the program that leased their light is gone, and nobody cancelled them."""
        del output
        self.lifetimes.end_all(_OWNER_GONE, failed=True)

    def close(self) -> None:
        """Wait for the runs to end."""
        for run in self.runs.going_on():
            if run.control is not None and not run.control.join(_ENDS_WITHIN_S):
                self._context.log.error("run %s did not end in time", run.control.name)
        self._keep_times()
        if self._log is not None:
            self._log.close()

    def _tell(self, status: RunStatus) -> None:
        """Tell a new state of a run; what is slower the loop does. Called under the lock of that run."""
        self.lifetimes.tell("ended" if status.ended else "state", status)
        self._context.wake()

    def _held(self) -> AbstractContextManager[object]:
        """Return what a run holds as long as it goes on."""
        return keep_awake(self._context.service) if self.settings.keep_awake else NOTHING

    def _keep_times(self) -> None:
        if self.settings.keep_times:
            self._times_file.keep(self._measured)


def _look(run: KnownRun) -> None:
    """Have the record of a run hold what was asked of it; ask how far that record is."""
    engine, instruments = run.engine, run.instruments
    if run.script is not None:
        run.script.keep_record()
    if engine is None or instruments is None:
        return
    engine.keep_commands()
    try:
        engine.stored(instruments.storage())
    except CommandError as error:
        if engine.may_change:
            engine.fail(str(error))
