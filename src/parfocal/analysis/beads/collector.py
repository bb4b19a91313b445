"""The workers' parts put into one stream of tracks: a thread for each part, and one merge."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.ledger import TrackLedger
from parfocal.analysis.beads.merge import FramePart, PartReader
from parfocal.analysis.beads.quality import usable
from parfocal.analysis.beads.rows import track_rows
from parfocal.core.errors import StreamNotFoundError, StreamTimeoutError
from parfocal.streams import LosslessReader, StreamWriter, open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.clock import Clock

_WAIT_S = 0.5
_FIND_S = 20.0
_PATIENCE_S = 0.05
_NAME = "merge"


class TrackCollector:
    """Merges the parts of all workers into tracks, every frame once and in order.

    Parameters
    ----------
    folder : Path
        Of the streams.
    frames : str
        Stream of frames, whose count is the ledger's.
    parts : sequence of str
        The workers' streams, in the order of their index; waited for at the start.
    tracks : StreamWriter
        Takes the rows. Closed by who made it.
    ledger : TrackLedger
        Counts.
    published : callable
        Given all rows once they are in the stream, by one thread at a time; must not wait.
    late_after_s : float
        How long the others' rows wait for those of a living worker.
    failed : callable
        Told what ends a thread.
    """

    def __init__(
        self,
        folder: Path,
        frames: str,
        parts: Sequence[str],
        tracks: StreamWriter,
        ledger: TrackLedger,
        clock: Clock,
        *,
        published: Callable[[NDArray[Any]], None],
        late_after_s: float,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._folder, self._frames = folder, frames
        self._tracks, self._ledger, self._clock = tracks, ledger, clock
        self._late_ns = round(late_after_s * 1e9)
        self._failed, self._published = failed, published
        self._ended = threading.Event()
        self._drained = threading.Event()
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._stuck = (-1, 0)
        self._ring = open_stream(folder, frames)
        self._cutters = [PartReader() for _ in parts]
        self._readers = [self._reader_of(worker, part) for worker, part in enumerate(parts)]
        self._merge = ledger.begin(len(parts), self._ring.created_ns, self._ring.produced)
        self._threads = [
            threading.Thread(target=self._collect, args=(worker,), name=f"part {part}", daemon=True)
            for worker, part in enumerate(parts)
        ]

    def start(self) -> None:
        """Begin to collect."""
        for thread in self._threads:
            thread.start()

    def close(self, drain_s: float = 1.0) -> None:
        """Take what workers that have ended left, at most for `drain_s`; then leave their streams."""
        self._drained.set()
        for thread in self._threads:
            thread.join(drain_s)
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def look_after(self) -> None:
        """Give up frames that do not come. To be called now and then."""
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return  # rows are being written, so nothing is stuck here
        try:
            now = self._clock.monotonic_ns()
            if not self._merge.is_waiting():
                self._stuck = (-1, now)
                return
            if self._stuck[0] != self._merge.next:
                self._stuck = (self._merge.next, now)
            reader = self._readers[self._merge.owner]
            if not (reader.attached() and reader.writer_alive()):
                self._merge.give_up("worker died")
            elif now - self._stuck[1] > self._late_ns:
                self._merge.give_up("late")
            self._pass_on()
        finally:
            self._lock.release()

    def counts(self) -> dict[str, Any]:
        """Return produced, tracked, dropped by reason, and in flight. Never blocks."""
        return self._ledger.counts(self._produced)

    def row_counts(self) -> dict[str, int]:
        """Return how many rows of beads were published, and how many of them are usable. Never blocks."""
        return self._ledger.row_counts()

    def wait_for_news(self, timeout_s: float) -> None:
        """Block until something was passed on or dropped, or `timeout_s` has gone by."""
        with self._news:
            self._news.wait(timeout_s)

    def _collect(self, worker: int) -> None:
        """Run the thread of one worker's part."""
        try:
            with self._readers[worker] as reader:
                while not self._ended.is_set():
                    drained = self._drained.is_set()
                    try:
                        rows = reader.read(timeout_s=0.0 if drained else _WAIT_S)
                    except StreamTimeoutError:
                        if drained:
                            return
                        continue
                    with self._lock:
                        self._merge.feed(worker, list(self._cutters[worker].frames(rows)))
                        self._pass_on()
        except Exception as error:  # noqa: BLE001 (border of a thread: told to the service, which ends by it)
            self._failed(error)

    def _pass_on(self) -> None:
        """Write what is next. Under the lock."""
        while True:
            parts = list(self._merge.ready())
            if parts:
                self._write(parts)
            self._ledger.note(self._merge, len(parts))
            newer = self._merge.next_ring()
            if newer is None:
                break
            self._change_ring(newer)
        with self._news:
            self._news.notify_all()

    def _write(self, parts: list[FramePart]) -> None:
        rows = track_rows(np.concatenate([part.rows[1:] for part in parts]))
        rows["written_ns"] = self._clock.monotonic_ns()
        whole, is_usable = rows, usable(rows)
        while True:
            try:
                self._tracks.write_rows(rows, timeout_s=_WAIT_S)
                break
            except StreamTimeoutError as error:
                if self._ended.is_set():
                    raise
                rows = rows[error.written :]
        self._published(whole)
        self._ledger.count_rows(len(whole), int(is_usable.sum()))

    def _change_ring(self, ring_ns: int) -> None:
        """Count what the old ring had and nobody tracked; go on with the new one."""
        if self._is_at_ring():
            self._merge.drop_until(self._ring.produced, "overrun")
        self._ledger.note(self._merge, 0)
        self._merge.begin_ring(ring_ns)
        self._ledger.change_ring(self._merge)
        self._ring = open_stream(self._folder, self._frames)

    def _is_at_ring(self) -> bool:
        """Whether the merge is at the ring that is open; a coordinator that came back may be at an older one.

        How long that one was, nobody knows any more.
        """
        return self._ring.created_ns == self._merge.ring_ns

    def _produced(self) -> int:
        """Return the frames of the present ring, and those of a newer one of which no part has come yet."""
        ring = self._ring
        produced = ring.produced
        if not self._is_at_ring():
            return self._merge.next + produced
        if ring.ended():
            with suppress(StreamNotFoundError):
                newer = open_stream(self._folder, self._frames)
                if newer.created_ns != ring.created_ns:
                    produced += newer.produced
        return produced

    def _reader_of(self, worker: int, part: str) -> LosslessReader:
        """Attach to a worker's part; a frame that the ring before left unfinished is never completed."""

        def begin(_: LosslessReader) -> None:
            self._cutters[worker] = PartReader()

        stream = open_stream(self._folder, part, timeout_s=_FIND_S)
        return stream.lossless("block", _NAME, follow=True, on_attach=begin)
