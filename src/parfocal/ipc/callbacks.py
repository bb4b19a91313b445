"""The callback thread of a client: it calls those who asked to be told of a call."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from parfocal.ipc.lanes import LaneThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.messages import Progress
    from parfocal.ipc.call import Call

PROGRESS_MESSAGES, PROGRESS_BYTES = 1_000, 16 * 2**20
"""What waits for listeners that are slow, before reports are dropped and counted."""


class Callbacks:
    """Runs what was asked for, one after the other, in a thread that begins with the first.

    All but `join` and `waiting` is called by the receiver thread alone; after `end`, by any thread.

    Attributes
    ----------
    dropped : int
        Progress reports that listeners missed because too many waited.
    """

    def __init__(self, service: str) -> None:
        self.dropped = 0
        self._name = f"client:{service}:callbacks"
        self._thread: LaneThread | None = None
        self._ended = False
        self._put, self._put_bytes = 0, 0  # by the receiver thread
        self._taken, self._taken_bytes = 0, 0  # by the callback thread

    def submit(self, job: Callable[[], None]) -> None:
        """Have the thread run `job`; once it has ended, this one does, at once."""
        if self._ended:
            job()
            return
        if self._thread is None:
            self._thread = LaneThread(self._name)
        self._thread.submit(job)

    def report_progress(self, call: Call, progress: Progress, size: int) -> None:
        """Have those who listen to `call` told, unless reports of too many bytes wait already."""
        messages, waiting_bytes = self.waiting()
        if messages and (messages >= PROGRESS_MESSAGES or waiting_bytes + size > PROGRESS_BYTES):
            self.dropped += 1
            return
        self._put, self._put_bytes = self._put + 1, self._put_bytes + size
        self.submit(partial(self._report, call, progress, size))

    def waiting(self) -> tuple[int, int]:
        """Return how many progress reports wait, and their bytes."""
        return self._put - self._taken, self._put_bytes - self._taken_bytes

    def end(self) -> None:
        """Let the thread end after its last job."""
        if self._thread is not None:
            self._thread.end()
        self._ended = True

    def join(self) -> None:
        """Wait until the thread has ended; from the thread itself, not at all."""
        if self._thread is not None:
            self._thread.join(threading.TIMEOUT_MAX)

    def _report(self, call: Call, progress: Progress, size: int) -> None:
        self._taken, self._taken_bytes = self._taken + 1, self._taken_bytes + size
        call.run_listeners(progress)
