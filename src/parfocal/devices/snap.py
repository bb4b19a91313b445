"""A wish for some frames, from the thread that waits for them to the one that makes them."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from parfocal.core.frames import FrameHeader
    from parfocal.ipc import CallContext

_LOOK_S = 0.05


class Snap:
    """The next `count` frames of a camera, asked for by a call.

    Attributes
    ----------
    started : bool
        Whether the camera was started for it.
    given_up : bool
        Whether nobody waits for it any more.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.started = False
        self.given_up = False
        self._taken = 0
        self._arrived: queue.SimpleQueue[FrameHeader | Exception] = queue.SimpleQueue()

    @property
    def complete(self) -> bool:
        """Whether it has all its frames."""
        return self._taken >= self.count

    def frame(self, header: FrameHeader) -> None:
        """Hand it a frame's header."""
        self._taken += 1
        self._arrived.put(header)

    def fail(self, error: Exception) -> None:
        """Tell the one who waits that no more frames will come."""
        self.given_up = True
        self._arrived.put(error)

    def wait(self, call: CallContext) -> list[FrameHeader]:
        """Block until all frames are there, telling `call` how far it is.

        Raises
        ------
        CancelledError, DeadlineError
            If the call ends before.
        DeviceError
            If the camera stops before.
        """
        headers: list[FrameHeader] = []
        while len(headers) < self.count:
            call.check()
            try:
                arrived = self._arrived.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(arrived, Exception):
                raise DeviceError(f"after {len(headers)} of {self.count} frames: {arrived}") from arrived
            headers.append(arrived)
            call.progress(len(headers) / self.count, f"{len(headers)} of {self.count} frames")
        return headers
