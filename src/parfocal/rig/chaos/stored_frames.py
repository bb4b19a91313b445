"""The frames of a record counted one by one, beside what its manifest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.rig.chaos.promises import StoredFrames
from parfocal.storage import open_run

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.storage.recorded_run import RecordedRun


def stored_frames(folder: Path) -> tuple[str, tuple[StoredFrames, ...]]:
    """Return the outcome that a record tells, and its streams of frames, each frame of it read."""
    run = open_run(folder)
    return run.outcome, tuple(_counted(run, name) for name in run.streams("frames"))


def _counted(run: RecordedRun, stream: str) -> StoredFrames:
    record = run.manifest.streams[stream]
    numbers: set[int] = set()
    found = blank = 0
    for frame in run.frames(stream):
        found += 1
        numbers.add(frame.header.frame)
        blank += not frame.data.any()
    may_be_blank = stream == "masks"
    return StoredFrames(
        stream=stream,
        expected=record.expected,
        stored=record.stored,
        lost=record.lost,
        found=found,
        twice=found - len(numbers) if not record.renumbered else 0,
        blank=0 if may_be_blank else blank,
    )
