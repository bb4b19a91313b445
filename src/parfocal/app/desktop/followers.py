"""The newest of a stream for a window: a thread of its own reads, the window takes what there is."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamError
from parfocal.core.reminder import Reminder
from parfocal.streams import follow_latest
from parfocal.viewers.feed import LiveFeed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.frames import Frame, FrameSpec
    from parfocal.viewers.feed import FeedStatus

LOOKS_EVERY_S = 1 / 30
MOST_ROWS = 20_000
"""Rows that are kept for a window that does not take them; older ones are left out, and counted."""


class StreamFollower(ABC):
    """Reads a stream in a thread until it is closed; the stream need not be there yet."""

    def __init__(self, folder: Path, stream: str) -> None:
        self.stream = stream
        self._folder = folder
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"follower of {stream}", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the follower of stream {stream!r}")

    def close(self) -> None:
        """Read no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed.set()

    def join(self) -> None:
        """Wait until the thread has left the stream."""
        self._thread.join()

    @abstractmethod
    def _follow(self) -> None:
        """Read until `_closed` is set. In the thread."""


class FrameFollower(StreamFollower):
    """Has the newest frame of a stream, thirty times a second at most, for all who share it.

    Each who was given it closes it; the last one ends it.
    """

    def __init__(self, folder: Path, stream: str) -> None:
        self._users = 1
        self._newest: Frame | None = None
        self._spec: FrameSpec | None = None
        self._status: FeedStatus | None = None
        super().__init__(folder, stream)

    @property
    def spec(self) -> FrameSpec | None:
        """What its frames look like; None before the first."""
        return self._spec

    @property
    def status(self) -> FeedStatus | None:
        """Rate, age, skipped frames and recording, at the last look; None before the first."""
        return self._status

    @property
    def newest(self) -> Frame | None:
        """The newest frame, the same object until there is another one; not to be written into."""
        return self._newest

    @property
    def closed(self) -> bool:
        """Whether nobody uses it any more."""
        return self._closed.is_set()

    def share(self) -> None:
        """Take note of one more who closes it."""
        self._users += 1

    def close(self) -> None:
        """Let go of it; the last one who does ends it. Never waits."""
        self._users -= 1
        if self._users <= 0:
            super().close()

    def _follow(self) -> None:
        feed = LiveFeed(self._folder, self.stream)
        try:
            while not self._closed.is_set():
                frame = feed.poll()
                self._spec, self._status = feed.spec, feed.status()
                if frame is not None:
                    self._newest = frame
                SYSTEM_CLOCK.wait(self._closed, LOOKS_EVERY_S)
        finally:
            feed.close()


class RowFollower(StreamFollower):
    """Has the rows of a stream since they were taken last, the newest `MOST_ROWS` of them.

    Attributes
    ----------
    left_out : int
        Rows that were not taken in time.
    """

    def __init__(self, folder: Path, stream: str) -> None:
        self._lock = threading.Lock()
        self._parts: deque[NDArray[Any]] = deque()
        self._count = 0
        self.left_out = 0
        super().__init__(folder, stream)

    def take(self) -> NDArray[Any] | None:
        """Return the rows since the last time, in their order; None if there are none."""
        with self._lock:
            parts, self._parts, self._count = self._parts, deque(), 0
        if not parts:
            return None
        alike = [part for part in parts if part.dtype == parts[-1].dtype]  # of one writer
        return np.concatenate(alike)

    def _follow(self) -> None:
        with follow_latest(self._folder, self.stream) as reader:
            while not self._closed.is_set():
                try:
                    rows = reader.poll()
                except StreamError:
                    rows = None
                if isinstance(rows, np.ndarray) and len(rows):
                    self._keep(rows)
                SYSTEM_CLOCK.wait(self._closed, LOOKS_EVERY_S)

    def _keep(self, rows: NDArray[Any]) -> None:
        with self._lock:
            self._parts.append(rows)
            self._count += len(rows)
            while self._count > MOST_ROWS and len(self._parts) > 1:
                oldest = len(self._parts.popleft())
                self._count -= oldest
                self.left_out += oldest
