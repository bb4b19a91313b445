"""A live stream as a pane sees it: the newest frame, its age, how many were skipped. Nobody waits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import StreamError
from parfocal.core.frames import FrameSpec
from parfocal.streams import follow_latest, open_stream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.frames import Frame, FrameHeader

_LEDGER_EVERY_S = 0.5


class FeedStatus(NamedTuple):
    """What is told beside a live image.

    Attributes
    ----------
    live : bool
        Whether the stream has a writer now.
    age_s : float
        How long ago the exposure of the shown frame ended.
    fps : float
        Frames that the stream has brought in a second, shown or not.
    skipped : int
        Frames that were not shown.
    recording : str
        Name of the recording that reads the stream; "" for none.
    """

    live: bool = False
    age_s: float = 0.0
    fps: float = 0.0
    skipped: int = 0
    recording: str = ""


NOTHING_YET = FeedStatus()


class LiveFeed:
    """Follows one stream of frames through restarts and changes of shape. For the thread that paints.

    Parameters
    ----------
    folder, name
        Where the stream is, or will be.

    Attributes
    ----------
    rows : ndarray or None
        The newest rows, if the stream turned out to hold rows: then `poll` returns nothing.
    reader : LatestReader
        Of the stream, to go on with elsewhere if it holds rows.
    """

    def __init__(self, folder: Path, name: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self.folder, self.name = folder, name
        self._clock = clock
        self.reader = follow_latest(folder, name)
        self.rows: NDArray[Any] | None = None
        self._header: FrameHeader | None = None
        self._ledger_ns = 0
        self._recording, self._live, self._skipped = "", False, 0
        self._rate = Rate()

    def poll(self) -> Frame | None:
        """Return the newest frame, a copy; None if there is nothing new. Never waits."""
        try:
            frame: Frame | None = self.reader.poll()
        except StreamError:
            return None
        if isinstance(frame, np.ndarray):
            self.rows = frame
            return None
        if frame is not None:
            self._header = frame.header
            self._rate.saw(frame.header)
        return frame

    @property
    def spec(self) -> FrameSpec | None:
        """What its frames look like now; None before the first."""
        spec = self.reader.spec if self._header is not None else None
        return spec if isinstance(spec, FrameSpec) else None

    def status(self) -> FeedStatus:
        """Return what is told beside the image; the ledger is looked at twice a second."""
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._ledger_ns > _LEDGER_EVERY_S * 1e9:
            self._ledger_ns = now_ns
            self._look()
        return FeedStatus(self._live, self.age_s(now_ns), self._rate.hz, self._skipped, self._recording)

    def age_s(self, now_ns: int) -> float:
        """Return how long ago the exposure of the newest frame ended; 0 before the first."""
        return 0.0 if self._header is None else (now_ns - self._header.time_ns) * 1e-9

    def close(self) -> None:
        """Leave the stream."""
        self.reader.close()

    def _look(self) -> None:
        try:
            stream = open_stream(self.folder, self.name)
            self._live = not stream.ended()
            readers = stream.status().readers
        except (StreamError, OSError):
            self._live, self._recording = False, ""
            return
        self._recording = next((reader.name for reader in readers if reader.records), "")
        mine = [reader for reader in readers if reader.pid == os.getpid() and reader.policy == "latest"]
        self._skipped = sum(reader.dropped.get("skipped", 0) for reader in mine[:1])


class Rate:
    """The rate of a stream from the numbers and times of the frames that were seen.

    Examples
    --------
    >>> from parfocal.core.frames import FrameHeader
    >>> rate = Rate()
    >>> for frame in (0, 5, 10):
    ...     rate.saw(FrameHeader(frame=frame, time_ns=frame * 10_000_000))
    >>> round(rate.hz)
    100
    """

    def __init__(self) -> None:
        self.hz = 0.0
        self._last: FrameHeader | None = None

    def saw(self, header: FrameHeader) -> None:
        """Take in a frame."""
        last, self._last = self._last, header
        if last is None or header.frame <= last.frame or header.time_ns <= last.time_ns:
            return
        now_hz = (header.frame - last.frame) / (header.time_ns - last.time_ns) * 1e9
        self.hz = now_hz if not self.hz else 0.9 * self.hz + 0.1 * now_hz
