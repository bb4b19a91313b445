"""The service that carries out runs: starts them, steers them, tells how they are."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.run_status import ResumePolicy, RunError, RunErrors, RunStatus
from parfocal.ipc import RECEIVER, command
from parfocal.processes import RIG_GONE, FixedSettings, Service, ServiceContext, directory
from parfocal.runs.acquisition_mode import AcquisitionMode
from parfocal.runs.event_log import LogWriter
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.times_file import TimesFile
from parfocal.runs.instruments.calling import answers
from parfocal.runs.last_run import LastRuns, UnfinishedRun
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.plans.outline import Outline, outline_of
from parfocal.runs.prepared import PlanForecast, StartRequest
from parfocal.runs.recovery.report import RecoveryReport
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.scripts.script_record import close_left_record
from parfocal.runs.scripts.script_source import ScriptSource
from parfocal.runs.scripts.script_starter import ScriptRequest, ScriptStarter
from parfocal.runs.settings import RunSettings
from parfocal.runs.starting import RunStarter, check_appended
from parfocal.runs.watch import TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.runs.engine import RunEngine
    from parfocal.runs.scripts.script_run import ScriptRun

_LOOK_S = 0.25
_ENDS_WITHIN_S = 3.0
_ANSWER_S = 5.0
_BACK_S = 20.0
_LONGEST_TEXT = 10_000
_OWNER_GONE = "the program that owns the rig is gone"


class RunService(Service):
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
        self._runs = RunTable()
        self._steering = threading.Lock()  # of a run with those that it has started: they are held alike
        self._log: LogWriter | None = None

    def fixed_settings(self) -> FixedSettings:
        """Return the recorder, and whether measured times are kept."""
        return {"recorder": "restart", "keep_times": "restart"}

    def open(self, context: ServiceContext) -> None:
        """Close what an earlier process of this service has left: dark first, then its record."""
        self._context = context
        self._last = LastRuns(
            context.folder / f"{context.service}.unfinished", context.streams / f"{context.service}.counts"
        )
        for left in self._last.unfinished():
            self._runs.add(left.run, KnownRun(None, None, self._close_left(left)))
        self._last.keep(self._going_on)
        if self.settings.recorder:
            self._log = LogWriter(context.streams, self._last.at, context.log)
        times = directory.state_folder(context.rig) / f"{context.service}.times.json"
        self._times_file = TimesFile(times, context.log)
        self._measured = self._times_file.read() if self.settings.keep_times else MeasuredTimes()
        self._starter = RunStarter(
            context, lambda: self.settings, self._runs, self._tell, self._log, self._measured
        )
        self._scripts = ScriptStarter(context, lambda: self.settings, self._runs, self._tell)

    def step(self) -> float | None:
        """Keep on the disk which runs go on, and what was measured; ask how far their records are."""
        self._last.keep(self._going_on)
        for orphan in self._runs.orphans():
            orphan.cancel("the run that started it has ended")
        going_on = self._runs.going_on()
        for run in going_on:
            self._look(run)
        if not going_on:
            self._keep_times()
        return _LOOK_S if going_on else None

    def make_safe(self) -> None:
        """End all runs, dark at once: they are cancelled, or have failed if their rig was killed."""
        reason = self._context.stop_reason() or "the service that carries out runs is being ended"
        self._end_all(reason, failed=reason == RIG_GONE)

    def make_output_safe(self, output: str) -> None:
        """End all runs as failed: the program that leased their light is gone, and nobody cancelled them."""
        del output
        self._end_all(_OWNER_GONE, failed=True)

    def close(self) -> None:
        """Wait for the runs to end."""
        for run in self._runs.going_on():
            if run.control is not None and not run.control.join(_ENDS_WITHIN_S):
                self._context.log.error("run %s did not end in time", run.control.name)
        self._keep_times()
        if self._log is not None:
            self._log.close()

    @command(lane="start", effect="changes", on_client_loss="finish")
    def start(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        parent: str = "",
        parts: dict[str, Any] = {},  # noqa: B006
        pipeline: PipelineRequest | None = None,
        mode: AcquisitionMode | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
        open_ended: bool = False,
    ) -> RunStatus:
        """Start a run of `plan`, as `plan_to_data` writes one; returns its status, with its name.

        `continues` names a run that has ended, whose indices and files go on; one that goes on is extended,
        or refused if more is asked for than a plan. `parent` is one whose instruments it shares, and with
        which it is paused and cancelled; `notes` go into the record; `parts` says which services play which
        part in this run, beside the settings. With `by_force` instruments are used although others hold them,
        and the record says so. A `pipeline` makes the masks of its stimuli. `mode` is what is recorded beside
        the rows of devices, in place of what the recorder's settings name. With `open_ended` it waits at the
        end of its plan for more of it, until it is finished.
        """
        request = StartRequest(
            plan=plan,
            name=name,
            folder=self._folder(folder, parent),
            by_force=by_force,
            notes=notes,
            parent=parent,
            parts=parts,
            pipeline=pipeline,
            mode=mode,
            interlocks=tuple(interlocks),
            open_ended=open_ended,
        )
        if continues:
            known = self._runs.find(continues)
            if known.goes_on:
                check_appended(request, continues, known)
                return self.extend(continues, plan)
            run = self._starter.continued(request, known)
        else:
            run = self._starter.new(request)
        return self._begin(run, "continued" if continues else "started")

    @command(lane="start", effect="changes", on_client_loss="finish")
    def prepare(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        pipeline: PipelineRequest | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
    ) -> RunStatus:
        """Check a run of `plan` as `start` does, and keep it until `start_prepared`; returns its status.

        `continues` names a run that has ended, whose indices and files go on then. Nothing is claimed or
        touched, and a new one has no folder yet. At most 100 are kept; `cancel_run` drops one.
        """
        request = StartRequest(
            plan=plan,
            name=name,
            folder=self._folder(folder),
            by_force=by_force,
            notes=notes,
            pipeline=pipeline,
            interlocks=tuple(interlocks),
        )
        before = self._runs.find(continues) if continues else None
        if before is not None and before.goes_on:
            raise BadInputError(f"run {continues!r} goes on: `extend` it, or prepare this when it has ended")
        status = self._starter.prepared(request, before).status()
        self._context.publish(TOPIC, {"change": "prepared", **_told(status)})
        return status

    @command(lane="forecasts", effect="reads")
    def foresee(
        self,
        plan: dict[str, Any],
        pipeline: PipelineRequest | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
        cells: int = 200,
    ) -> PlanForecast:
        """Check a plan as `prepare` does, and return what it would need; nothing is kept, claimed or touched.

        Its outline has at most `cells` cells.
        """
        request = StartRequest(plan=plan, pipeline=pipeline, interlocks=tuple(interlocks))
        return self._starter.foreseen(request, cells)

    @command(lane="start", effect="changes", on_client_loss="finish")
    def start_prepared(self, run: str) -> RunStatus:
        """Start a run that was prepared, or refuse, telling what has changed.

        One that was started already is as it is.
        """
        known = self._runs.find(run)
        if known.prepared is None:
            return self._runs.engine(run).status()
        change = "started" if known.prepared.before is None else "continued"
        return self._begin(self._starter.started(known), change)

    @command(lane="start", effect="reads")
    def recovery(self, folder: str) -> RecoveryReport:
        """Return how a run stands whose process was killed, and what of this rig differs from then.

        Nothing is changed. A run that goes on is refused with its name.
        """
        return self._starter.recovery(folder)

    @command(lane="start", effect="changes", on_client_loss="finish")
    def recover(self, folder: str, differences: tuple[str, ...] = ()) -> RunStatus:
        """Complete a run whose process was killed, in the record in `folder`; returns its status.

        What is done stays, stimuli and calls that may have happened are not done again. The record keeps the
        `differences` of the rig that were seen.
        """
        return self._begin(self._starter.recovered(folder, differences), "continued")

    @command(lane="start", effect="changes", script=False, on_client_loss="finish")
    def start_script(
        self,
        script: ScriptSource,
        name: str = "",
        folder: str = "",
        changes: list[str] = [],  # noqa: B006 (never changed)
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006
    ) -> RunStatus:
        """Start a script as a run, in a process of its own; returns its status, with its name.

        It holds the services that it `changes`, as far as that stands in its text, and others when it does.
        """
        request = ScriptRequest(
            script=script,
            name=name,
            folder=self._folder(folder),
            changes=tuple(changes),
            by_force=by_force,
            notes=notes,
        )
        return self._begin(self._scripts.new(request), "started")

    @command(lane=RECEIVER, effect="reads")
    def status(self, run: str = "") -> RunStatus:
        """Return how a run is doing; "" for the newest."""
        return self._runs.find(run).status()

    @command(lane=RECEIVER, effect="reads")
    def statuses(self) -> dict[str, RunStatus]:
        """Return how all runs are doing, the oldest first."""
        return self._runs.statuses()

    @command(lane="events", effect="reads")
    def events(self, run: str, first: int = 0, count: int = 1000) -> list[dict[str, Any]]:
        """Return events of a run's plan as it is now, from number `first` on; a script has none."""
        if self._runs.find(run).script is not None:
            return []
        events = islice(self._runs.schedule(run).events(first), count)
        found: list[dict[str, Any]] = msgspec.to_builtins(list(events))
        return found

    @command(lane="events", effect="reads")
    def outline(self, run: str, cells: int = 200) -> Outline:
        """Return a run's plan as it is now, as a strip of at most `cells` cells and a map of places.

        That of a script is empty.
        """
        if self._runs.find(run).script is not None:
            return Outline(events_total=0, cells=(), places=())
        return outline_of(self._runs.schedule(run), cells)

    @command(lane=RECEIVER, effect="stops")
    def pause(self, run: str, reason: str = "") -> RunStatus:
        """Hold a run, and those that it started: no exposure begins but one that is in flight."""
        return self._all(run, lambda one: one.pause(reason))

    @command(lane=RECEIVER, effect="changes")
    def resume(self, run: str, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause, with those that the run started; refused while an interlock is breached.

        "shift" moves the rest of the schedule on by the pause; "catch up" keeps it, with `gap_s` seconds or
        more between time points that are late (0: half of their interval); "skip" leaves out what is overdue,
        and declares it.
        """
        with self._steering:
            for one in self._runs.family(run):
                one.check_resume()
        return self._all(run, lambda one: one.resume(policy, gap_s))

    @command(lane=RECEIVER, effect="stops")
    def cancel_run(self, run: str, reason: str = "") -> RunStatus:
        """End a run now, and those that it started; an exposure is aborted where the camera can.

        One that is prepared is dropped.
        """
        return self._drop(run, reason) or self._all(run, lambda one: one.cancel(reason))

    @command(lane=RECEIVER, effect="stops")
    def finish(self, run: str, reason: str = "") -> RunStatus:
        """End a run after the event, or the step, in hand: what was done is kept as "finished early".

        A script that is paused goes on for that, with the runs that it has started.
        """
        with self._steering:
            own, *others = self._runs.family(run)
            script = self._runs.find(run).script
            was_held = script is not None and script.is_held
            status = own.finish(reason)
            if was_held and script is not None and not script.is_held:
                for other in others:
                    other.resume()
            return status

    @command(lane=RECEIVER, effect="changes")
    def confirm(
        self, run: str, answer: bool = True, text: str = "", question: str = "", event: int = -1
    ) -> RunStatus:
        """Answer the question that a run asks; without `answer` the run is cancelled.

        With the `question` and the number of the `event` of a status, it is refused if the run asks another.
        The record holds the answer and the `text`, of at most 10 000 characters. A script that offers choices
        gets the one in `text`, or its first one; "no" without `answer`, if that is a choice.
        """
        if len(text) > _LONGEST_TEXT:
            raise BadInputError(f"text may be {_LONGEST_TEXT} characters long, not {len(text)}")
        return self._runs.control(run).confirm(answer, text, question, event)

    @command(lane="start", effect="changes")
    def pick_cells(self, run: str, particles: list[int], p: int = 0) -> RunStatus:
        """Have these particles of position `p` be ``picked`` for the steps of a run's pipeline."""
        engine = self._runs.engine(run)
        if engine.analysis is None:
            raise BadInputError(f"run {run!r} has no pipeline: there are no cells to be picked")
        engine.analysis.pick(p, particles)
        return engine.status()

    @command(lane="start", effect="changes")
    def extend(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Append a plan to what a run still has to do."""
        engine, known = self._runs.engine(run), self._runs.find(run)
        engine.extend(self._starter.checked(known, plan))
        return engine.foresee(self._starter.changed(known))

    @command(lane="start", effect="changes")
    def replace_future(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Replace what a run has not begun by a plan."""
        engine, known = self._runs.engine(run), self._runs.find(run)
        engine.replace_future(self._starter.checked(known, plan))
        return engine.foresee(self._starter.changed(known))

    def _begin(self, run: KnownRun, change: str) -> RunStatus:
        """Start what was made, and tell of it; a run whose parent is held is held, too.

        In the table it goes on already, so it is started whatever happens: else nothing would ever end it.
        """
        control = run.control
        assert control is not None
        self._context.publish(TOPIC, {"change": change, **_told(run.status())})
        try:
            self._last.keep(self._going_on)
            if run.engine is not None and run.instruments is not None and run.instruments.records:
                self._last.at(run.engine.counts.consumed)
        except OSError as error:
            control.fail(f"the disk does not take that it goes on: {error}")
            raise
        finally:
            if ending := self._context.stop_reason():  # `make_safe` may have looked before it was there
                _end(control, ending, failed=ending == RIG_GONE)
            control.start()
        with self._steering:
            parent = self._runs.find(control.parent).script if control.parent else None
            if parent is not None and not parent.may_change:
                control.cancel("the script that started it has ended")
            elif parent is not None and parent.is_held:
                control.pause("the script that started it is paused")
        return run.status()

    def _all(self, run: str, steer: Callable[[RunEngine | ScriptRun], RunStatus]) -> RunStatus:
        """Steer a run, and then those that it started; return the status of the run itself."""
        with self._steering:
            own, *_ = [steer(one) for one in self._runs.family(run)]
            return own

    def _drop(self, run: str, reason: str) -> RunStatus | None:
        """Drop a run that is prepared, and tell of it; None if it is not."""
        dropped = self._runs.drop(run, reason, self._context.clock.utc_ns() * 1e-9)
        if dropped is not None:
            self._context.publish(TOPIC, {"change": "ended", **_told(dropped)})
        return dropped

    def _folder(self, wanted: str, parent: str = "") -> str:
        """Return where a record goes: as asked for, beside that of the script that starts it, else as set."""
        script = self._runs.find(parent).script if parent and not wanted else None
        return wanted or str(self.settings.folder or "" if script is None else script.folder)

    # --- for the runs

    def _tell(self, status: RunStatus) -> None:
        """Tell a new state of a run; what is slower the loop does. Called under the lock of that run."""
        self._context.publish(TOPIC, {"change": "ended" if status.ended else "state", **_told(status)})
        self._context.wake()

    def _look(self, run: KnownRun) -> None:
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

    def _going_on(self) -> tuple[UnfinishedRun, ...]:
        return tuple(_unfinished(run.status()) for run in self._runs.going_on())

    def _keep_times(self) -> None:
        if self.settings.keep_times:
            self._times_file.keep(self._measured)

    def _end_all(self, reason: str, *, failed: bool) -> None:
        for name in self._runs.prepared():
            self._drop(name, reason)
        for run in self._runs.going_on():
            if run.control is not None:
                _end(run.control, reason, failed=failed)

    def _close_left(self, left: UnfinishedRun) -> RunStatus:
        """Go dark, and close the record of a run whose process died; return its final status."""
        chosen = self.settings
        reason = f"the run engine died at event {left.event}" if left.event >= 0 else "the run engine died"
        with suppress(CommandError):
            for service in filter(None, (chosen.channels, *chosen.lights)):
                self._context.connect(service).submit("off", timeout_s=_ANSWER_S)
        self._ask(chosen.camera, "stop")
        self._ask(chosen.tracker, "stop_roi_video")
        if left.script:
            close_left_record(Path(left.folder), reason, self._context.clock.utc_ns() * 1e-9)
            folder, stored = left.folder, 0
        else:
            folder, stored = self._close_record(reason)
        self._context.log.error("run %s: %s", left.run, reason)
        died = RunError(source=self._context.service, type="died", message=reason, event=left.event)
        return RunStatus(
            run=left.run,
            state="ended",
            outcome="failed",
            reason=reason,
            event_number=left.event,
            frames_stored=stored,
            errors=RunErrors(count=1, last=(died,)),
            created_at=left.created_at,
            finished_at=self._context.clock.utc_ns() * 1e-9,
            folder=left.folder or folder,
        )

    def _close_record(self, reason: str) -> tuple[str, int]:
        """Close the record that is open as failed; return its folder, and how many frames it holds.

        If none is open the run had not begun one: the recorder tells of an earlier run.
        """
        chosen = self.settings
        if chosen.recorder:  # it may have been killed, too: its next process takes the run up
            client = self._context.connect(chosen.recorder)
            poll_until(lambda: answers(client, _ANSWER_S), _BACK_S, clock=self._context.clock)
        record = self._ask(chosen.recorder, "status")
        if record is None or record["outcome"] != "recording":
            return "", 0
        report = self._ask(chosen.recorder, "finish", reason=reason, outcome="failed")
        stored = {} if report is None else report["stored"]
        return record["run"], stored.get(chosen.camera, 0)

    def _ask(self, service: str, name: str, **arguments: Any) -> Any:
        """Return what a service answers; None if there is none, or it does not answer."""
        if not service:
            return None
        try:
            return self._context.connect(service).call(name, timeout_s=_ANSWER_S, **arguments)
        except CommandError as error:
            self._context.log.error("%s.%s() after the death of the run engine: %s", service, name, error)
            return None


def _end(control: RunEngine | ScriptRun, reason: str, *, failed: bool) -> None:
    """End a run now: it has failed, unless somebody wanted that."""
    (control.fail if failed else control.cancel)(reason)


def _unfinished(status: RunStatus) -> UnfinishedRun:
    return UnfinishedRun(
        run=status.run, created_at=status.created_at, folder=status.folder, script=bool(status.script)
    )


def _told(status: RunStatus) -> dict[str, Any]:
    return {"run": status.run, "status": msgspec.to_builtins(status)}
