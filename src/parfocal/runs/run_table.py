"""The runs of a service: found by name, who excludes whom, who belongs to whom."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from parfocal.core.errors import BadInputError, ClaimedError, RunNotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.run_status import RunStatus
    from parfocal.runs.engine import RunEngine
    from parfocal.runs.instruments.rig_instruments import RigInstruments
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.prepared import PreparedRun
    from parfocal.runs.scripts.script_run import ScriptRun

_KEPT = 100
"""So many runs that have ended are remembered."""
MOST_PREPARED = 100
"""So many may wait to be started."""


class KnownRun(NamedTuple):
    """A run and its instruments; of one that nobody carries out its status, and what is prepared of it.

    A continuation that is prepared has the engine of what it goes on with. A script has no engine.
    """

    engine: RunEngine | None
    instruments: RigInstruments | None
    told: RunStatus | None = None
    prepared: PreparedRun | None = None
    script: ScriptRun | None = None

    @property
    def control(self) -> RunEngine | ScriptRun | None:
        """What carries it out, of a plan or of a script."""
        return self.script or self.engine

    def status(self) -> RunStatus:
        """Return how it is."""
        if self.told is not None:
            return self.told
        assert self.control is not None
        return self.control.status()

    @property
    def goes_on(self) -> bool:
        """Whether it was started and has not ended."""
        return self.control is not None and not self.control.has_ended


class RunTable:
    """Runs by name, the oldest first. Any thread.

    A run that is prepared becomes one that goes on, or one that has ended: whichever is asked for first, and
    the other is told so.

    Attributes
    ----------
    steering : threading.Lock
        Held while a run is steered with those that it has started: they are held, and go on, alike.
    """

    def __init__(self) -> None:
        self.steering = threading.Lock()
        self._lock = threading.Lock()  # of changes: whoever looks sees one table or the next
        self._known: dict[str, KnownRun] = {}

    def add(self, name: str, run: KnownRun) -> None:
        """Take a run in, in place of one of that name; those that ended long ago are forgotten."""
        with self._lock:
            self._put(name, run)

    def prepare(self, name: str, run: KnownRun) -> None:
        """Take in a run that may be started; `BadInputError` if there are too many."""
        with self._lock:
            if sum(one.prepared is not None for one in self._known.values()) >= MOST_PREPARED:
                raise BadInputError(f"{MOST_PREPARED} runs are prepared; start or cancel some of them first")
            self._put(name, run)

    def start(self, name: str, prepared: KnownRun, run: KnownRun) -> None:
        """Put the run that goes on in place of the prepared one; `BadInputError` if that is gone."""
        with self._lock:
            if self._known.get(name) is not prepared:
                raise BadInputError(f"run {name!r} was cancelled before it was started; prepare it again")
            self._put(name, run)

    def drop(self, name: str, reason: str, finished_at: float) -> RunStatus | None:
        """End a run that is prepared; return its final status, or None if it is not prepared."""
        with self._lock:
            run = self.find(name)
            if run.prepared is None or run.told is None:
                return None
            stays = (
                "" if run.engine is None else f"what it was to go on with stays {run.engine.status().outcome}"
            )
            dropped = msgspec.structs.replace(
                run.told,
                state="ended",
                outcome="cancelled",
                reason="; ".join(filter(None, (reason, stays))),
                finished_at=finished_at,
                remaining_s=0.0,
            )
            self._put(run.told.run, KnownRun(run.engine, run.instruments, dropped))
            return dropped

    def prepared(self) -> list[str]:
        """Return the names of those that may be started."""
        return [name for name, run in self._known.items() if run.prepared is not None]

    def _put(self, name: str, run: KnownRun) -> None:
        known = {other: one for other, one in self._known.items() if other != name} | {name: run}
        ended = [other for other, one in known.items() if not one.goes_on and one.prepared is None]
        for other in ended[: max(0, len(ended) - _KEPT)]:
            del known[other]
        self._known = known

    def find(self, name: str) -> KnownRun:
        """Return a run, the newest for ""; `RunNotFoundError` names the nearest."""
        known = self._known
        if not name and known:
            return known[next(reversed(known))]
        if name not in known:
            raise RunNotFoundError(f"there is no run {name!r}; {nearest(name, known)}")
        return known[name]

    def engine(self, name: str) -> RunEngine:
        """Return what carries out the plan of a run; raises as `control`, and for a script."""
        self.control(name)
        engine = self.find(name).engine
        if engine is None:
            raise BadInputError(f"run {name!r} is a script: it has no plan, events or pipeline")
        return engine

    def control(self, name: str) -> RunEngine | ScriptRun:
        """Return what carries a run out; `BadInputError` if nothing does yet, or an earlier process did."""
        run = self.find(name)
        if (control := run.control) is not None and run.told is None:
            return control
        if run.prepared is not None:
            raise BadInputError(
                f"run {run.status().run!r} is prepared, and was not started: `start` it, or `cancel` it"
            )
        if control is not None or run.status().outcome == "cancelled":
            raise BadInputError(f"run {name!r} was cancelled before it was started; prepare it again")
        raise BadInputError(f"run {name!r} was ended by the death of the process that carried it out")

    def schedule(self, name: str) -> Schedule:
        """Return the events of a run as they are now; `BadInputError` if nobody knows them any more."""
        prepared = self.find(name).prepared
        return self.engine(name).schedule if prepared is None else prepared.schedule

    def family(self, name: str) -> list[RunEngine | ScriptRun]:
        """Return a run and those that it started, and those that they started."""
        family = [self.control(name)]
        for one in family:
            family += [child for child in self.children(one.name) if not child.has_ended]
        return family

    def children(self, name: str) -> list[RunEngine]:
        """Return the runs that a run has started, those that have ended included."""
        engines = [run.engine for run in self._known.values() if run.engine is not None and run.told is None]
        return [engine for engine in engines if engine.parent == name]

    def orphans(self) -> list[RunEngine]:
        """Return the runs that go on although the one that started them has ended."""
        engines = [run.engine for run in self.going_on() if run.engine is not None]
        return [one for one in engines if one.parent and not self.find(one.parent).goes_on]

    def going_on(self) -> list[KnownRun]:
        """Return the runs that have not ended."""
        return [run for run in self._known.values() if run.goes_on]

    def statuses(self) -> dict[str, RunStatus]:
        """Return how all are."""
        return {name: run.status() for name, run in self._known.items()}

    def new_name(self, wanted: str) -> str:
        """Return the name of a new run: the wanted one if it is free, else run1, run2 and so on.

        Raises
        ------
        BadInputError
            If a run of that name goes on, or is prepared.
        """
        if not wanted:
            return next(name for number in range(1, 10**9) if (name := f"run{number}") not in self._known)
        known = self._known.get(wanted)
        if known is not None and (known.goes_on or known.prepared is not None):
            stands = "goes on" if known.goes_on else "is prepared"
            raise BadInputError(
                f"a run {wanted!r} {stands}; give the new one another name, or cancel that first"
            )
        return wanted

    def free_name(self, wanted: str) -> str:
        """Return a name that no run has: the wanted one, else the first of name-2, name-3 and so on."""
        names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, 10**9))
        return next(name for name in names if name not in self._known)

    def name_for(self, wanted: str, folder: str) -> str:
        """Return the name of a run whose record is in `folder`: the wanted one, unless another run has it."""
        known = self._known.get(wanted)
        is_other = known is not None and not _same(known.status().folder, folder)
        return self.free_name(wanted) if is_other else wanted

    def check_ended(self, folder: str) -> None:
        """Refuse the folder of a run that goes on; `BadInputError` names the run."""
        for run in self.going_on():
            status = run.status()
            if _same(status.folder, folder):
                raise BadInputError(f"run {status.run!r} in {folder} goes on: it needs no recovery")

    def check_free(self, claims: Iterable[str], parent: str) -> None:
        """Refuse instruments that another run holds, but the parent's; names the run and the instruments."""
        wanted, family = set(claims), set()
        while parent:
            family.add(parent)
            parent = self.control(parent).parent if parent in self._known else ""
        self._check_claims(wanted, family)

    def check_free_beside(self, claims: Iterable[str], script: str) -> None:
        """Refuse services that another run holds than a script, and those that it has started; names them."""
        self._check_claims(set(claims), {script, *(child.name for child in self.children(script))})

    def _check_claims(self, wanted: set[str], family: set[str]) -> None:
        for run in self.going_on():
            status = run.status()
            if status.run not in family and (both := wanted & set(status.claims)):
                raise ClaimedError(f"run {status.run!r} uses {', '.join(sorted(both))}: wait, or cancel it")


def _same(one: str, other: str) -> bool:
    return bool(one) and Path(one).absolute() == Path(other).absolute()
