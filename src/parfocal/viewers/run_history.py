"""What a run recorded before a viewer came, read from the disk in a thread, oldest first."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import ParfocalError
from parfocal.processes.loading import load_object
from parfocal.viewers.run_join import EventPlace, JoinedFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger(__name__)
_WAITING = 8
"""Frames that were read and are not shown yet, at most."""
_PASSES = 5
"""How often it is looked for what was recorded meanwhile, at most."""
_LOOK_S = 0.1


class RunHistory:
    """Reads the recorded frames of a run until it has met the newest. Nothing here waits for whoever calls.

    Parameters
    ----------
    address : str
        "module:object" of a function ``(folder, most_bytes, after_ns)`` that yields frames with ``stream``,
        ``index``, ``header`` and ``data``, in the order of their exposures.
    folder : str
        Of the run.
    most_bytes : int
        Of all frames together.

    Attributes
    ----------
    problem : str
        Why it ended early; "" if it did not.
    """

    def __init__(self, address: str, folder: str, most_bytes: int) -> None:
        self.problem = ""
        self._read = address, folder, most_bytes
        self._frames: queue.Queue[JoinedFrame | None] = queue.Queue(_WAITING)
        self._closing = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._follow, name=f"history of {folder}", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether all that there was has been taken."""
        return self._over

    def take(self, most: int) -> list[JoinedFrame]:
        """Return the next frames that were read, `most` of them at most."""
        found: list[JoinedFrame] = []
        while len(found) < most and not self._over:
            try:
                frame = self._frames.get_nowait()
            except queue.Empty:
                break
            if frame is None:
                self._over = True
            else:
                found.append(frame)
        return found

    def close(self) -> None:
        """Have the thread end after the frame in hand; never waits for it."""
        self._over = True
        self._closing.set()

    def _follow(self) -> None:
        try:
            self._read_all()
        except (ParfocalError, OSError, ValueError) as error:  # a record that somebody moves, or has cut
            self.problem = str(error)
            _LOG.warning("what the run has recorded cannot be shown: %s", error)
        self._put(None)

    def _read_all(self) -> None:
        address, folder, left = self._read
        read = load_object(address, "the reader of what a run has recorded")
        newest_ns = -1
        for _ in range(_PASSES):
            before_ns = newest_ns
            for frame in _frames(read(folder, left, newest_ns)):
                newest_ns, left = frame.time_ns, left - frame.image.nbytes
                if not self._put(frame):
                    return
            if newest_ns == before_ns:
                return

    def _put(self, frame: JoinedFrame | None) -> bool:
        """Hand a frame over when there is room; return False if nobody wants any more."""
        while not self._closing.is_set():
            try:
                self._frames.put(frame, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False


def _frames(read: Any) -> Iterator[JoinedFrame]:
    for frame in read:
        at = (frame.index.get(axis, -1) for axis in "tpcz")
        yield JoinedFrame(frame.stream, EventPlace(frame.header.event, *at), frame.header.time_ns, frame.data)
