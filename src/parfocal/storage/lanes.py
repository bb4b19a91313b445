"""One stream on its way to the disk, in a thread of its own: what a slow disk holds up is this lane alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.clock import Clock
from parfocal.core.errors import (
    StorageError,
    StreamClosedError,
    StreamError,
    StreamTimeoutError,
    WriterDiedError,
)

if TYPE_CHECKING:
    from parfocal.storage.intakes import Intake
    from parfocal.storage.outcome import Count
    from parfocal.streams import LosslessReader, Stream

ENDLESS = 2**62
_TAKE_S = 0.2
_SHORTEST_S, _LONGEST_S = 0.001, 0.02


class Lane:
    """Takes from a reader and gives to a store, until told to finish, or the stream ends, or something fails.

    Parameters
    ----------
    name : str
        Of the stream.
    stream : Stream
        Tells how much there is.
    reader : LosslessReader
        The lane's own; closed by it.
    intake : Intake
        The lane's own; closed by it, or abandoned after an error.
    on_error : callable
        Called once, in the lane's thread, as ``on_error(lane, error)`` when the lane ends by an error.

    Attributes
    ----------
    error : Exception or None
        What ended it.
    found_lost : int or None
        How many were lost between what the store held when the lane began and the first that it took; None
        until then. More than 0 only after the process before this one died.
    """

    def __init__(
        self,
        name: str,
        stream: Stream,
        reader: LosslessReader,
        intake: Intake,
        on_error: Callable[[Lane, Exception], None],
        clock: Clock,
    ) -> None:
        self.name = name
        self.stream = stream
        self.error: Exception | None = None
        self.found_lost: int | None = None
        self._reader = reader
        self._intake = intake
        self._on_error = on_error
        self._clock = clock
        self._end: int | None = None
        self._ended = False
        self._verdict: Exception | None = None
        self._nudged = threading.Event()
        self._took_ns = clock.monotonic_ns()
        self._bite_took_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"lane of {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def dismiss(self) -> None:
        """Let go of reader and store: for a lane that was never started."""
        self._reader.close()
        self._intake.abandon()

    def finish(self) -> None:
        """Have it take what has been produced up to now, and close. Returns at once; idempotent."""
        if self._end is None:
            self._end = self.stream.produced
        self._nudged.set()

    def give_up(self, error: Exception) -> None:
        """Have it end by `error`. Returns at once."""
        self._verdict = error
        self._nudged.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until its thread has ended; False if `timeout_s` passed first."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def behind(self) -> int:
        """How much lies in the stream that it has not taken yet."""
        return max(0, self._produced() - self._reader.position)

    @property
    def renumbered(self) -> int:
        """How often the camera began to count anew."""
        return self._intake.renumbered

    def count(self) -> Count:
        """Return what became of the stream, up to now or up to where it was told to finish."""
        count = self._intake.count(self._produced())
        return msgspec.structs.replace(count, error=str(self.error or ""))

    def _produced(self) -> int:
        return self.stream.produced if self._end is None else self._end

    def _run(self) -> None:
        try:
            with self._reader:
                while not self._at_end():
                    self._step()
                self._intake.close()
        except Exception as error:  # noqa: BLE001 (border of the thread: told, counted, and in the record)
            self._fail(error)

    def _at_end(self) -> bool:
        if self._verdict is not None:
            raise self._verdict
        return self._ended or (self._end is not None and self._reader.position >= self._end)

    def _step(self) -> None:
        self._intake.tend()
        pause_s = self._pause_s()
        if pause_s:
            self._nudged.wait(pause_s)
            return
        lost_before = self._intake.count(0).lost
        try:
            self._intake.take(self._reader, ENDLESS if self._end is None else self._end, _TAKE_S)
        except (StreamTimeoutError, WriterDiedError):  # another process may take over from a dead one
            return
        except StreamClosedError:
            self._ended = True
            return
        if self.found_lost is None:
            self.found_lost = self._intake.count(0).lost - lost_before
        now_ns = self._clock.monotonic_ns()
        self._bite_took_s = (now_ns - self._took_ns) * 1e-9
        self._took_ns = now_ns

    def _pause_s(self) -> float:
        """Return how long to wait for a good bite; 0 if there is one, or if what there is has waited."""
        elapsed_s = (self._clock.monotonic_ns() - self._took_ns) * 1e-9
        left_s = self._intake.patience_s - elapsed_s
        if left_s <= 0 or self._end is not None:
            return 0.0
        available = self.behind
        missing = self._intake.bite - available
        if missing <= 0:
            return 0.0
        at_this_rate_s = elapsed_s * missing / max(1, available)
        like_last_time_s = self._bite_took_s - elapsed_s
        return min(max(at_this_rate_s, like_last_time_s, _SHORTEST_S), _LONGEST_S, left_s)

    def _fail(self, error: Exception) -> None:
        self.error = error
        if isinstance(error, StreamError):
            with suppress(StorageError):
                self._intake.close()
        self._intake.abandon()
        self._on_error(self, error)
