"""Puts a run together: its engine, its journal, and what analyses its images. Nothing of it is started."""

from __future__ import annotations

import sys
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.run_status import RunForecast, RunStatus
from parfocal.ipc import current_call
from parfocal.runs.analysis_log import AnalysisLog
from parfocal.runs.conditions.watch_maker import WatchMaker
from parfocal.runs.earlier_run import EarlierRun, KilledRun
from parfocal.runs.engine import RunEngine
from parfocal.runs.event_log import STREAM
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.run_prediction import KnownTimes
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began, JournalRequest
from parfocal.runs.journal_file import this_boot
from parfocal.runs.pipeline.held_frames import RingFrames
from parfocal.runs.pipeline.image_group import cut_time_points
from parfocal.runs.pipeline.live_analysis import LiveAnalysis
from parfocal.runs.pipeline.messages import WorkerSetup
from parfocal.runs.pipeline.workers import ProcessWorkers, limit_s
from parfocal.runs.plans.survey import layout_of
from parfocal.runs.prepared import StartRequest
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.settings import RunSettings
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.processes import ServiceContext
    from parfocal.runs.event_log import LogWriter, SettledEvent
    from parfocal.runs.examining import ExaminedRequest
    from parfocal.runs.recovery.recovery import Recovery


class RunMaker:
    """Makes runs of requests that were examined. One thread.

    Parameters
    ----------
    context : ServiceContext
        Of the service that carries them out.
    settings : callable
        Returns the settings of that service.
    runs : RunTable
        Those that there are.
    watches : WatchMaker
        Looks at the values of conditions.
    tell : callable
        Is told the states of the runs.
    log : LogWriter or None
        Takes the events of the run that is recorded.
    measured : MeasuredTimes
        Told what the devices of the rig take in its runs.
    """

    def __init__(
        self,
        context: ServiceContext,
        settings: Callable[[], RunSettings],
        runs: RunTable,
        watches: WatchMaker,
        tell: Callable[[RunStatus], None],
        log: LogWriter | None,
        measured: MeasuredTimes,
    ) -> None:
        self._context, self._settings, self._runs = context, settings, runs
        self._watches, self._tell, self._log, self._measured = watches, tell, log, measured

    def make(
        self,
        request: StartRequest,
        found: ExaminedRequest,
        before: EarlierRun | None,
        forecast: RunForecast,
        differences: Sequence[str] = (),
    ) -> KnownRun:
        """Return a run of a request that the rig can carry out, not started yet.

        Raises
        ------
        ClaimedError
            If another run uses one of the instruments; names both.
        """
        instruments, schedule, wanted = found.instruments, found.schedule, found.wanted
        if not request.by_force:
            try:
                self._runs.check_free(instruments.names, request.parent)
            except BaseException:
                instruments.discard()
                raise
        killed = None if before is None else before.killed
        start = _start_of(request, found, before)
        context = self._context
        watch = self._watches.watch(self._settings(), request.folder, request.name)
        try:
            seen = self._watches.look(watch, found.interlocks)
        except BaseException:
            watch.close()
            instruments.discard()
            raise
        analysis = sink = None
        if request.pipeline is not None and instruments.records:
            sink = AnalysisLog(context.streams)
        journal = self._journal(start, found, request, killed, sink) if instruments.records else None
        if request.pipeline is not None:
            keep = {} if journal is None else {"keep": journal.remembered}
            analysis = self._analysis(
                request, found, sink, before, time_points=lambda: engine.schedule.shape["t"], **keep
            )
        log = self._log if instruments.records else None
        engine = RunEngine(
            start,
            schedule,
            instruments,
            clock=context.clock,
            log=context.log,
            tell=self._tell,
            note=_notes(log, sink),
            at=(lambda _: None) if log is None else log.at,
            on_failure=self._settings().on_failure,
            done=found.done,
            parent=request.parent,
            forecast=forecast,
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
            interlocks=found.interlocks,
            watch=watch,
            facts=seen,
            open_ended=request.open_ended,
            **({} if instruments.records else {"tell_record": self._keep_called}),
        )
        if wanted.largest_move_um:
            context.log.info("run %s: its largest move is %.6g um", request.name, wanted.largest_move_um)
        return KnownRun(engine, instruments)

    def _journal(
        self,
        start: RunStart,
        found: ExaminedRequest,
        request: StartRequest,
        killed: KilledRun | None,
        sink: AnalysisLog | None,
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
            journal.adopt(killed.recovery, partial(_log_recovery, self._log, sink))
        return journal

    def _keep_called(self, run: str, command: str, details: dict[str, Any]) -> None:
        """Have the records of other runs hold what a service did for one that has no record."""
        for other in self._runs.going_on():
            if other.engine is not None and other.instruments is not None and other.instruments.records:
                other.engine.keep_called(run, command, details)

    def _analysis(
        self,
        request: StartRequest,
        found: ExaminedRequest,
        sink: AnalysisLog | None,
        before: EarlierRun | None,
        **watched: Callable[..., Any],
    ) -> LiveAnalysis:
        """Return what analyses the images of a run; nothing of it is started yet."""
        assert request.pipeline is not None
        context, camera, pipeline = self._context, found.settings.camera, request.pipeline.pipeline
        frame = open_stream(context.streams, camera).spec
        assert isinstance(frame, FrameSpec)
        file_name = blake2b(request.name.encode(), digest_size=8).hexdigest()  # a name may be any text
        setup = WorkerSetup(
            pipeline=pipeline,
            search_path=[*sys.path, *request.pipeline.search_path],
            streams=str(context.streams),
            camera=camera,
            spec=frame,
            trial=found.for_pipeline.trial(FrameHeader(frame=0)),
            shared=str(context.streams / f"{context.service}.{file_name}.worker"),
            stored_frames=found.settings.stored_frames if sink is not None else "",
            real_time=found.settings.real_time_workers,
        )
        analysis = LiveAnalysis(
            request.pipeline,
            workers=ProcessWorkers(setup, limit_s=limit_s(pipeline.deadline_s), log=context.log),
            held=RingFrames(context.streams, camera),
            sink=sink,
            clock=context.clock,
            frame=frame,
            channel=found.for_pipeline.channel,
            completes=before is not None and before.completes,
            cut=_cut_in(found, before),
            **watched,
        )
        if before is not None and before.analysis is not None:
            analysis.go_on_from(before.analysis)
        if before is not None and before.killed is not None:
            analysis.remember(before.killed.journalled.positions)
        return analysis


def _cut_in(found: ExaminedRequest, before: EarlierRun | None) -> frozenset[tuple[int, int]]:
    """Return the time points of which some images were taken before the run was cut short that goes on."""
    if before is None or before.killed is None or not before.completes:
        return frozenset()
    recovery = before.killed.recovery
    return cut_time_points(found.schedule, found.for_pipeline.channel, recovery.first, recovery.settled)


def _start_of(request: StartRequest, found: ExaminedRequest, before: EarlierRun | None) -> RunStart:
    """Return with what a run begins."""
    wanted, killed = found.wanted, None if before is None else before.killed
    layout = layout_of(
        found.schedule, z_step_um=wanted.z_step_um, interval_s=wanted.interval_s, z_um=wanted.z_um
    )
    if before is not None and before.completes:
        layout_now, plan = before.layout, {}
    else:
        layout_now, plan = layout if wanted.exposes else None, found.plan
    return RunStart(
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


def _log_recovery(log: LogWriter, sink: AnalysisLog | None, recovery: Recovery) -> None:
    """Write down what the record of a run that was killed does not have of its events."""
    log.append(recovery.unlogged)
    if sink is not None:
        for stimulus in recovery.unlogged_stimuli:
            sink.note_stimulus(stimulus)
        for stimulus in recovery.unlogged_doses:
            sink.note_doses(stimulus)


def _notes(log: LogWriter | None, sink: AnalysisLog | None) -> Callable[[SettledEvent], None]:
    """Return what writes down events that are settled, where there is a record."""

    def note(done: SettledEvent) -> None:
        if log is not None:
            log.note(done)
        if sink is not None:
            sink.note(done)

    return note
