"""Lists the runs in a folder, and how each of them ended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.known_types import known
from parfocal.storage.folder import RESERVE, read_name
from parfocal.storage.manifest import FILE_NAME, read_manifest

_UTC = "%Y-%m-%dT%H:%M:%S.%fZ"
SCRIPT_FILE = "script.json"
"""The record of a script, which the service that carries out runs writes."""
UNREADABLE = "unreadable"
"""Begins the outcome of a run whose record is damaged, or is something else."""
NOT_BEGUN = "not begun"
"""The outcome of a run whose recorder, or rig, ended before there was a record."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a line.

    Attributes
    ----------
    folder : str
        Where it lies.
    started_utc, duration_s : str, float or None
        When it began, and how long it lasted; None if it has no end.
    outcome, reason : str
        As `Manifest.seen` tells it, and why; "unreadable: ..." if its record is damaged, `NOT_BEGUN` if there
        is none (yet).
    name, operator, sample, notes : str
        What it was called, and what people say about it.
    stored, lost : dict of str to int
        For each stream.
    warnings : tuple of str
        What somebody may have forgotten to record.
    """

    folder: str
    started_utc: str
    duration_s: float | None
    outcome: str
    stored: dict[str, int]
    lost: dict[str, int]
    reason: str = ""
    name: str = ""
    operator: str = ""
    sample: str = ""
    notes: str = ""
    warnings: tuple[str, ...] = ()


def list_runs(parent: Path | str) -> tuple[RunSummary, ...]:
    """Return the runs that lie in `parent`, oldest first: scripts, and what they have started, among them.

    Raises
    ------
    BadInputError
        If `parent` is no folder.
    """
    parent = Path(parent)
    if not parent.is_dir():
        raise BadInputError(f"there is no folder {parent}")
    found = [_summary(path.parent) for path in parent.glob(f"*/{FILE_NAME}")]
    found += [_not_begun(path.parent) for path in parent.glob(f"*/{RESERVE}") if has_not_begun(path.parent)]
    for script in parent.glob(f"*/{SCRIPT_FILE}"):
        found += [_script_summary(script), *list_runs(script.parent)]
    return tuple(sorted(found, key=lambda run: (run.started_utc, run.folder)))


def has_not_begun(folder: Path) -> bool:
    """Whether a folder was made for a run of which there is no record, or none yet."""
    return (folder / RESERVE).is_file() and not (folder / FILE_NAME).exists()


class _ScriptRecord(msgspec.Struct):
    """What is listed of the record of a script."""

    run: str
    outcome: str
    reason: str
    created_at: float
    finished_at: float | None


def _script_summary(file: Path) -> RunSummary:
    try:
        script = msgspec.json.decode(file.read_bytes(), type=_ScriptRecord)
    except (OSError, msgspec.MsgspecError) as error:
        return _unreadable(file.parent, error)
    ended = script.finished_at
    return RunSummary(
        folder=str(file.parent),
        started_utc=datetime.fromtimestamp(script.created_at, UTC).strftime(_UTC),
        duration_s=None if ended is None else ended - script.created_at,
        outcome=script.outcome,
        reason=script.reason,
        name=script.run,
        stored={},
        lost={},
    )


def _not_begun(folder: Path) -> RunSummary:
    made, name = read_name(folder.name)
    return RunSummary(
        folder=str(folder),
        started_utc="" if made is None else made.strftime(_UTC),
        duration_s=None,
        outcome=NOT_BEGUN,
        reason="there is no record of it: nothing was recorded",
        name=name,
        stored={},
        lost={},
    )


def _unreadable(folder: Path, error: Exception) -> RunSummary:
    return RunSummary(
        folder=str(folder),
        started_utc="",
        duration_s=None,
        outcome=f"{UNREADABLE}: {error}",
        stored={},
        lost={},
    )


def _summary(folder: Path) -> RunSummary:
    try:
        manifest = read_manifest(folder)
    except BadInputError as error:
        return _unreadable(folder, error)
    return RunSummary(
        folder=str(folder),
        started_utc=manifest.started.utc,
        duration_s=None if manifest.ended is None else manifest.duration_s(manifest.ended),
        outcome=manifest.seen,
        stored={name: stream.stored for name, stream in manifest.streams.items()},
        lost={name: stream.lost for name, stream in manifest.streams.items()},
        reason=manifest.reason,
        name=manifest.name,
        operator=manifest.operator,
        sample=manifest.sample,
        warnings=manifest.warnings,
        notes=manifest.notes,
    )


known(_ScriptRecord)
