"""The runs of a service: found by name, who excludes whom, who belongs to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.errors import BadInputError, ClaimedError, RunNotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.run_status import RunStatus
    from parfocal.runs.engine import RunEngine
    from parfocal.runs.instruments.rig_instruments import RigInstruments

_KEPT = 100
"""So many runs that have ended are remembered."""


class KnownRun(NamedTuple):
    """A run and its instruments; of one that an earlier process carried out only the final status."""

    engine: RunEngine | None
    instruments: RigInstruments | None
    final: RunStatus | None = None

    def status(self) -> RunStatus:
        """Return how it is."""
        if self.engine is not None:
            return self.engine.status()
        assert self.final is not None
        return self.final

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.engine is not None and not self.engine.has_ended


class RunTable:
    """Runs by name, the oldest first. Any thread may ask; one at a time adds."""

    def __init__(self) -> None:
        self._known: dict[str, KnownRun] = {}

    def add(self, name: str, run: KnownRun) -> None:
        """Take a run in, in place of one of that name; those that ended long ago are forgotten."""
        known = {other: one for other, one in self._known.items() if other != name} | {name: run}
        ended = [other for other, one in known.items() if not one.goes_on]
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
        """Return what carries a run out; `BadInputError` if that was an earlier process."""
        engine = self.find(name).engine
        if engine is None:
            raise BadInputError(f"run {name!r} was ended by the death of the process that carried it out")
        return engine

    def family(self, name: str) -> list[RunEngine]:
        """Return a run and those that it started, and those that they started."""
        family = [self.engine(name)]
        for one in family:
            family += [
                other.engine for other in self.going_on() if other.engine and other.engine.parent == one.name
            ]
        return family

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
            If a run of that name goes on.
        """
        if not wanted:
            return next(name for number in range(1, 10**9) if (name := f"run{number}") not in self._known)
        if wanted in self._known and self._known[wanted].goes_on:
            raise BadInputError(f"a run {wanted!r} goes on; give the new one another name, or end that first")
        return wanted

    def check_free(self, claims: Iterable[str], parent: str) -> None:
        """Refuse instruments that another run holds, but the parent's; names the run and the instruments."""
        wanted, family = set(claims), set()
        while parent:
            family.add(parent)
            parent = self.engine(parent).parent
        for run in self.going_on():
            status = run.status()
            if status.run not in family and (both := wanted & set(status.claims)):
                raise ClaimedError(f"run {status.run!r} uses {', '.join(sorted(both))}: wait, or cancel it")
