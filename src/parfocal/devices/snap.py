"""Requests for some frames, from the threads that wait for them to the one that makes them."""

from __future__ import annotations

import queue
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, DeviceError, FrameLostError, ParfocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.core.frames import FrameHeader
    from parfocal.devices.snap_camera import SnapCamera
    from parfocal.ipc import CallContext


@dataclass(frozen=True, slots=True)
class SnapRequest:
    """What a snap asks for.

    Attributes
    ----------
    count : int
        How many frames.
    event : int
        Number of the plan's event that the frame is for; -1 for none.
    exposure_ms : float or None
        To be set before, and kept; None leaves it.
    time_s : float or None
        When the plan has the event, seconds of run time.
    index : mapping of str to int
        The event's place in the plan, by axis.

    Examples
    --------
    >>> SnapRequest(count=2, event=7)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: event 7 has one frame, not 2: ask for each event by itself
    """

    count: int = 1
    event: int = -1
    exposure_ms: float | None = None
    time_s: float | None = None
    index: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise BadInputError(f"count must be 1 or more, not {self.count}")
        if self.event < -1:
            raise BadInputError(f"event must be 0 or more, or -1 for none, not {self.event}")
        if self.event >= 0 and self.count != 1:
            raise BadInputError(
                f"event {self.event} has one frame, not {self.count}: ask for each event by itself"
            )

    @property
    def needs_idle(self) -> bool:
        """Whether it can't be had from a camera that runs: its frame has to be exposed for it alone."""
        return self.event >= 0 or self.exposure_ms is not None


class Snap:
    """The next frames of a camera whose exposure began after a call had asked for them.

    Parameters
    ----------
    request : SnapRequest
        What was asked for.
    asked_ns : int
        When, on the rig's monotonic clock.

    Attributes
    ----------
    started : bool
        Whether the camera was started for it.
    given_up : bool
        Whether nobody waits for it any more.
    headers : list of FrameHeader
        Of its frames that have come so far.
    """

    def __init__(self, request: SnapRequest, asked_ns: int) -> None:
        self.request = request
        self._asked_ns = asked_ns
        self.started = False
        self.given_up = False
        self._taken = 0
        self.headers: list[FrameHeader] = []
        self._arrived: queue.SimpleQueue[FrameHeader | Exception | None] = queue.SimpleQueue()

    @property
    def missing(self) -> int:
        """How many frames it has not got yet."""
        return self.request.count - self._taken

    @property
    def complete(self) -> bool:
        """Whether it has all its frames."""
        return self.missing <= 0

    def wants(self, began_ns: int) -> bool:
        """Whether a frame whose exposure began then is one of its own: not before it was asked for."""
        return began_ns >= self._asked_ns

    def frame(self, header: FrameHeader, began_ns: int) -> None:
        """Hand it a frame's header; one whose exposure began too early is none of its own."""
        if not self.wants(began_ns):
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
        BadInputError
            If the camera does not take the exposure.
        FrameLostError
            If the frame of an event was exposed, and never came.
        DeviceError
            If the camera stops before, or runs already and is not free for an event.
        """
        call.on_cancel(lambda: self._arrived.put(None))
        count = self.request.count
        headers = self.headers
        while len(headers) < count:
            call.check()
            try:
                arrived = self._arrived.get(timeout=call.remaining_s())
            except queue.Empty:
                continue
            if isinstance(arrived, (BadInputError, FrameLostError)):
                raise arrived
            if isinstance(arrived, Exception):
                raise DeviceError(f"after {len(headers)} of {count} frames: {arrived}") from arrived
            if arrived is not None:
                headers.append(arrived)
                if count > 1:
                    call.progress(len(headers) / count, f"{len(headers)} of {count} frames")
        return headers


class Snaps:
    """The snaps of one camera: asked for in any thread, looked after by the one that reads frames."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of which snaps are asked for, and which are active
        self._asked: deque[Snap] = deque()
        self._active: list[Snap] = []

    def ask(self, request: SnapRequest, asked_ns: int) -> Snap:
        """Ask for frames; the thread that reads them takes it up with `begin`. Any thread."""
        snap = Snap(request, asked_ns)
        with self._lock:
            self._asked.append(snap)
        return snap

    def give_up(self, snap: Snap, camera: SnapCamera) -> None:
        """Note that nobody waits for a snap any more, and end its exposure if it is still on. Any thread."""
        with self._lock:
            snap.given_up = True
            if snap.started and snap in self._active:
                camera.abort()

    def begin(self, camera: SnapCamera) -> None:
        """End what nobody waits for any more, then take up what is newly asked for.

        A snap starts the camera if no sequence is on, and stops it if it is given up. One that needs the
        camera for itself fails while a sequence is on.
        """
        self._end_given_up(camera)
        while self._asked:
            snap = self._asked.popleft()
            if not snap.given_up:
                self._take_up(snap, camera)
                self._end_given_up(camera)  # given up while the camera was being started

    def event_for(self, began_ns: int) -> int:
        """Return the event that a frame whose exposure began then was taken for; -1 for none."""
        events = (snap.request.event for snap in self._active if snap.wants(began_ns))
        return max(events, default=-1)

    def frame(self, header: FrameHeader, began_ns: int) -> None:
        """Hand a frame's header to all, and let go of those that have all their frames."""
        for snap in tuple(self._active):
            snap.frame(header, began_ns)
            if snap.complete:
                self._leave(snap)

    def lose(self, error: FrameLostError) -> None:
        """Tell those who wait for the frame of an event that it never comes: no other one is."""
        for snap in tuple(self._active):
            if snap.request.event >= 0:
                self._leave(snap)
                snap.fail(error)

    def after_sequence(self) -> bool:
        """Ask anew for what a sequence that is over left missing; return whether anything is asked for.

        A snap that had started the camera itself fails: its own sequence had too few frames. That of an event
        was exposed, and its frame is lost.
        """
        if self._active:
            self.lose(FrameLostError("the camera ended the exposure, and its frame never came"))
            waiting = [snap for snap in self._active if not snap.started]
            for snap in waiting:
                self._leave(snap)
            self._fail_active(DeviceError("the camera ended the sequence"))
            with self._lock:
                self._asked.extendleft(reversed(waiting))
        return bool(self._asked)

    def fail(self, error: Exception) -> bool:
        """Fail all that are active or asked for; return whether one of them had started the camera."""
        with self._lock:
            self._active.extend(self._asked)
            self._asked.clear()
        return self._fail_active(error)

    def _end_given_up(self, camera: SnapCamera) -> None:
        for snap in [snap for snap in self._active if snap.given_up]:
            self._leave(snap)
            if snap.started:
                camera.stop()

    def _take_up(self, snap: Snap, camera: SnapCamera) -> None:
        if camera.is_running():
            if snap.request.needs_idle:
                snap.fail(DeviceError("the camera is running: stop it before frames are taken for an event"))
                return
        else:
            try:
                camera.expose_for(snap.request, snap.missing)
            except ParfocalError as error:
                snap.fail(error)
                return
            snap.started = True
        with self._lock:
            self._active.append(snap)

    def _leave(self, snap: Snap) -> None:
        with self._lock:
            self._active.remove(snap)

    def _fail_active(self, error: Exception) -> bool:
        with self._lock:
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
