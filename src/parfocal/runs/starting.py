"""Makes a run of a request, checked against the rig before anything is touched."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pydantic import ValidationError

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.run_status import RunForecast, RunStatus
from parfocal.ipc import current_call
from parfocal.processes import directory
from parfocal.runs.acquisition_mode import parts_of
from parfocal.runs.analysis_log import AnalysisLog
from parfocal.runs.conditions.interlocks import together
from parfocal.runs.conditions.watch_maker import WatchMaker
from parfocal.runs.earlier_run import EarlierRun, KilledRun, killed_run
from parfocal.runs.engine import RunEngine
from parfocal.runs.event_log import STREAM
from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.prediction import Prediction
from parfocal.runs.forecast.run_prediction import KnownTimes
from parfocal.runs.forecasting import foreseen
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.rig_facts import changes
from parfocal.runs.instruments.rig_instruments import RigInstruments
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began, JournalRequest
from parfocal.runs.journal_file import this_boot
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.pipeline.held_frames import RingFrames
from parfocal.runs.pipeline.live_analysis import LiveAnalysis
from parfocal.runs.pipeline.messages import WorkerSetup
from parfocal.runs.pipeline.plan_check import PlanForPipeline, check_plan
from parfocal.runs.pipeline.workers import ProcessWorkers, limit_s
from parfocal.runs.plans.calls import calls_of, needs_camera
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.conditional import conditions_in
from parfocal.runs.plans.field_of_view import tiled
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.outline import outline_of
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.survey import PlanSurvey, layout_of, survey
from parfocal.runs.preflight import check_calibration, preflight
from parfocal.runs.prepared import PlanForecast, PreparedRun, StartRequest
from parfocal.runs.recovery.differences import differences
from parfocal.runs.recovery.report import RecoveryReport, report_of
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.settings import RunSettings
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.processes import ServiceContext
    from parfocal.runs.event_log import LogWriter, SettledEvent
    from parfocal.runs.plans.service_call import ServiceCall


_LOOKED_AT = 10_000
"""Events of a run that is started at once which are looked at for what is late."""


class _Examined(NamedTuple):
    """A request that the rig can carry out, as far as it has told."""

    instruments: RigInstruments
    plan: dict[str, Any]
    needs_origin: frozenset[str]
    schedule: Schedule
    done: EventCounts
    wanted: PlanSurvey
    declared: DeviceTimes
    times: DeviceTimes
    settings: RunSettings
    for_pipeline: PlanForPipeline

    @property
    def begin_s(self) -> float:
        """The second of the schedule with which it begins."""
        first = next(self.schedule.events(self.done.consumed), None) if self.done.consumed else None
        return 0.0 if first is None else first.min_start_time or 0.0


class RunStarter:
    """Makes runs, and adds them to the table; they are not started yet. One thread, but for `foreseen`.

    Parameters
    ----------
    context : ServiceContext
        Of the service that carries them out.
    settings : callable
        Returns the settings of that service.
    runs : RunTable
        Those that there are.
    tell : callable
        Is told the states of the runs.
    log : LogWriter or None
        Takes the events of the run that is recorded.
    measured : MeasuredTimes
        What the devices of the rig took before; told what they take in its runs.
    """

    def __init__(
        self,
        context: ServiceContext,
        settings: Callable[[], RunSettings],
        runs: RunTable,
        tell: Callable[[RunStatus], None],
        log: LogWriter | None,
        measured: MeasuredTimes,
    ) -> None:
        self._watches = WatchMaker(context)
        self._context, self._settings, self._runs = context, settings, runs
        self._tell, self._log = tell, log
        self._measured = measured

    def new(self, request: StartRequest) -> KnownRun:
        """Return a new run.

        Raises
        ------
        BadInputError
            If the plan is wrong, or the rig can't do it; names the value.
        ClaimedError
            If another run uses one of the instruments; names both.
        """
        request = replace(request, name=self._runs.new_name(request.name))
        run = self._made(request, self._examined(request, None), None)
        self._runs.add(request.name, run)
        return run

    def continued(self, request: StartRequest, before: KnownRun) -> KnownRun:
        """Return a run that goes on with the indices and the files of one that has ended."""
        earlier = self._earlier(before)
        request = replace(request, name=earlier.name)
        run = self._made(request, self._examined(request, earlier), earlier)
        self._runs.add(request.name, run)
        return run

    def recovered(self, folder: str, differences: Sequence[str] = ()) -> KnownRun:
        """Return a run that completes one which was killed; its record tells the `differences` of the rig.

        Raises
        ------
        BadInputError
            If it goes on, or can't be completed in this rig; says why.
        """
        self._runs.check_ended(folder)
        earlier = EarlierRun.found(folder, self._settings(), completes=True)
        name = self._runs.name_for(earlier.name, folder)
        request = _request_of(earlier, name)
        run = self._made(request, self._examined(request, earlier), earlier, differences)
        self._runs.add(name, run)
        return run

    def recovery(self, folder: str) -> RecoveryReport:
        """Return how a run stands that was killed, and what of the rig differs from then."""
        self._runs.check_ended(folder)
        settings = self._settings()
        killed = killed_run(folder, settings)
        try:
            earlier = EarlierRun.found(folder, settings, completes=True)
            found = self._examined(_request_of(earlier, killed.journalled.run), earlier)
        except BadInputError as error:
            return report_of(folder, killed, refused=str(error))
        found.instruments.discard()
        told = differences(killed.journalled.request.facts, found.instruments.facts, found.wanted)
        return report_of(folder, killed, told)

    def prepared(self, request: StartRequest, before: KnownRun | None) -> KnownRun:
        """Return a run that may be started; nothing is claimed for it. Raises as `new`, but for claims.

        It goes on with the indices and the files of the one `before`, if there is one.
        """
        earlier = None if before is None else self._earlier(before)
        name = self._runs.new_name(request.name) if earlier is None else earlier.name
        request = replace(request, name=name)
        found = self._examined(request, earlier)
        found.instruments.discard()
        facts = found.instruments.facts
        prepared = PreparedRun(
            request=replace(request, plan=found.plan),
            before=earlier,
            schedule=found.schedule,
            wanted=found.wanted,
            facts=facts,
            needs_origin=found.needs_origin,
        )
        status = RunStatus(
            run=request.name,
            state="prepared",
            events_total=len(found.schedule),
            remaining_s=found.schedule.duration_s - found.begin_s,
            created_at=self._context.clock.utc_ns() * 1e-9,
            folder="" if earlier is None else earlier.folder,
            forecast=self._forecast(found, None),
        )
        engine, instruments = (None, None) if before is None else (before.engine, before.instruments)
        run = KnownRun(engine, instruments, status, prepared)
        self._runs.prepare(request.name, run)
        return run

    def foreseen(self, request: StartRequest, cells: int) -> PlanForecast:
        """Return what a plan would be as a new run; its outline has so many cells. Raises as `prepared`."""
        found = self._examined(request, None)
        found.instruments.discard()
        return PlanForecast(
            shape=found.schedule.shape,
            forecast=self._forecast(found, None),
            outline=outline_of(found.schedule, cells),
        )

    def started(self, known: KnownRun) -> KnownRun:
        """Return the run that was prepared, checked against the rig as it is now.

        Raises
        ------
        BadInputError
            If it can't be carried out any more, or would not be what was shown; tells what has changed.
        ClaimedError
            If another run uses one of the instruments; names both.
        """
        prepared = known.prepared
        assert prepared is not None
        request = prepared.request
        found = self._examined(request, prepared.before, prepared)
        facts = found.instruments.facts
        if told := changes(prepared.facts, facts, prepared.wanted, prepared.needs_origin):
            found.instruments.discard()
            raise BadInputError(
                f"run {request.name!r} would not be what was prepared: {'; '.join(told)}. Bring that back, "
                "or cancel the run and prepare it again"
            )
        run = self._made(request, found, prepared.before)
        try:
            self._runs.start(request.name, known, run)
        except BaseException:
            found.instruments.discard()
            assert run.engine is not None
            run.engine.discard()
            raise
        return run

    def checked(self, run: KnownRun, plan: dict[str, Any]) -> Plan:
        """Return a plan that is to be appended to a run, checked against its instruments."""
        instruments = run.instruments
        assert instruments is not None
        facts = msgspec.structs.replace(instruments.facts, disk_free_bytes=None)  # that of the run's begin
        absolute = _absolute(tiled(plan_from_data(plan), facts.field_um), facts.found)
        facts = msgspec.structs.replace(facts, problems=instruments.problems(calls_of(absolute)))
        preflight(survey(absolute.events(), facts.found), facts, appended=True)
        self._watches.check(self._settings(), conditions_in(absolute))
        if run.engine is not None and run.engine.analysis is not None:
            check_plan(absolute.events(), run.engine.analysis.request)
        return absolute

    def changed(self, run: KnownRun) -> RunForecast:
        """Return what a run is expected to need whose plan was changed while it goes on."""
        assert run.engine is not None
        assert run.instruments is not None
        remainder, facts = run.engine.remainder(), run.instruments.facts
        return foreseen(
            remainder.schedule,
            remainder.prediction,
            survey(remainder.schedule.events(), facts.found),
            facts,
            first=remainder.first,
            most=_LOOKED_AT,
            remarks=self._measured.slow_axes(remainder.declared),
        )

    def _examined(
        self, request: StartRequest, before: EarlierRun | None, known: PreparedRun | None = None
    ) -> _Examined:
        """Ask the instruments, once, and go through the events, once: not again of what was prepared."""
        given = plan_from_data(request.plan)
        settings = self._for_plan(_with_parts(self._settings(), request.parts), given)
        instruments = self._instruments(settings, request.parent, calls_of(given))
        folder = request.folder if before is None else before.folder
        try:
            facts = instruments.learn(folder, request.mode)
            asked = tiled(given, facts.field_um)
            plan = _absolute(asked, facts.found)
            schedule, done = _schedule(plan, before)
            if known is not None and known.facts.found == facts.found:
                wanted = known.wanted
            else:  # the way to the first event is another one
                wanted = survey(schedule.events(done.consumed), facts.found)
            if wanted.exposes or wanted.acquires:
                settings.service("camera", "exposures")
            if request.mode is not None and parts_of(request.mode) != (False, False, True):
                settings.service("tracker", "tracks and video of regions")
            if before is None or not before.completes or wanted.events:  # else its record is to be closed
                preflight(wanted, facts, appended=before is not None)
            interlocks = together(settings.interlocks, request.interlocks)
            conditions = [interlock.condition for interlock in interlocks]
            self._watches.check(settings, (*conditions, *conditions_in(plan)))
            for_pipeline = PlanForPipeline()
            if request.pipeline is not None:
                for_pipeline = check_plan(schedule.events(done.consumed), request.pipeline)
                if for_pipeline.has_stimuli and request.pipeline.pipeline.stimulate is not None:
                    settings.service("modulator", "masks")
                    age = check_calibration(facts, self._context.clock.utc_ns())
                    for_pipeline = for_pipeline.warning_of(age)
            with_calls = not self._measured.knows(instruments.camera_kept_as)
            declared = instruments.declared_times(with_calls=with_calls)
        except BaseException:
            instruments.discard()
            raise
        times = self._measured.over(declared)
        return _Examined(
            instruments=instruments,
            plan=plan_to_data(plan),
            needs_origin=asked.needs_origin,
            schedule=schedule,
            done=done,
            wanted=wanted,
            declared=declared,
            times=times,
            settings=settings,
            for_pipeline=for_pipeline,
        )

    def _forecast(self, found: _Examined, most: int | None) -> RunForecast:
        """Return what a run is expected to need; its first `most` events are looked at for what is late."""
        facts = found.instruments.facts
        return foreseen(
            found.schedule,
            Prediction(found.times, facts.found, begin_s=found.begin_s),
            found.wanted,
            facts,
            first=found.done.consumed,
            most=most,
            remarks=(*found.for_pipeline.warnings, *self._measured.slow_axes(found.declared)),
        )

    def _for_plan(self, settings: RunSettings, plan: Plan) -> RunSettings:
        """Return the parts that a plan needs: one that only calls services leaves the others to other runs.

        It has no record if another run is being recorded.
        """
        if needs_camera(plan) or not calls_of(plan):
            return settings
        is_busy = any(settings.recorder in run.status().claims for run in self._runs.going_on())
        return RunSettings(
            recorder="" if is_busy else settings.recorder,
            folder=settings.folder,
            interlocks=settings.interlocks,
            on_failure=settings.on_failure,
            answer_s=settings.answer_s,
            restart_s=settings.restart_s,
        )

    def _instruments(
        self, settings: RunSettings, parent: str, asked: tuple[ServiceCall, ...]
    ) -> RigInstruments:
        context = self._context
        above = self._runs.find(parent) if parent else None
        shared = None if above is None else above.script or above.instruments
        return RigInstruments(
            settings,
            partial(directory.connect, context.rig),
            self._restarts,
            context.streams,
            context.clock,
            context.log,
            asked=asked,
            use=None if shared is None else shared.use,
            is_part=above is not None and above.script is None,
        )

    def _made(
        self,
        request: StartRequest,
        found: _Examined,
        before: EarlierRun | None,
        differences: Sequence[str] = (),
    ) -> KnownRun:
        instruments, schedule, wanted = found.instruments, found.schedule, found.wanted
        if not request.by_force:
            try:
                self._runs.check_free(instruments.names, request.parent)
            except BaseException:
                instruments.discard()
                raise
        layout = layout_of(
            schedule, z_step_um=wanted.z_step_um, interval_s=wanted.interval_s, z_um=wanted.z_um
        )
        killed = None if before is None else before.killed
        if before is not None and before.completes:
            layout_now, plan = before.layout, {}
        else:
            layout_now, plan = layout if wanted.exposes else None, found.plan
        start = RunStart(
            run=request.name,
            plan=plan,
            layout=layout_now,
            folder=request.folder,
            continues="" if before is None else before.folder,
            recovers=killed is not None,
            notes=request.notes,
            settings={"by_force": True} if request.by_force else {},
            by_force=request.by_force,
            rows=(STREAM,),
            mode=request.mode,
        )
        context = self._context
        interlocks = together(self._settings().interlocks, request.interlocks)
        watch = self._watches.watch(self._settings(), request.folder, request.name)
        try:
            seen = self._watches.look(watch, interlocks)
        except BaseException:
            watch.close()
            instruments.discard()
            raise
        journal = self._journal(start, found, request, killed) if instruments.records else None
        analysis = sink = None
        if request.pipeline is not None:
            sink = AnalysisLog(context.streams) if instruments.records else None
            keep = {} if journal is None else {"keep": journal.remembered}
            analysis = self._analysis(
                request, found, sink, before, time_points=lambda: engine.schedule.shape["t"], **keep
            )
        engine = RunEngine(
            start,
            schedule,
            instruments,
            clock=context.clock,
            log=context.log,
            tell=self._tell,
            note=_notes(self._log if instruments.records else None, sink),
            on_failure=self._settings().on_failure,
            done=found.done,
            parent=request.parent,
            forecast=self._forecast(found, _LOOKED_AT),
            known=KnownTimes(
                declared=found.declared,
                times=found.times,
                at=instruments.facts.found,
                measured=MeasuredTimes() if request.parent else self._measured,
            ),
            analysis=analysis,
            journal=journal,
            recovery=None if killed is None else killed.recovery,
            differences=differences,
            caller=lambda: current_call().caller,
            interlocks=interlocks,
            watch=watch,
            facts=seen,
            **({} if instruments.records else {"tell_record": self._keep_called}),
        )
        if wanted.largest_move_um:
            context.log.info("run %s: its largest move is %.6g um", request.name, wanted.largest_move_um)
        return KnownRun(engine, instruments)

    def _journal(
        self, start: RunStart, found: _Examined, request: StartRequest, killed: KilledRun | None
    ) -> RunJournal:
        """Return what keeps on the disk what the run has begun and done."""
        began = Began(
            run=start.run,
            at=self._context.clock.utc_ns() * 1e-9,
            boot=this_boot(),
            first=found.done.consumed,
            plan=start.plan,
            layout=start.layout,
            request=JournalRequest(
                notes=request.notes,
                parts=request.parts,
                pipeline=request.pipeline,
                mode=request.mode,
                interlocks=request.interlocks,
                facts=found.instruments.facts,
                search_path=tuple(sys.path),
            ),
        )
        journal = RunJournal(began, self._context.log)
        if killed is not None:
            assert self._log is not None
            journal.adopt(killed.recovery, self._log.append)
        return journal

    def _keep_called(self, run: str, command: str, details: dict[str, Any]) -> None:
        """Have the records of other runs hold what a service did for one that has no record."""
        for other in self._runs.going_on():
            if other.engine is not None and other.instruments is not None and other.instruments.records:
                other.engine.keep_called(run, command, details)

    def _analysis(
        self,
        request: StartRequest,
        found: _Examined,
        sink: AnalysisLog | None,
        before: EarlierRun | None,
        **watched: Callable[..., Any],
    ) -> LiveAnalysis:
        """Return what analyses the images of a run; nothing of it is started yet."""
        assert request.pipeline is not None
        context, camera, pipeline = self._context, found.settings.camera, request.pipeline.pipeline
        frame = open_stream(context.streams, camera).spec
        assert isinstance(frame, FrameSpec)
        setup = WorkerSetup(
            pipeline=pipeline,
            search_path=[*sys.path, *request.pipeline.search_path],
            streams=str(context.streams),
            camera=camera,
            spec=frame,
            trial=found.for_pipeline.trial(FrameHeader(frame=0)),
            shared=str(context.streams / f"{context.service}.{request.name}.worker"),
            stored_frames=found.settings.stored_frames if sink is not None else "",
        )
        analysis = LiveAnalysis(
            request.pipeline,
            workers=ProcessWorkers(setup, limit_s=limit_s(pipeline.deadline_s), log=context.log),
            held=RingFrames(context.streams, camera),
            sink=sink,
            clock=context.clock,
            frame=frame,
            channel=found.for_pipeline.channel,
            **watched,
        )
        if before is not None and before.analysis is not None:
            analysis.go_on_from(before.analysis)
        if before is not None and before.killed is not None:
            analysis.remember(before.killed.journalled.positions)
        return analysis

    def _earlier(self, before: KnownRun) -> EarlierRun:
        """Return a run that has ended, which another one goes on with."""
        if before.prepared is not None:
            name = before.prepared.request.name
            raise BadInputError(f"run {name!r} is prepared, and was not started: `start` it, or `cancel` it")
        if before.script is not None:
            raise BadInputError(f"run {before.script.name!r} is a script: there is no plan to go on with")
        if before.engine is not None:
            return EarlierRun.of(before.engine)
        if before.told is None or not before.told.folder:
            raise BadInputError("a run that was never started, or had no record, has nothing to go on with")
        return EarlierRun.found(before.told.folder, self._settings(), completes=False)

    def _restarts(self, service: str) -> int:
        record = directory.record(self._context.rig, service)
        return 0 if record is None else record.restarts


def _schedule(plan: Plan, before: EarlierRun | None) -> tuple[Schedule, EventCounts]:
    """Return the schedule of a run, and what of it is done: what is left of one that goes on is replaced."""
    if before is None:
        return Schedule(plan), EventCounts()
    if before.completes:
        return before.schedule, before.counts
    return before.schedule.with_future(before.counts.consumed, plan), before.counts


def _request_of(earlier: EarlierRun, name: str) -> StartRequest:
    """Return what was asked for a run that was killed, to be asked again."""
    assert earlier.killed is not None
    run = earlier.killed.journalled
    whole = run.plans[0] if len(run.plans) == 1 else combine(*run.plans, axis="t")
    asked = run.request
    return StartRequest(
        plan=plan_to_data(whole),
        name=name,
        notes=asked.notes,
        parts=asked.parts,
        pipeline=asked.pipeline,
        mode=asked.mode,
        interlocks=asked.interlocks,
    )


def _absolute(plan: Plan, found: dict[str, float]) -> Plan:
    if not plan.needs_origin:
        return plan
    return at_origin(plan, x_um=found.get("x"), y_um=found.get("y"), z_um=found.get("z"))


def _with_parts(settings: RunSettings, parts: dict[str, Any]) -> RunSettings:
    try:
        return RunSettings(**{**settings.model_dump(), **parts}) if parts else settings
    except ValidationError as error:
        raise BadInputError(f"parts of a run: {error}") from error


def _notes(log: LogWriter | None, sink: AnalysisLog | None) -> Callable[[SettledEvent], None]:
    """Return what writes down events that are settled, where there is a record."""

    def note(done: SettledEvent) -> None:
        if log is not None:
            log.note(done)
        if sink is not None:
            sink.note(done)

    return note
