"""Makes what looks at the conditions of a run, and checks before it that somebody can tell each of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.processes import directory
from parfocal.runs.conditions.interlocks import breaches
from parfocal.runs.conditions.sources import Sources
from parfocal.runs.conditions.watching import ConditionWatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.processes import ServiceContext
    from parfocal.runs.conditions.condition import Condition
    from parfocal.runs.conditions.interlocks import Interlock
    from parfocal.runs.conditions.judging import Facts
    from parfocal.runs.settings import RunSettings

_LOOK_S = 2.0


class WatchMaker:
    """Makes watches for the runs of a rig. One thread.

    Parameters
    ----------
    context : ServiceContext
        Of the service that carries them out.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def watch(self, settings: RunSettings, folder: str, name: str) -> ConditionWatch:
        """Return what looks for the run of that name, whose record goes to `folder`."""
        return ConditionWatch(self._sources(settings, folder), self._context.clock, name)

    def check(self, settings: RunSettings, conditions: Iterable[Condition]) -> None:
        """Refuse conditions of which nobody can tell anything; nothing is carried out.

        Raises
        ------
        BadInputError
            Naming what is asked for, and why nobody can tell it.
        """
        asked = [one for condition in conditions for one in condition.comparisons()]
        if not asked:
            return
        sources = self._sources(settings, "")
        try:
            for one in asked:
                sources.check(one)
        except ParfocalError as error:
            raise BadInputError(
                f"a condition asks for {one.title}, which nobody can tell: {error}"
            ) from error
        finally:
            sources.close()

    def look(self, watch: ConditionWatch, interlocks: Iterable[Interlock]) -> Facts:
        """Return what is seen of interlocks; `BadInputError` names those that are breached, and why."""
        interlocks = tuple(interlocks)
        if not interlocks:
            return {}
        seen = watch.look([interlock.condition for interlock in interlocks], _LOOK_S)
        if found := breaches(interlocks, seen, self._context.clock.monotonic_ns()):
            told = "; ".join(breach.told for breach in found)
            raise BadInputError(f"{told}. Nothing was started: start the run when that holds")
        return seen

    def _sources(self, settings: RunSettings, folder: str) -> Sources:
        context = self._context
        return Sources(
            context.rig,
            partial(directory.connect, context.rig),
            context.streams,
            recorder=settings.recorder,
            folder=folder,
        )
