"""What is left of a run whose process died: which it was, where its record is, how far it had come."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.files import replace_file
from parfocal.streams.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NEXT = "next"


class UnfinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was going on: name, when it was asked for, folder of its record, the event in hand.

    Of a run without a record, and of a script, nobody knows the event: it is -1.
    """

    run: str
    created_at: float = 0.0
    folder: str = ""
    event: int = -1
    script: bool = False


class LastRuns:
    """Keeps on the disk which runs go on, for the next process of the service. Any thread.

    Parameters
    ----------
    pointer : Path
        The file that names them.
    counts : Path
        A mapped file with the event that the recorded run is at.
    """

    def __init__(self, pointer: Path, counts: Path) -> None:
        self._pointer = pointer
        self._lock = threading.Lock()
        self._kept: tuple[UnfinishedRun, ...] | None = None
        self._counters = Counters(counts, [_NEXT], owner=os.getppid())

    def unfinished(self) -> tuple[UnfinishedRun, ...]:
        """Return the runs that an earlier process has left."""
        try:
            left = msgspec.json.decode(self._pointer.read_bytes(), type=tuple[UnfinishedRun, ...])
        except FileNotFoundError:
            return ()
        except msgspec.MsgspecError:  # the rig's own file, replaced in one step: nobody else writes it
            left = (UnfinishedRun(run="of an earlier process"),)
        event = self._counters[_NEXT]
        return tuple(
            msgspec.structs.replace(run, event=event) if run.folder and not run.script else run
            for run in left
        )

    def keep(self, going_on: Callable[[], tuple[UnfinishedRun, ...]]) -> None:
        """Write down which runs go on now, if they are others; none removes the file.

        They are looked up here, by one thread after the other: what was seen last is written last.
        """
        with self._lock:
            runs = going_on()
            if runs == self._kept:
                return
            if runs:
                replace_file(self._pointer, msgspec.json.encode(runs))
            else:
                self._pointer.unlink(missing_ok=True)
            self._kept = runs

    def at(self, event: int) -> None:
        """Note the event that the recorded run is at: a store into memory that outlives the process."""
        self._counters[_NEXT] = event
