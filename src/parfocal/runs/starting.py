"""Makes a run of a request, checked against the rig before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from parfocal.core.errors import BadInputError
from parfocal.processes import directory
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.rig_instruments import RigInstruments
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.survey import layout_of, survey
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.run_status import RunStatus
    from parfocal.processes import ServiceContext
    from parfocal.runs.event_log import LogWriter
    from parfocal.runs.plans.plan import Plan


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What a caller asks for; see `RunService.start`."""

    plan: dict[str, Any]
    name: str = ""
    folder: str = ""
    by_force: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    parts: dict[str, Any] = field(default_factory=dict)


class RunStarter:
    """Makes runs, and adds them to the table; they are not started yet. One thread.

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
    """

    def __init__(
        self,
        context: ServiceContext,
        settings: Callable[[], RunSettings],
        runs: RunTable,
        tell: Callable[[RunStatus], None],
        log: LogWriter | None,
    ) -> None:
        self._context, self._settings, self._runs = context, settings, runs
        self._tell, self._log = tell, log

    def new(self, request: StartRequest) -> KnownRun:
        """Return a new run.

        Raises
        ------
        BadInputError
            If the plan is wrong, or the rig can't do it; names the value.
        ClaimedError
            If another run uses one of the instruments; names both.
        """
        name = self._runs.new_name(request.name)
        return self._made(replace(request, name=name), None)

    def continued(self, request: StartRequest, before: KnownRun) -> KnownRun:
        """Return a run that goes on with the indices and the files of one that has ended."""
        if before.engine is None:
            raise BadInputError("a run whose process died cannot be continued yet: start a new one")
        return self._made(replace(request, name=before.engine.name), before.engine)

    def checked(self, run: KnownRun, plan: dict[str, Any]) -> Plan:
        """Return a plan that is to be appended to a run, checked against its instruments."""
        instruments = run.instruments
        if instruments is None:
            raise BadInputError("that run was ended by the death of its process")
        absolute = _absolute(plan_from_data(plan), instruments.found)
        instruments.check(survey(absolute.events(), instruments.found))
        return absolute

    def _made(self, request: StartRequest, before: RunEngine | None) -> KnownRun:
        context = self._context
        parent = self._runs.find(request.parent).instruments if request.parent else None
        instruments = RigInstruments(
            _with_parts(self._settings(), request.parts),
            partial(directory.connect, context.rig),
            self._restarts,
            context.streams,
            context.clock,
            context.log,
            use=None if parent is None else parent.use,
        )
        try:
            plan = _absolute(plan_from_data(request.plan), instruments.learn())
            schedule, done = _schedule(plan, before)
            wanted = survey(schedule.events(done.consumed), instruments.found)
            instruments.check(wanted)
            if not request.by_force:
                self._runs.check_free(instruments.names, request.parent)
        except BaseException:
            instruments.discard()
            raise
        layout = layout_of(
            schedule, z_step_um=wanted.z_step_um, interval_s=wanted.interval_s, z_um=wanted.z_um
        )
        start = RunStart(
            run=request.name,
            plan=plan_to_data(plan),
            layout=layout if wanted.exposes else None,
            folder=request.folder,
            continues="" if before is None else before.status().folder,
            notes=request.notes,
            settings={"by_force": True} if request.by_force else {},
            by_force=request.by_force,
        )
        engine = RunEngine(
            start,
            schedule,
            instruments,
            clock=context.clock,
            log=context.log,
            tell=self._tell,
            note=self._log.note if self._log is not None and instruments.records else _nowhere,
            on_failure=self._settings().on_failure,
            done=done,
            parent=request.parent,
        )
        if wanted.largest_move_um:
            context.log.info("run %s: its largest move is %.6g um", request.name, wanted.largest_move_um)
        run = KnownRun(engine, instruments)
        self._runs.add(request.name, run)
        return run

    def _restarts(self, service: str) -> int:
        record = directory.record(self._context.rig, service)
        return 0 if record is None else record.restarts


def _schedule(plan: Plan, before: RunEngine | None) -> tuple[Schedule, EventCounts]:
    """Return the schedule of a run, and what of it is done: what is left of one that goes on is replaced."""
    if before is None:
        return Schedule(plan), EventCounts()
    done = msgspec.structs.replace(before.counts, asked=0)
    return before.schedule.with_future(done.consumed, plan), done


def _absolute(plan: Plan, found: dict[str, float]) -> Plan:
    if not plan.needs_origin:
        return plan
    return at_origin(plan, x_um=found.get("x"), y_um=found.get("y"), z_um=found.get("z"))


def _with_parts(settings: RunSettings, parts: dict[str, Any]) -> RunSettings:
    try:
        return RunSettings(**{**settings.model_dump(), **parts}) if parts else settings
    except ValidationError as error:
        raise BadInputError(f"parts of a run: {error}") from error


def _nowhere(done: object) -> None:
    del done
