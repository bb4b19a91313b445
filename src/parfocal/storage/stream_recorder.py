"""Takes one stream to its sink, in a thread of its own: a slow disk delays this stream alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import Clock
from parfocal.core.errors import BadInputError, StorageError, StreamError, StreamTimeoutError
from parfocal.core.frames import FrameSpec
from parfocal.storage.event_frames import EventFrameSink
from parfocal.storage.tables import RowSink

if TYPE_CHECKING:
    from parfocal.core.event_layout import EventLayout
    from parfocal.core.protocols import Sink
    from parfocal.core.status import StoredCount
    from parfocal.storage.source import Source

_TAKE_S = 0.2
_SHORTEST_S, _LONGEST_S = 0.001, 0.02
_ALL_ROWS = 2**19


class StreamRecorder:
    """Takes from a source and gives to a sink, until told to finish, or something fails.

    Parameters
    ----------
    source : Source
        The recorder's own; closed by it.
    sink : Sink
        The recorder's own; closed by it, or abandoned after an error.
    on_error : callable
        Called once, in the recorder's thread, as ``on_error(recorder, error)`` when it ends by an error.
    on_ring : callable
        Called in the recorder's thread, as ``on_ring(recorder)``, when the source has gone over to another
        ring, before anything of that is stored.
    clock : Clock
        Tells how long something has waited.
    delay_s : callable
        As of `Site`.

    Attributes
    ----------
    name : str
        Of the stream.
    error : Exception or None
        What ended it.
    last_place : RingPlace
        The ring that was there when it was told to finish.
    found_lost : int or None
        How many were lost between what the sink held when this recorder began and the first that it took;
        None until then. More than 0 only after the process before this one died.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink[Any],
        on_error: Callable[[StreamRecorder, Exception], None],
        on_ring: Callable[[StreamRecorder], None],
        clock: Clock,
        delay_s: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self.name = source.name
        self.source = source
        self.error: Exception | None = None
        self.found_lost: int | None = None
        self._sink = sink
        self._on_error = on_error
        self._on_ring = on_ring
        self._place = self.last_place = source.place
        self._clock = clock
        self._delay_s = delay_s
        self._end: int | None = None
        self._end_number = -1
        self._verdict: Exception | None = None
        self._nudged = threading.Event()
        self._took_ns = clock.monotonic_ns()
        self._batch_took_s = 0.0
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name=f"recorder of {self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def discard(self) -> None:
        """Let go of source and sink: for a recorder that was never started."""
        self.let_go()
        self._sink.abandon()

    def let_go(self) -> None:
        """Keep nothing of the stream in use, once all is counted."""
        self.source.let_go()

    def finish(self) -> None:
        """Have it take what has been produced up to now, and close. Returns at once; idempotent."""
        if self._end is None:
            self._end_number = self.source.next_number
            self.last_place = self.source.newest_place
            self._end = self.source.produced
        self._nudged.set()

    def extend(self, events: EventLayout) -> EventLayout:
        """Have frames that are produced from now on be placed by a layout that has grown; return it.

        Raises
        ------
        BadInputError
            If frames are not stored by events here, or the layout does not hold what is there.
        """
        if not isinstance(self._sink, EventFrameSink):
            raise BadInputError(f"frames of {self.name!r} are not stored by events in this run")
        self._sink.extend(events, self.source.produced)
        return self._sink.events

    def retake(self, events: Iterable[int]) -> None:
        """Have frames of events that are produced from now on take the place of those before."""
        if isinstance(self._sink, EventFrameSink):
            self._sink.retake(events, self.source.produced)

    def begin_part(self) -> None:
        """Have rows from the next frame on go to another file. Returns at once; frames have files already."""
        if isinstance(self._sink, RowSink):
            self._sink.begin_part()

    @property
    def begins_part(self) -> bool:
        """Whether rows still go to the file before."""
        return isinstance(self._sink, RowSink) and self.running and self._sink.begins_part

    @property
    def part(self) -> int | None:
        """Number of the file that rows go to, from 0; None for frames."""
        return self._sink.part if isinstance(self._sink, RowSink) else None

    def fail(self, error: Exception) -> None:
        """Have it end by `error`. Returns at once."""
        self._verdict = error
        self._nudged.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until its thread has ended; False if `timeout_s` passed first."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether it takes what comes, or is about to begin: it has not ended."""
        return not self._is_over

    @property
    def behind(self) -> int:
        """How much lies in the stream that it has not taken yet."""
        return max(0, self._produced() - self.source.position)

    def count(self) -> StoredCount:
        """Return what became of the stream, up to now or up to where it was told to finish."""
        count = self._sink.count(self._produced(), self._end_number)
        return msgspec.structs.replace(count, error=str(self.error or ""))

    def count_taken(self) -> StoredCount:
        """Return what became of what it has taken so far, while it goes on: the rest is `behind`."""
        return self._sink.count()

    def _produced(self) -> int:
        return self.source.produced if self._end is None else self._end

    def _run(self) -> None:
        try:
            try:
                while not self._at_end():
                    self._step()
                self._sink.close()
            finally:
                self.source.close()
        except Exception as error:  # noqa: BLE001 (border of the thread: told, counted, and in the record)
            self._fail(error)
        finally:
            self._is_over = True

    def _at_end(self) -> bool:
        if self._verdict is not None:
            raise self._verdict
        return self._end is not None and self.source.position >= self._end

    def _step(self) -> None:
        self._sink.tend()
        pause_s = self._pause_s()
        if pause_s:
            self._nudged.wait(pause_s)
            return
        lost_before = self._sink.count().lost
        try:
            self._take()
        except StreamTimeoutError:
            return
        if self.found_lost is None:
            self.found_lost = self._sink.count().lost - lost_before
        now_ns = self._clock.monotonic_ns()
        self._batch_took_s = (now_ns - self._took_ns) * 1e-9
        self._took_ns = now_ns

    def _take(self) -> None:
        """Give the sink its next batch.

        Frames that lie scattered in the ring come in several leases; the sink copies them, so that their
        shard is written once and not with each of them.
        """
        wanted = self._sink.batch if isinstance(self.source.spec, FrameSpec) else _ALL_ROWS
        taken, is_whole = self._append(wanted, _TAKE_S)
        with suppress(StreamTimeoutError):
            while not is_whole and taken < wanted:
                more, is_whole = self._append(wanted - taken, 0)
                taken += more
        self._sink.tend()

    def _append(self, wanted: int, timeout_s: float) -> tuple[int, bool]:
        """Give the sink one lease; return how many it held, and whether that is all for now."""
        until = self._end
        most = wanted if until is None else max(1, min(wanted, until - self.source.position))
        with self.source.lease(most, timeout_s) as (items, sequence, is_all):
            if self.source.place != self._place:
                self._place = self.source.place
                self._on_ring(self)
            mine = items if until is None else items[: max(0, until - sequence)]
            is_whole = is_all or len(items) >= most or len(mine) < len(items)
            if (delay_s := self._delay_s(self.name)) > 0:
                self._clock.sleep(delay_s)
            self._sink.append(mine, sequence, more=not is_whole)
        return len(items), is_whole

    def _pause_s(self) -> float:
        """Return how long to wait for a good batch; 0 if there is one, or if what there is has waited."""
        elapsed_s = (self._clock.monotonic_ns() - self._took_ns) * 1e-9
        left_s = self._sink.patience_s - elapsed_s
        if left_s <= 0 or self._end is not None:
            return 0.0
        available = self.behind
        missing = self._sink.batch - available
        if missing <= 0:
            return 0.0
        at_this_rate_s = elapsed_s * missing / max(1, available)
        like_last_time_s = self._batch_took_s - elapsed_s
        return min(max(at_this_rate_s, like_last_time_s, _SHORTEST_S), _LONGEST_S, left_s)

    def _fail(self, error: Exception) -> None:
        self.error = error
        if isinstance(error, StreamError):
            with suppress(StorageError):
                self._sink.close()
        self._sink.abandon()
        self._on_error(self, error)
