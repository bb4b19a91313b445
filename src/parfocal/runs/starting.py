"""Makes a run of a request, checked against the rig before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunForecast, RunStatus
from parfocal.runs.conditions.interlocks import interlocks_from_data
from parfocal.runs.conditions.watch_maker import WatchMaker
from parfocal.runs.earlier_run import EarlierRun, killed_run
from parfocal.runs.examining import RequestExaminer, absolute
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecasting import foreseen
from parfocal.runs.instruments.rig_facts import changes
from parfocal.runs.making import RunMaker
from parfocal.runs.pipeline.plan_check import check_plan
from parfocal.runs.plans.calls import calls_of
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.conditional import conditions_in
from parfocal.runs.plans.field_of_view import tiled
from parfocal.runs.plans.outline import outline_of
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.survey import survey
from parfocal.runs.preflight import check_masks, preflight
from parfocal.runs.prepared import PlanForecast, PreparedRun, StartRequest
from parfocal.runs.recovery.differences import differences
from parfocal.runs.recovery.report import RecoveryReport, report_of
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.processes import ServiceContext
    from parfocal.runs.event_log import LogWriter
    from parfocal.runs.pipeline.request import PipelineRequest


_LOOKED_AT = 10_000
"""Events of a run that is started at once which are looked at for what is late."""


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
        self._watches = watches = WatchMaker(context)
        self._context, self._settings, self._runs, self._measured = context, settings, runs, measured
        self._examiner = RequestExaminer(context, settings, runs, watches, measured)
        self._maker = RunMaker(context, settings, runs, watches, tell, log, measured)

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
        run = self._made(request, None)
        self._runs.add(request.name, run)
        return run

    def continued(self, request: StartRequest, before: KnownRun) -> KnownRun:
        """Return a run that goes on with the indices and the files of one that has ended."""
        earlier = self._earlier(before)
        request = replace(request, name=earlier.name)
        run = self._made(request, earlier)
        self._runs.add(request.name, run)
        return run

    def recovered(
        self, folder: str, differences: Sequence[str] = (), pipeline: PipelineRequest | None = None
    ) -> KnownRun:
        """Return a run that completes one which was killed; its record tells the `differences` of the rig.

        A `pipeline` takes the place of its own, of which steps have other sources by now.

        Raises
        ------
        BadInputError
            If it goes on, or can't be completed in this rig; says why.
        """
        self._runs.check_ended(folder)
        earlier = EarlierRun.found(folder, self._settings(), completes=True)
        name = self._runs.name_for(earlier.name, folder)
        request = _request_of(earlier, name)
        request = replace(request, pipeline=pipeline or request.pipeline)
        run = self._made(request, earlier, differences=differences)
        self._runs.add(name, run)
        return run

    def recovery(self, folder: str) -> RecoveryReport:
        """Return how a run stands that was killed, and what of the rig differs from then."""
        self._runs.check_ended(folder)
        settings = self._settings()
        killed = killed_run(folder, settings)
        try:
            earlier = EarlierRun.found(folder, settings, completes=True)
            found = self._examiner.examine(_request_of(earlier, killed.journalled.run), earlier)
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
        found = self._examiner.examine(request, earlier)
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
            forecast=self._examiner.forecast(found, None),
        )
        engine, instruments = (None, None) if before is None else (before.engine, before.instruments)
        run = KnownRun(engine, instruments, status, prepared)
        self._runs.prepare(request.name, run)
        return run

    def foreseen(self, request: StartRequest, cells: int) -> PlanForecast:
        """Return what a plan would be as a new run; its outline has so many cells. Raises as `prepared`."""
        found = self._examiner.examine(request, None)
        found.instruments.discard()
        return PlanForecast(
            shape=found.schedule.shape,
            forecast=self._examiner.forecast(found, None),
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
        found = self._examiner.examine(request, prepared.before, prepared)
        facts = found.instruments.facts
        if told := changes(prepared.facts, facts, prepared.wanted, prepared.needs_origin):
            found.instruments.discard()
            raise BadInputError(
                f"run {request.name!r} would not be what was prepared: {'; '.join(told)}. Bring that back, "
                "or cancel the run and prepare it again"
            )
        run = self._maker.make(request, found, prepared.before, self._examiner.forecast(found, _LOOKED_AT))
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
        plan_here = absolute(tiled(plan_from_data(plan), facts.field_um), facts.found)
        facts = msgspec.structs.replace(facts, problems=instruments.problems(calls_of(plan_here)))
        preflight(survey(plan_here.events(), facts.found), facts, appended=True)
        self._watches.check(self._settings(), conditions_in(plan_here))
        if run.engine is not None and run.engine.analysis is not None:
            found = check_plan(plan_here.events(), run.engine.analysis.request)
            if found.masked:
                check_masks(found.masked, facts, self._context.clock.utc_ns())
        return plan_here

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

    def _made(
        self, request: StartRequest, before: EarlierRun | None, *, differences: Sequence[str] = ()
    ) -> KnownRun:
        found = self._examiner.examine(request, before)
        forecast = self._examiner.forecast(found, _LOOKED_AT)
        return self._maker.make(request, found, before, forecast, differences)

    def _earlier(self, before: KnownRun) -> EarlierRun:
        """Return a run that has ended, which another one goes on with."""
        if before.prepared is not None:
            name = before.prepared.request.name
            raise BadInputError(f"run {name!r} is prepared, and was not started: `start` it, or `cancel` it")
        if before.script is not None:
            raise BadInputError(f"run {before.script.name!r} is a script: there is no plan to go on with")
        if before.engine is not None:
            before.engine.join()  # it closes its journal last of all, and the same one goes on
            return EarlierRun.of(before.engine)
        if before.told is None or not before.told.folder:
            raise BadInputError("a run that was never started, or had no record, has nothing to go on with")
        return EarlierRun.found(before.told.folder, self._settings(), completes=False)


def check_appended(request: StartRequest, name: str, known: KnownRun) -> None:
    """Refuse a plan for a run that goes on, if more is asked for with it than that run has.

    Raises
    ------
    BadInputError
        Naming what the run can't take any more.
    """
    run = known.engine
    if run is None:  # a script: nothing can be appended to it
        return
    own = None if run.analysis is None else run.analysis.request
    pipeline, interlocks = request.pipeline, interlocks_from_data(request.interlocks)
    asked = {
        "open_ended": request.open_ended and not run.open_ended,
        "the pipeline": pipeline is not None
        and (own is None or (pipeline.pipeline, pipeline.mode) != (own.pipeline, own.mode)),
        "interlocks": any(one not in run.interlocks for one in interlocks),
        "notes": bool(request.notes),
        "the mode": request.mode is not None,
        "parts": bool(request.parts),
    }
    if other := [what for what, is_other in asked.items() if is_other]:
        raise BadInputError(
            f"run {name!r} goes on, so the plan would be appended to it, and {', '.join(other)} can't be "
            "changed any more: extend it by the plan alone, or start this when it has ended"
        )


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
