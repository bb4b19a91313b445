"""Removes the files that dead processes left in a folder of streams."""

from __future__ import annotations

import contextlib
from pathlib import Path

from parfocal.core.errors import StreamError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import Ringer
from parfocal.streams.liveness import is_alive
from parfocal.streams.reader_table import read_record
from parfocal.streams.segment import Segment, maker_of
from parfocal.streams.stream import stream_names


def reclaim(folder: Path) -> tuple[str, ...]:
    """Remove what the dead left in `folder`; return the names of the streams that were removed.

    A stream is removed if its writer is dead and no living reader is attached. Half-made rings and doorbells
    without an owner go, too. What a living process uses stays.
    """
    removed = []
    for name in stream_names(folder):
        path = Path(folder) / f"{name}.ring"
        with contextlib.suppress(StreamError, PermissionError):
            if _remove_if_stale(path):
                removed.append(name)
    for path in Path(folder).glob("[!.]*.new"):  # a hidden one is a draft of another kind of file
        if not is_alive(maker_of(path)):
            path.unlink(missing_ok=True)
    for path in Path(folder).glob("*.bell"):
        _remove_if_silent(path)
    return tuple(removed)


def _remove_if_stale(path: Path) -> bool:
    ring = Segment.attach(path)
    with ring.locked():
        records = [read_record(ring.words, entry) for entry in range(at.ENTRIES)]
        owners = [record.owner for record in records if record.phase == ledger.ATTACHED]
        if any(is_alive(owner) for owner in (ring.writer(), *owners)):
            return False
        path.unlink()
        return True


def _remove_if_silent(path: Path) -> None:
    ringer = Ringer(path, port=0)
    if not ringer.ring():
        path.unlink(missing_ok=True)
    ringer.close()
