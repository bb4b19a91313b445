"""Asks a rig whether it can carry out what is asked for, and goes through the events; nothing is touched."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunForecast
from parfocal.processes import directory
from parfocal.processes.awake import keep_awake
from parfocal.runs.acquisition_mode import parts_of
from parfocal.runs.conditions.interlocks import Interlock, together
from parfocal.runs.conditions.watch_maker import WatchMaker
from parfocal.runs.earlier_run import EarlierRun
from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.prediction import Prediction
from parfocal.runs.forecasting import foreseen
from parfocal.runs.instruments.rig_instruments import RigInstruments
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.pipeline.image_group import field_of
from parfocal.runs.pipeline.plan_check import PlanForPipeline, check_plan
from parfocal.runs.plans.calls import calls_of, needs_camera
from parfocal.runs.plans.conditional import conditions_in
from parfocal.runs.plans.field_of_view import tiled
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.survey import PlanSurvey, survey
from parfocal.runs.preflight import check_masks, preflight
from parfocal.runs.prepared import PreparedRun, StartRequest
from parfocal.runs.run_table import RunTable
from parfocal.runs.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.processes import ServiceContext
    from parfocal.runs.plans.service_call import ServiceCall


class ExaminedRequest(NamedTuple):
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
    interlocks: tuple[Interlock, ...]
    for_pipeline: PlanForPipeline

    @property
    def begin_s(self) -> float:
        """The second of the schedule with which it begins."""
        first = next(self.schedule.events(self.done.consumed), None) if self.done.consumed else None
        return 0.0 if first is None else first.min_start_time or 0.0


class RequestExaminer:
    """Looks at requests for runs. One thread, but for those of forecasts.

    Parameters
    ----------
    context : ServiceContext
        Of the service that carries runs out.
    settings : callable
        Returns the settings of that service.
    runs : RunTable
        Those that there are.
    watches : WatchMaker
        Knows which conditions can be looked at.
    measured : MeasuredTimes
        What the devices of the rig took before.
    """

    def __init__(
        self,
        context: ServiceContext,
        settings: Callable[[], RunSettings],
        runs: RunTable,
        watches: WatchMaker,
        measured: MeasuredTimes,
    ) -> None:
        self._context, self._settings, self._runs = context, settings, runs
        self._watches, self._measured = watches, measured

    def examine(
        self, request: StartRequest, before: EarlierRun | None, known: PreparedRun | None = None
    ) -> ExaminedRequest:
        """Ask the instruments, once, and go through the events, once: not again of what was prepared."""
        given = plan_from_data(request.plan)
        settings = self._for_plan(_with_parts(self._settings(), request.parts), given)
        if settings.keep_awake:  # set meanwhile, perhaps
            keep_awake(self._context.service).close()
        instruments = self._instruments(settings, request.parent, calls_of(given))
        folder = request.folder if before is None else before.folder
        try:
            facts = instruments.learn(folder, request.mode)
            asked = tiled(given, facts.field_um)
            plan = absolute(asked, facts.found)
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
                first = _first_of_time_point(schedule, done.consumed)
                completes = before is not None and before.completes
                for_pipeline = check_plan(schedule.events(first), request.pipeline, completes=completes)
                if for_pipeline.masked:
                    settings.service("modulator", "masks")
                    age = check_masks(for_pipeline.masked, facts, self._context.clock.utc_ns())
                    for_pipeline = for_pipeline.warning_of(age)
            with_calls = not self._measured.knows(instruments.camera_kept_as)
            declared = instruments.declared_times(with_calls=with_calls)
        except BaseException:
            instruments.discard()
            raise
        times = self._measured.over(declared)
        return ExaminedRequest(
            instruments=instruments,
            plan=plan_to_data(plan),
            needs_origin=asked.needs_origin,
            schedule=schedule,
            done=done,
            wanted=wanted,
            declared=declared,
            times=times,
            settings=settings,
            interlocks=interlocks,
            for_pipeline=for_pipeline,
        )

    def forecast(self, found: ExaminedRequest, most: int | None) -> RunForecast:
        """Return what a run is expected to need; its first `most` events are looked at for what is late."""
        facts, first = found.instruments.facts, found.done.consumed
        sequences = found.instruments.sequences_text(
            islice(found.schedule.events(first), most), found.times.exposure_ms.get("", 0.0)
        )
        return foreseen(
            found.schedule,
            Prediction(found.times, facts.found, begin_s=found.begin_s),
            found.wanted,
            facts,
            first=first,
            most=most,
            remarks=(*found.for_pipeline.warnings, sequences, *self._measured.slow_axes(found.declared)),
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

    def _restarts(self, service: str) -> int:
        record = directory.record(self._context.rig, service)
        return 0 if record is None else record.restarts


def absolute(plan: Plan, found: dict[str, float]) -> Plan:
    """Return a plan with the places that it has where the stages stand now."""
    if not plan.needs_origin:
        return plan
    return at_origin(plan, x_um=found.get("x"), y_um=found.get("y"), z_um=found.get("z"))


def _schedule(plan: Plan, before: EarlierRun | None) -> tuple[Schedule, EventCounts]:
    """Return the schedule of a run, and what of it is done: what is left of one that goes on is replaced."""
    if before is None:
        return Schedule(plan), EventCounts()
    if before.completes:
        return before.schedule, before.counts
    return before.schedule.with_future(before.counts.consumed, plan), before.counts


def _first_of_time_point(schedule: Schedule, number: int) -> int:
    """Return the first event of the time point and position that a run goes on with.

    What is left may begin with a stimulus: its images are done, and belong to it all the same.
    """
    following = next(schedule.events(number), None)
    if following is None or not following.is_exposure:
        return number
    while number and schedule.event(number - 1).is_exposure:
        if field_of(schedule.event(number - 1)) != field_of(following):
            break
        number -= 1
    return number


def _with_parts(settings: RunSettings, parts: dict[str, Any]) -> RunSettings:
    try:
        return RunSettings(**{**settings.model_dump(), **parts}) if parts else settings
    except ValidationError as error:
        raise BadInputError(f"parts of a run: {error}") from error
