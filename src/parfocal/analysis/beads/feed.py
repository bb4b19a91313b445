"""The stream of radial profiles: made by a thread that is there only while a bead is watched."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.profile import PROFILE_DTYPE, BeadProfiler
from parfocal.core.errors import StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.streams import StreamWriter, follow_lossless

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.analysis.beads.assignment import Assignment, ProfileWatch
    from parfocal.processes import ServiceContext

_WAIT_S = 0.1
_SLOTS = 1 << 14


class ProfileFeed:
    """Writes the profile of the watched bead. Close it.

    It reads frames as a reader of its own, called like the worker with ``.profiles`` behind: one that is too
    slow loses frames, which are counted, and never holds the camera up.

    Parameters
    ----------
    context : ServiceContext
        Of the worker.
    frames, profiles : str
        Stream of frames, and name of the stream of rows (`PROFILE_DTYPE`).
    """

    def __init__(self, context: ServiceContext, frames: str, profiles: str) -> None:
        self._context, self._frames = context, frames
        self._writer = StreamWriter(context.streams, profiles, RowSpec.of(PROFILE_DTYPE), _SLOTS)
        self._watch: ProfileWatch | None = None
        self._profiler: BeadProfiler | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, assignment: Assignment) -> None:
        """Watch what the assignment says; silent if that bead has no region. One thread at a time."""
        watch = assignment.watched
        if watch != self._watch:
            self._stop()
        there = watch is not None and watch.bead in assignment.rois.beads
        profiler = BeadProfiler(assignment, watch.bead) if watch is not None and there else None
        with self._lock:
            before, self._profiler = self._profiler, profiler
        if before is not None:
            before.close()
        self._watch = watch
        if watch is not None and self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, args=(watch,), name="profiles", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the stream."""
        self._stop()
        if self._profiler is not None:
            self._profiler.close()
        self._writer.close()

    def _stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def _run(self, watch: ProfileWatch) -> None:
        """Run the thread."""
        try:
            self._read(watch)
        except Exception as error:  # noqa: BLE001 (border of a thread: told to the service, which ends by it)
            self._context.fail(error)

    def _read(self, watch: ProfileWatch) -> None:
        context = self._context
        reader = f"{context.service}.profiles"
        with follow_lossless(context.streams, self._frames, "drop", reader, watch.every) as frames:
            while not self._ended.is_set():
                try:
                    with frames.lease(timeout_s=_WAIT_S) as frame, self._lock:
                        rows = None if self._profiler is None else self._profiler.rows(frame)
                except StreamTimeoutError:
                    continue
                if rows is not None:
                    self._write(rows)

    def _write(self, rows: NDArray[Any]) -> None:
        """Wait for a reader that blocks this stream: frames that go by meanwhile are counted as lost."""
        while not self._ended.is_set():
            try:
                self._writer.write_rows(rows, timeout_s=_WAIT_S)
                return
            except StreamTimeoutError as error:
                rows = rows[error.written :]
