"""How a stream of a run is doing, and what of that goes into its record. Pure functions of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.storage.phases import expected_of

if TYPE_CHECKING:
    from parfocal.core.status import StoredCount
    from parfocal.storage.manifest import StreamRecord
    from parfocal.storage.stream_recorder import StreamRecorder


class StreamProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of a run just now.

    What is `behind` waits in the ring, which holds `slots` at most: it is neither stored nor lost.
    """

    stored: int
    lost: int
    behind: int
    slots: int = 0
    error: str = ""


def progress_of(record: StreamRecord, recorder: StreamRecorder | None) -> StreamProgress:
    """Return how a stream is doing; one without a recorder is not recorded any more."""
    if recorder is None:
        return StreamProgress(stored=record.stored, lost=record.lost, behind=0, error=record.error)
    running = recorder.running
    count = recorder.count_taken() if running else recorder.count()
    return StreamProgress(
        stored=count.stored,
        lost=max(0, count.lost - count.in_hand),
        behind=recorder.behind if running else 0,
        slots=recorder.source.slots,
        error=str(recorder.error or ""),
    )


def task_of(recorder: StreamRecorder) -> str:
    """Return what the end of a run waits for, in a few words."""
    doing = f"{recorder.behind} behind" if recorder.behind else "on its way to stable storage"
    return f"{recorder.name}: {doing}"


def counted_fields(count: StoredCount, record: StreamRecord, asked: int | None = None) -> dict[str, Any]:
    """Return what a count says, as fields of a stream's record.

    `asked` is how many frames of events were asked for in this phase, where somebody has counted that: then
    nothing can be missing that is not counted.
    """
    expected = expected_of(record, count.stored, count.expected, asked)
    return {
        "expected": expected,
        "stored": count.stored,
        "lost": expected - count.stored,
        "renumbered": count.renumbered if asked is None else 0,
        "error": count.error,
        "uncounted": record.uncounted or (count.uncounted and asked is None),
        "unsynced": record.unsynced or count.unsynced,
        "repeated": count.repeated,
    }
