"""The journal of a run: what was begun and what is done, on the disk while it happens.

Events that may be repeated are written down when they are done. One that is done once alone, such as a
stimulus, is announced before, on stable storage, and again when it begins: whoever recovers the run knows of
each whether it may have happened.

::

    run's thread   announced ──fsync── (the image before it, its mask) ── begun ── light ── settled ──fsync──
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import StorageError
from parfocal.ipc.codec import encode
from parfocal.runs.journal_entries import (
    Announced,
    Began,
    Begun,
    DecidedCondition,
    EndedRun,
    Entry,
    JournalledMask,
    Remembered,
    Replanned,
    Settled,
    may_repeat,
)
from parfocal.runs.journal_file import JournalFile, encoded
from parfocal.runs.machine.tasks import Acquire, CallService, Decide, Expose, Task
from parfocal.runs.plans.event import is_stimulus

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any

    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.event_log import SettledEvent
    from parfocal.runs.pipeline.analysed import FrameMask
    from parfocal.runs.pipeline.messages import RememberedPosition
    from parfocal.runs.plans.event import Event
    from parfocal.runs.recovery.recovery import Recovery


class RunJournal:
    """Writes the journal of one run, once its folder is there.

    `settled` and `replanned` are called under the lock of the run, `remembered` by any thread, and these wait
    for nothing; the others are called by the run's thread, and may wait for the disk.

    Parameters
    ----------
    began : Began
        Its first entry.
    log : logging.Logger
        Told what could not be written.
    """

    def __init__(self, began: Began, log: logging.Logger) -> None:
        self._run, self._log = began.run, log
        self._file: JournalFile | None = None
        self._unwritten: list[bytes] = [encoded(began)]
        self._is_due = True  # to be brought to stable storage
        self._announcing = threading.Lock()  # of the two below: plans are replaced while events are announced
        self._announced: set[int] = set()
        self._replanned = 0
        self._failing = False
        self._opened: Callable[[], None] = lambda: None

    def settled(self, done: SettledEvent) -> None:
        """Note that an event is done, or declared dropped."""
        self._note(
            Settled(
                done.event.number,
                done.row.tobytes(),
                done.frames,
                done.is_done,
                done.mask_is_older,
            )
        )
        if not may_repeat(done.event):
            self._announced.discard(done.event.number)
            self._is_due = True

    def decided(self, decision: DecidedCondition, folder: str) -> None:
        """Bring what was decided of a condition to stable storage, before anything follows from it.

        Where the disk is full that is logged, and it is written later.
        """
        self._note(decision)
        self._is_due = True
        try:
            if folder:
                self._write(folder)
        except OSError as error:
            self._failed(error)

    def remembered(self, p: int, position: RememberedPosition) -> None:
        """Note what a pipeline remembers of position `p`. Any thread; waits for nothing."""
        self._note(Remembered(p, tuple(bytes(part) for part in encode(position))))

    def adopt(self, recovery: Recovery, log: Callable[[Recovery], None]) -> None:
        """Note what a recovery has found out, before the run begins.

        `log` is called with it once, when the record is there: it writes down what the record does not have.
        """
        for one in recovery.adopted:
            self._note(one)
        self._opened = lambda: log(recovery)

    def replanned(self, first: int, plan: dict[str, Any], layout: EventLayout | None) -> None:
        """Note that a plan was appended (`first` is -1), or stands in place of all from event `first` on."""
        self._note(Replanned(first=first, plan=plan, layout=layout))
        with self._announcing:
            if first >= 0:
                self._announced = {number for number in self._announced if number < first}
                self._replanned += 1
            self._is_due = True

    def before(
        self, task: Task, folder: str, following: Event | None = None, mask: FrameMask | None = None
    ) -> None:
        """Write what was noted, and that an event that is done once alone is to begin.

        Parameters
        ----------
        task : Task
            What the run does next.
        folder : str
            Of its record; "" as long as there is none.
        following : Event, optional
            What it does after that. A stimulus is announced already, so that nothing between an image and its
            light waits for the disk; nothing else is: after a loss of power it would be taken for begun.
        mask : FrameMask, optional
            With which the task lights the sample: whoever recovers the run knows which cells may
            have got light.

        Raises
        ------
        StorageError
            If an event that is done once alone can't be announced: it may not begin.
        """
        if not folder:
            return
        event = task.event if isinstance(task, Decide | Expose | CallService | Acquire) else None
        once = event if event is not None and not may_repeat(event) else None
        coming = [one for one in (once, following if is_stimulus(following) else None) if one is not None]
        with self._announcing:
            announced, replanned = {one.number for one in coming} - self._announced, self._replanned
        for number in sorted(announced):
            self._note(Announced(number))
            self._is_due = True
        if once is not None and not isinstance(task, Decide):
            is_older = isinstance(task, Expose) and task.mask == "older"
            kept = None if mask is None else JournalledMask.of(mask, is_older=is_older)
            self._note(Begun(once.number, kept))
        try:
            self._write(folder)
        except OSError as error:
            self._failed(error)
            if once is not None:
                raise StorageError(
                    f"the journal in {folder} can't be written ({error.strerror}), so event {once.number} "
                    "was not begun: free some space"
                ) from error
        else:
            self._failing = False
            with self._announcing:
                if self._replanned == replanned:  # else events of these numbers may be others by now
                    self._announced |= announced

    def close(self, folder: str) -> None:
        """Write what was noted, and that the run has ended; close the file. Idempotent."""
        if self._announced:
            self._note(EndedRun())
            self._announced, self._is_due = set(), True
        try:
            if folder:
                self._write(folder)
        except OSError as error:
            self._failed(error)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _note(self, entry: Entry) -> None:
        self._unwritten.append(encoded(entry))

    def _write(self, folder: str) -> None:
        if self._file is None:
            self._file = JournalFile(Path(folder))
            self._opened()
        is_due, self._is_due = self._is_due, False
        try:
            noted = tuple(self._unwritten)
            if noted:
                self._file.append(noted)
                del self._unwritten[: len(noted)]
            if is_due:
                self._file.sync()
        except OSError:
            self._is_due = True
            raise

    def _failed(self, error: OSError) -> None:
        """Tell once, until it is written again."""
        if not self._failing:
            self._log.error("run %s: its journal can't be written: %s", self._run, error)
        self._failing = True
