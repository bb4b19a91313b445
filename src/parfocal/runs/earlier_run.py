"""What a run goes on with: one that has ended, of this process or of one that was killed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunErrors
from parfocal.processes.loading import load_object
from parfocal.runs.journal_file import read_journal, this_boot
from parfocal.runs.recovery.journalled_run import JournalledRun, journalled
from parfocal.runs.recovery.recovery import Recovery, recovery_of

if TYPE_CHECKING:
    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.engine import RunEngine
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.pipeline.live_analysis import LiveAnalysis
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.settings import RunSettings


class KilledRun(NamedTuple):
    """A run that was killed: as its journal tells it, and how it stands."""

    journalled: JournalledRun
    recovery: Recovery


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """A run that has ended.

    Attributes
    ----------
    name, folder : str
        Its own, and that of its record.
    schedule, counts : Schedule, EventCounts
        Its events, and what became of them; `counts.asked` those whose frames are missing, of one that was
        killed. What went wrong in it stays with its own phase of the record.
    analysis : LiveAnalysis or None
        What it remembers of its positions.
    killed : KilledRun or None
        How it was found, if its process is gone.
    completes : bool
        Whether its own plan goes on, instead of another one.
    """

    name: str
    folder: str
    schedule: Schedule
    counts: EventCounts
    analysis: LiveAnalysis | None = None
    killed: KilledRun | None = None
    completes: bool = False

    @classmethod
    def of(cls, engine: RunEngine) -> Self:
        """Return a run of this process."""
        return cls(
            name=engine.name,
            folder=engine.folder,
            schedule=engine.schedule,
            counts=msgspec.structs.replace(engine.counts, asked=0, errors=RunErrors()),
            analysis=engine.analysis,
        )

    @classmethod
    def found(cls, folder: str, settings: RunSettings, *, completes: bool) -> Self:
        """Return a run of a process that was killed, by its journal and what is stored.

        Raises
        ------
        BadInputError
            If nobody can go on with it; says why.
        """
        killed = killed_run(folder, settings)
        recovery = killed.recovery
        if completes and recovery.broken_off:
            raise BadInputError(f"the run in {folder} can't be completed: {recovery.broken_off}")
        if not completes and (recovery.repeated or recovery.settled):
            raise BadInputError(
                f"{len(recovery.repeated)} events of the run in {folder} have lost their frames: complete it "
                "first, with `parfocal recover`"
            )
        if not completes:  # events of these numbers are those of another plan
            killed = killed._replace(recovery=replace(recovery, decided={}))
        return cls(
            name=killed.journalled.run,
            folder=folder,
            schedule=killed.journalled.schedule,
            counts=recovery.counts,
            killed=killed,
            completes=completes,
        )

    @property
    def layout(self) -> EventLayout | None:
        """Where the frames of its events lie, if its own plan goes on."""
        return self.killed.journalled.layout if self.killed is not None and self.completes else None


def killed_run(folder: str, settings: RunSettings) -> KilledRun:
    """Return how a run stands whose process is gone; `BadInputError` if its folder does not tell it."""
    run = journalled(read_journal(Path(folder)).entries, this_boot())
    stored_events = load_object(settings.stored_events, "stored_events of the service runs")
    return KilledRun(run, recovery_of(run, *stored_events(folder, settings.camera)))
