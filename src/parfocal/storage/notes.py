"""What people say of a run, its operator, sample and notes, and what they ask of it while it goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.processes import directory
from parfocal.storage.manifest import Edit, Manifest, read_manifest, write_manifest
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.run_status import RunCommand
    from parfocal.storage.requests import RunRequest

FIELDS = ("operator", "sample", "notes")
LONGEST = 100_000


def first_edits(request: RunRequest, at: Moment) -> tuple[Edit, ...]:
    """Return the edits of a run that begins with what is said; raises `BadInputError` as `annotated`."""
    said = {field: getattr(request, field) for field in FIELDS}
    return tuple(
        Edit(at=at, field=field, value=_checked(field, value)) for field, value in said.items() if value
    )


def annotated(manifest: Manifest, said: dict[str, str | None], clock: Clock = SYSTEM_CLOCK) -> Manifest:
    """Return the record with other words, and each change dated; None leaves a field as it is.

    Raises
    ------
    BadInputError
        If a text is longer than a hundred thousand characters.
    """
    at = Moment.now(clock)
    changes = {
        field: _checked(field, value)
        for field, value in said.items()
        if value is not None and value != getattr(manifest, field)
    }
    edits = tuple(Edit(at=at, field=field, value=value) for field, value in changes.items())
    return msgspec.structs.replace(manifest, **changes, edits=(*manifest.edits, *edits))


def with_commands(manifest: Manifest, commands: Iterable[RunCommand]) -> Manifest:
    """Return the record with what was asked of its run; what it holds already is not added again."""
    new = tuple(command for command in commands if command not in manifest.commands)
    return msgspec.structs.replace(manifest, commands=(*manifest.commands, *new))


def annotate_run(
    run: Path | str, *, operator: str | None = None, sample: str | None = None, notes: str | None = None
) -> Manifest:
    """Say who made a run, of what, and what was seen, also long after it; return its record.

    A run that is still recorded is told to its recorder, which writes its record; see `Recorder.annotate`.

    Parameters
    ----------
    run : path
        Folder of the run.
    operator, sample, notes : str, optional
        Replace what was said before; None leaves it. The record keeps every version, with its time.

    Raises
    ------
    BadInputError
        If there is no run, or its recorder is still at it but does not answer.
    """
    folder = Path(run)
    said = {"operator": operator, "sample": sample, "notes": notes}
    manifest = read_manifest(folder)
    if manifest.outcome == RECORDING and manifest.recorder.alive:
        _ask_recorder(manifest, folder, said)
        return read_manifest(folder)
    changed = annotated(manifest, said)
    write_manifest(folder, changed)
    return changed


def _ask_recorder(manifest: Manifest, folder: Path, said: dict[str, str | None]) -> None:
    try:
        with closing(directory.connect(manifest.rig, manifest.recorder.service)) as recorder:
            recorder.call("annotate", *said.values(), timeout_s=10.0)
    except ParfocalError as error:
        raise BadInputError(
            f"{folder} is still recorded, and its recorder does not answer: {error}"
        ) from error


def _checked(field: str, value: str) -> str:
    if len(value) > LONGEST:
        raise BadInputError(f"{field} may be {LONGEST} characters long, not {len(value)}: put it into a file")
    return value
