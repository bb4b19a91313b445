"""A run that goes on after it had ended: what its record keeps of each phase before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.storage.collecting import Artifact
from parfocal.storage.disk import storage_errors
from parfocal.storage.incidents import Incident
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import RECORDING

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.storage.manifest import Manifest, StreamRecord


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a run that had ended before the run went on.

    Attributes
    ----------
    started, ended : Moment
        When it began and ended; `ended` is None of one that nobody closed.
    outcome, reason : str
        How it ended, as the record said it then of this phase.
    plan_notes, devices_at_end, losses, artifacts, incidents, errors
        As in `Manifest`; the files lie in a folder of their own by now.
    """

    started: Moment
    outcome: str
    reason: str = ""
    ended: Moment | None = None
    plan_notes: dict[str, Any] = {}
    devices_at_end: dict[str, Any] = {}
    losses: dict[str, int] = {}
    artifacts: dict[str, Artifact] = {}
    incidents: tuple[Incident, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """How long it lasted; 0 if nobody knows."""
        if self.ended is None:
            return 0.0
        return (self.ended.monotonic_ns - self.started.monotonic_ns) * 1e-9


def check_ended(manifest: Manifest, folder: Path) -> None:
    """Raise `BadInputError` if a run is still recorded: then it can be extended, but not continued."""
    if manifest.seen == RECORDING:
        raise BadInputError(f"the run in {folder} is still recorded: extend it, or finish it first")


def begin_phase(manifest: Manifest, folder: Path, now: Moment) -> Manifest:
    """Return the record of a run that goes on, in which all that ended is that of an earlier phase.

    Files that services gave to it are moved to a folder of the phase, so that new ones replace none.
    """
    name = f"phase-{len(manifest.phases) + 1}"
    kept = {}
    with storage_errors(folder):
        for file, artifact in manifest.artifacts.items():
            (folder / name).mkdir(exist_ok=True)
            if (folder / file).exists():
                (folder / file).replace(folder / name / file)
            kept[f"{name}/{file}"] = artifact
    phase = Phase(
        started=manifest.began,
        ended=manifest.ended,
        outcome=manifest.seen,
        reason=_own_reason(manifest),
        plan_notes=manifest.plan_notes,
        devices_at_end=manifest.devices_at_end,
        losses=manifest.losses,
        artifacts=kept,
        incidents=manifest.incidents,
        errors=manifest.errors,
    )
    streams = {
        name: msgspec.structs.replace(record, ring=msgspec.structs.replace(record.ring, ring=1))
        for name, record in manifest.streams.items()
    }
    return msgspec.structs.replace(
        manifest,
        streams=streams,
        phases=(*manifest.phases, phase),
        phase_started=now,
        outcome=RECORDING,
        reason="",
        ended=None,
        devices_at_end={},
        service_versions_at_end={},
        losses={},
        artifacts={},
        incidents=(),
        errors=(),
        restarts=(),
    )


def _own_reason(manifest: Manifest) -> str:
    """Return why the last phase ended, without what its reason told of those before."""
    reason = f"; {manifest.reason}"
    for sentence in describe_phases(manifest):
        reason = reason.replace(f"; {sentence}", "", 1)
    return reason.removeprefix("; ")


def earlier_losses(manifest: Manifest) -> dict[str, int]:
    """Return what never came to a recorded stream in the phases before this one, by reason."""
    total: dict[str, int] = {}
    for phase in manifest.phases:
        for reason, number in phase.losses.items():
            total[reason] = total.get(reason, 0) + number
    return total


def describe_phases(manifest: Manifest) -> list[str]:
    """Return a sentence for each phase before this one that did not end as it should."""
    return [
        f"phase {number} was {phase.outcome!r}{f' ({phase.reason})' if phase.reason else ''}"
        for number, phase in enumerate(manifest.phases, 1)
        if phase.outcome != "complete"
    ]


def expected_of(record: StreamRecord, stored: int, expected: int, asked: int | None) -> int:
    """Return how many frames or rows a stream should hold, over all phases.

    Parameters
    ----------
    record : StreamRecord
        With what it held when this phase began, and what was lost by then.
    stored, expected : int
        As its sink counts them.
    asked : int or None
        How many frames of events were asked for in this phase; None: only the sink's numbers tell.
    """
    if asked is None:
        return expected + record.lost_before
    return record.stored_before + record.lost_before + max(asked, stored - record.stored_before)
