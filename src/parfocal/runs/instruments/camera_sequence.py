"""The camera's own sequence of frames as one task of a run: begun, followed to its end, taken up, aborted."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.runs.instruments.calling import once_there
from parfocal.runs.instruments.instruments import AcquiredFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.clock import Clock
    from parfocal.ipc import Client

_LOOK_S = 0.02
_ANSWER_S = 5.0
_STARTED_AGAIN = "the camera was started again in the middle"

T = TypeVar("T")


class CameraSequence:
    """Runs a camera by itself. One thread; `frames` may be looked at by any.

    Parameters
    ----------
    camera : Client
        Of the camera's service, which counts its frames across its own restarts.
    aborted : threading.Event
        Set by whoever wants the sequence to end now.
    restarts : callable
        Returns how often the camera's process was started again.
    restart_s : float
        How long it may be away before the acquisition fails.

    Attributes
    ----------
    frames : int
        Exposed since the newest sequence began, those that the camera lost included.
    remarks : list of str
        What the record should tell of the sequences, in words.
    """

    def __init__(
        self,
        camera: Client,
        aborted: threading.Event,
        restarts: Callable[[], int],
        clock: Clock,
        *,
        restart_s: float,
    ) -> None:
        self.frames = 0
        self.remarks: list[str] = []
        self._camera, self._aborted, self._restarts, self._clock = camera, aborted, restarts, clock
        self._restart_ns = int(restart_s * 1e9)
        self._before = 0
        self._known_restarts = 0
        self._answered_ns = 0
        self._is_running = False

    def run(
        self,
        count: int | None,
        until: Callable[[], bool] | None = None,
        *,
        keep: Callable[[], str] = lambda: "",
    ) -> AcquiredFrames:
        """Expose `count` frames, or until the camera's own end; aborted, return what came until then.

        Parameters
        ----------
        count : int or None
            How many frames.
        until : callable, optional
            Whether it is to end now, which is asked 50 times a second; then it has ended whole. The camera
            does not end by itself before.
        keep : callable
            Called as often while the camera exposes; returns a remark, or "". If it raises the camera is
            stopped.

        Raises
        ------
        CommandError
            If the camera refuses, or is away for too long.
        """
        self.frames, self._before = 0, self._once_there(self._exposed)
        self._known_restarts = self._restarts()
        self._start(count)
        began_ns = self._clock.monotonic_ns()
        ended: AcquiredFrames | None = None
        while ended is None:
            if self._clock.wait(self._aborted, _LOOK_S):
                self._stop()
                whole = count is not None and self.frames >= count
                ended = AcquiredFrames(frames=self.frames, whole=whole)
            elif until is not None and until():
                self._stop()
                ended = AcquiredFrames(frames=self.frames, whole=True)
            else:
                ended = self._look(count, is_endless=until is not None)
                if self._is_running:
                    self._keep(keep)
        self._note_unreadable()
        return replace(ended, began_ns=began_ns)

    def _start(self, count: int | None) -> None:
        """Have it take `count` frames from the beginning, or what is missing of them.

        A camera that ended before it answered, and is back, is asked again unless it goes on by itself.
        """
        begun = self.frames
        try:
            self._ask("start", count=None if count is None else count - begun)
        except ServiceUnavailableError:
            self.frames = self._once_there(self._exposed) - self._before
            self._known_restarts = self._restarts()
            if self.frames > begun:
                self.remarks.append(_STARTED_AGAIN)
            if not self._ask("is_running") and (count is None or self.frames < count):
                self._start(count)

    def _once_there(self, ask: Callable[[], T]) -> T:
        """Ask the camera something, and again once it is back; raises if it is away for too long."""
        back_within_s = self._restart_ns * 1e-9
        return once_there(ask, lambda: poll_until(self._answers, back_within_s, clock=self._clock))

    def _answers(self) -> bool:
        with suppress(CommandError):
            self._ask("is_running")
            return True
        return False

    def _look(self, count: int | None, *, is_endless: bool) -> AcquiredFrames | None:
        """Return how the sequence has ended; None while it goes on, or nobody can tell."""
        try:
            self._is_running = False
            running = self._ask("is_running")
            self.frames = self._exposed() - self._before
            self._is_running = running
            return None if running else self._end(count, is_endless=is_endless)
        except CommandError:  # it is being started again
            if self._clock.monotonic_ns() - self._answered_ns > self._restart_ns:
                raise
            return None

    def _keep(self, keep: Callable[[], str]) -> None:
        try:
            if remark := keep():
                self.remarks.append(remark)
        except BaseException:
            self._stop()
            raise

    def _end(self, count: int | None, *, is_endless: bool) -> AcquiredFrames | None:
        """Return how a sequence has ended; a camera that was started again takes the rest."""
        part = f"{self.frames} frames" if count is None else f"{self.frames} of {count} frames"
        if stopped_by := self._ask("state").get("stopped_by"):
            stopped = f"the camera was stopped from outside by {stopped_by} after {part}"
            return AcquiredFrames(frames=self.frames, whole=False, stopped=stopped)
        if not is_endless and (count is None or self.frames >= count):
            return AcquiredFrames(frames=self.frames, whole=True)
        restarts = self._restarts()
        if restarts == self._known_restarts:
            stopped = f"the camera ended by itself after {part}"
            return AcquiredFrames(frames=self.frames, whole=False, stopped=stopped)
        self._known_restarts = restarts
        self.remarks.append(_STARTED_AGAIN)
        self._start(count)
        return None

    def _stop(self) -> None:
        """End the sequence. One that is away is waited for: a camera goes on with it once it is back."""
        with suppress(CommandError):
            self._once_there(lambda: self._ask("stop"))
            self.frames = self._once_there(self._exposed) - self._before

    def _note_unreadable(self) -> None:
        """Take note of images that a camera which plays a movie could not read."""
        with suppress(CommandError):
            self.remarks += [str(words) for words in self._ask("state").get("unreadable", ())]

    def _exposed(self) -> int:
        counts = self._ask("counts")
        return int(counts["frames"]) + int(counts["lost"])

    def _ask(self, command: str, **arguments: Any) -> Any:
        answer = self._camera.call(command, timeout_s=_ANSWER_S, **arguments)
        self._answered_ns = self._clock.monotonic_ns()
        return answer
