"""How a run is doing, and how it ended: what a recorder answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.storage.disk import free_bytes
from parfocal.storage.incidents import report
from parfocal.storage.manifest import Manifest, read_manifest
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import RECORDING
from parfocal.storage.progress import StreamProgress
from parfocal.storage.recorder_settings import MB

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.clock import Clock
    from parfocal.storage.recording import Recording


class RecorderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder just now.

    Attributes
    ----------
    run : str
        Folder of the run that is recorded, or was recorded last; "" if there was none yet.
    outcome, reason : str
        "recording", or how it ended and why; "" if there was none.
    incidents : tuple of str
        Which services ended during the run, when, how, and whether they came back.
    elapsed_s : float
        Since it began, until now or its end.
    free_mb : float
        Room on its disk.
    """

    run: str = ""
    outcome: str = ""
    reason: str = ""
    elapsed_s: float = 0.0
    free_mb: float = 0.0
    streams: dict[str, StreamProgress] = {}
    incidents: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes
    ----------
    run, outcome, reason : str
        Its folder, how it ended, and why.
    stored, lost : dict of str to int
        For each stream, frames or rows.
    losses : dict of str to int
        What never came to a recorded stream, by reason.
    restarts : int
        How often the recorder was started again.
    incidents : tuple of str
        Which services ended during the run, when, how, and whether they came back.
    missing : dict of str to str
        What could not be had for the record, and why.
    warnings : tuple of str
        What somebody may have forgotten to record.
    """

    run: str
    outcome: str
    reason: str
    stored: dict[str, int]
    lost: dict[str, int]
    losses: dict[str, int]
    restarts: int
    errors: tuple[str, ...]
    incidents: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    warnings: tuple[str, ...] = ()


def health_of(recording: Recording) -> str:
    """Return how the streams of a run are doing, in a line."""
    return ", ".join(
        f"{name}: {stream.stored} stored, {stream.behind} behind, {stream.lost} lost"
        for name, stream in recording.progress().items()
    )


def status_of(recording: Recording, clock: Clock) -> RecorderStatus:
    """Return how a run is doing, or how it ended."""
    manifest, path = recording.manifest, recording.folder.path
    return RecorderStatus(
        run=str(path),
        outcome=manifest.outcome,
        reason=manifest.reason,
        elapsed_s=manifest.duration_s(manifest.ended or Moment.now(clock)),
        free_mb=free_bytes(path) / MB if path.exists() else 0.0,
        streams=recording.progress(),
        incidents=tuple(report(manifest.incidents, manifest.began)),
        errors=manifest.errors,
    )


def report_of(run: Path, manifest: Manifest) -> RunReport:
    """Return how the run in a folder ended, by its record."""
    return RunReport(
        run=str(run),
        outcome=manifest.outcome,
        reason=manifest.reason,
        stored={name: stream.stored for name, stream in manifest.streams.items()},
        lost={name: stream.lost for name, stream in manifest.streams.items()},
        losses=manifest.losses,
        restarts=len(manifest.restarts),
        errors=manifest.errors,
        incidents=tuple(report(manifest.incidents, manifest.began)),
        missing=manifest.missing,
        warnings=manifest.warnings,
    )


def report_of_closed(run: Path) -> RunReport:
    """Return how the run in a folder ended, by its record; `BadInputError` if that is not closed."""
    manifest = read_manifest(run)
    if manifest.outcome == RECORDING:
        raise BadInputError(f"the run in {run} is not recorded any more, and nobody has closed its record")
    return report_of(run, manifest)
