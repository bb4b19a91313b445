"""Rows of a run that is recorded go to new files, when somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.clock import poll_until
from parfocal.core.errors import StorageError
from parfocal.core.run_status import RunCommand
from parfocal.storage.notes import with_commands

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.storage.recording import Recording

_WITHIN_S = 5.0
"""How long a command waits until all streams go to new files; those without a new frame do it then."""


def begin_new_files(recording: Recording, caller: str, clock: Clock) -> dict[str, int]:
    """Have rows go to new files, and note in the record that `caller` asked for it; any thread.

    Waits until they do, five seconds at most.

    Returns
    -------
    dict of str to int
        The number of each stream's file, from 0.

    Raises
    ------
    StorageError
        If the disk holds it up: the new files come later then, and the record tells of it all the same.
    """
    recording.begin_parts()
    have_begun = poll_until(lambda: not recording.begins_parts, _WITHIN_S, clock=clock)
    parts = recording.parts()
    noted = RunCommand(command="recorder.new_file", at=clock.utc_ns() * 1e-9, by=caller, details=parts)
    recording.record.update(lambda manifest: with_commands(manifest, (noted,)))
    if not have_begun and (late := recording.begins_parts):
        raise StorageError(
            f"rows of {', '.join(late)} still go to the file before, after {_WITHIN_S:g} s: "
            "the disk is slow. The new one begins when it has taken them, and nothing is lost"
        )
    return parts
