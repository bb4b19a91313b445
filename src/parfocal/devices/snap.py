"""Requests for some frames, from the threads that wait for them to the one that makes them."""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING

from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.frames import FrameHeader
    from parfocal.ipc import CallContext

_LOOK_S = 0.05


class Snap:
    """The next `count` frames of a camera whose exposure began after a call had asked for them.

    Parameters
    ----------
    count : int
        How many.
    asked_ns : int
        When they were asked for, on the rig's monotonic clock.

    Attributes
    ----------
    started : bool
        Whether the camera was started for it.
    given_up : bool
        Whether nobody waits for it any more.
    """

    def __init__(self, count: int, asked_ns: int) -> None:
        self.count = count
        self._asked_ns = asked_ns
        self.started = False
        self.given_up = False
        self._taken = 0
        self._arrived: queue.SimpleQueue[FrameHeader | Exception] = queue.SimpleQueue()

    @property
    def missing(self) -> int:
        """How many frames it has not got yet."""
        return self.count - self._taken

    @property
    def complete(self) -> bool:
        """Whether it has all its frames."""
        return self.missing <= 0

    def frame(self, header: FrameHeader, began_ns: int) -> None:
        """Hand it a frame's header; one whose exposure began too early is none of its own."""
        if began_ns < self._asked_ns:
            return
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


class Snaps:
    """The snaps of one camera: asked for in any thread, looked after by the one that reads frames."""

    def __init__(self) -> None:
        self._asked: deque[Snap] = deque()
        self._active: list[Snap] = []

    def ask(self, count: int, asked_ns: int) -> Snap:
        """Ask for frames; the thread that reads them takes it up with `begin`. Any thread."""
        snap = Snap(count, asked_ns)
        self._asked.append(snap)
        return snap

    def begin(
        self, is_running: Callable[[], bool], expose: Callable[[int], None], stop: Callable[[], None]
    ) -> None:
        """End what nobody waits for any more, then take up what is newly asked for.

        Parameters
        ----------
        is_running, expose, stop : callable
            Of the camera: a snap starts it if no sequence is on, and stops it if it is given up.
        """
        for snap in [snap for snap in self._active if snap.given_up]:
            self._active.remove(snap)
            if snap.started:
                stop()
        while self._asked:
            snap = self._asked.popleft()
            if snap.given_up:
                continue
            if not is_running():
                expose(snap.missing)
                snap.started = True
            self._active.append(snap)

    def frame(self, header: FrameHeader, began_ns: int) -> None:
        """Hand a frame's header to all, and let go of those that have all their frames."""
        for snap in self._active:
            snap.frame(header, began_ns)
        self._active = [snap for snap in self._active if not snap.complete]

    def after_sequence(self) -> bool:
        """Ask anew for what a sequence that is over left missing; return whether anything is asked for.

        A snap that had started the camera itself fails: its own sequence had too few frames.
        """
        waiting = [snap for snap in self._active if not snap.started]
        self._active = [snap for snap in self._active if snap.started]
        self._fail_active(DeviceError("the camera ended the sequence"))
        self._asked.extendleft(reversed(waiting))
        return bool(self._asked)

    def fail(self, error: Exception) -> bool:
        """Fail all that are active or asked for; return whether one of them had started the camera."""
        self._active.extend(self._asked)
        self._asked.clear()
        return self._fail_active(error)

    def _fail_active(self, error: Exception) -> bool:
        failed, self._active = self._active, []
        for snap in failed:
            snap.fail(error)
        return any(snap.started for snap in failed)


def exposure_began_ns(header: FrameHeader, sequence_ns: int, read_ns: int) -> int:
    """Return when the exposure of a frame began, on the rig's monotonic clock.

    Parameters
    ----------
    header : FrameHeader
        Of the frame.
    sequence_ns : int
        When the sequence began that it is of. A frame that ended before has a time of its own, as in a movie.
    read_ns : int
        When the camera was asked for the frame: what such a frame counts as begun at.

    Examples
    --------
    >>> from parfocal.core.frames import FrameHeader
    >>> exposure_began_ns(FrameHeader(frame=0, time_ns=1500, exposure_ns=300), sequence_ns=1000, read_ns=1400)
    1200
    >>> exposure_began_ns(FrameHeader(frame=0, time_ns=7, exposure_ns=5), sequence_ns=1000, read_ns=1400)
    1400
    """
    return read_ns if header.time_ns < sequence_ns else header.time_ns - header.exposure_ns
