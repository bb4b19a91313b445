"""When a camera that is not real exposes: frame numbers, times, counts, and the faults of its timing."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameHeader
from parfocal.devices.faults import Faults

if TYPE_CHECKING:
    from parfocal.core.clock import Clock

EXPOSURE_MS = (1e-3, 1e7)
"""The shortest and the longest exposure."""
FRAME_RATE_HZ = (1e-3, 1e6)
_KINDS: dict[str, dict[str, Any]] = {
    "late": {"seconds": 0.1},
    "lost": {"frames": 1},
    "error": {"message": "injected fault"},
    "freeze": {"seconds": 1e9},
    "thaw": {},
    "hang": {"seconds": 10.0},
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """One frame to be made: its number, when its exposure begins and ends, and when it can be read."""

    frame: int
    start_ns: int
    end_ns: int
    ready_ns: int


class ExposureSchedule:
    """The timing of a simulated or replayed camera.

    Frame n of a sequence ends its exposure n + 1 periods after `start`, whether anybody reads or not; without
    a frame rate the first exposure begins at `start`, and each other one when it is asked for. Like a
    driver, it keeps `buffer_frames` for a reader that comes late; older ones are lost and leave a gap in the
    frame numbers. Called by one thread at a time, but for `stop` and `faults`.

    Parameters
    ----------
    clock : Clock
        The only time it goes by.
    frame_rate_hz : float or None
        None: each frame but the first is exposed when it is asked for, and none is ever lost.
    exposure_ms : float
        Cut to the period.
    buffer_frames : int
        How many frames wait for a late reader.
    instant : bool
        Whether without a frame rate frames take no time, as images of a file do; else one exposure follows
        the other.
    readout_ms : float
        From the end of an exposure until its frame can be read.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        frame_rate_hz: float | None,
        exposure_ms: float,
        buffer_frames: int = 256,
        instant: bool = True,
        readout_ms: float = 0.0,
    ) -> None:
        self.faults = Faults(_KINDS)
        self._readout_ns = round(readout_ms * 1e6)
        self._clock = clock
        self._buffer = buffer_frames
        self._instant = instant
        self._begun_ns: int | None = None
        self._halted = threading.Event()
        self._halted.set()
        self._next = 0
        self._left: int | None = 0
        self._late_ns = 0
        self._frozen_until = 0
        self._previous_end = 0
        self._period_ns = 0
        self._exposure_ns = 0
        self._wanted_exposure_ms = exposure_ms
        self.set_frame_rate_hz(frame_rate_hz)

    @property
    def next_frame(self) -> int:
        """Number of the next frame."""
        return self._next

    @property
    def frame_rate_hz(self) -> float | None:
        """Frames in a second; None as fast as they are read."""
        return 1e9 / self._period_ns if self._period_ns else None

    def set_frame_rate_hz(self, rate: float | None) -> float | None:
        """Set the rate from the next frame on; the exposure is cut to the period. Return it as it is now."""
        low, high = FRAME_RATE_HZ
        if rate is not None and not low <= rate <= high:
            raise BadInputError(f"frame_rate_hz must lie from {low:.10g} to {high:.10g}, not {rate}")
        self._period_ns = 0 if rate is None else round(1e9 / rate)
        self.set_exposure_ms(self._wanted_exposure_ms)
        return self.frame_rate_hz

    @property
    def exposure_ms(self) -> float:
        """Exposure of the next frame."""
        return self._exposure_ns * 1e-6

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure from the next frame on, cut to the period; return it as it is now."""
        low, high = EXPOSURE_MS
        if not low <= exposure_ms <= high:
            raise BadInputError(f"exposure_ms must lie from {low:.10g} to {high:.10g}, not {exposure_ms}")
        self._wanted_exposure_ms = exposure_ms
        wanted = max(1, round(exposure_ms * 1e6))
        self._exposure_ns = min(wanted, self._period_ns) if self._period_ns else wanted
        return self.exposure_ms

    @property
    def readout_s(self) -> float:
        """From the end of an exposure until its frame can be read."""
        return self._readout_ns * 1e-9

    def start(self, count: int | None = None) -> None:
        """Begin to expose `count` frames, or until `stop`; frame numbers go on."""
        if count is not None and count < 1:
            raise BadInputError(f"count must be 1 or more, or None for no end, not {count}")
        if self.is_running():
            raise DeviceError("the camera is running; stop it before starting another sequence")
        self._left = count
        self._previous_end = self._clock.monotonic_ns()
        self._begun_ns = None if self._instant else self._previous_end
        self._halted.clear()

    def stop(self) -> None:
        """End the sequence; who waits for a frame returns at once. Any thread."""
        self._halted.set()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return not self._halted.is_set() and self._left != 0

    def begin(self, timeout_s: float) -> Exposure | None:
        """Wait until the next exposure begins; return None if its frame won't be ready within `timeout_s`.

        Raises
        ------
        DeviceError
            If an error was injected.
        """
        self._disturb()
        now = self._clock.monotonic_ns()
        if not self.is_running():
            return None
        deadline = now + round(max(timeout_s, 0.0) * 1e9)
        if self._frozen_until > now:
            self._wait_until(min(deadline, self._frozen_until))
            if deadline <= self._frozen_until:
                return None
        self._lose_overdue(self._clock.monotonic_ns())
        if self._left == 0:
            return None
        exposure = self._upcoming()
        if exposure.ready_ns > deadline:
            self._wait_until(deadline)
            return None
        return exposure if self._wait_until(exposure.start_ns) else None

    def end(self, exposure: Exposure) -> FrameHeader | None:
        """Wait until the frame can be read, count it, return its header; None if it was stopped before."""
        if not self._wait_until(exposure.ready_ns):
            return None
        self._count(1, exposure.end_ns)
        self._late_ns = 0
        utc = self._clock.utc_ns() - self._clock.monotonic_ns() + exposure.end_ns
        return FrameHeader(
            frame=exposure.frame,
            time_ns=exposure.end_ns,
            utc_ns=utc,
            exposure_ns=exposure.end_ns - exposure.start_ns,
        )

    def _upcoming(self) -> Exposure:
        if self._period_ns:
            end = self._previous_end + self._period_ns
            start = end - self._exposure_ns
        else:
            if self._begun_ns is None:
                self._begun_ns = self._clock.monotonic_ns()
            start = self._begun_ns
            end = start if self._instant else start + self._exposure_ns
        return Exposure(self._next, start, end, end + self._readout_ns + self._late_ns)

    def _lose_overdue(self, now_ns: int) -> None:
        """Lose what no longer fits into the buffer; a sequence that is over fills it no further."""
        if not self._period_ns:
            return
        waiting = (now_ns - self._previous_end) // self._period_ns
        if self._left is not None:
            waiting = min(waiting, self._left)
        if waiting > self._buffer:
            self._lose(waiting - self._buffer)

    def _lose(self, frames: int) -> None:
        frames = frames if self._left is None else min(frames, self._left)
        self._count(frames, self._previous_end + frames * self._period_ns)

    def _count(self, frames: int, end_ns: int) -> None:
        self._next += frames
        self._previous_end = end_ns
        self._begun_ns = None
        if self._left is not None:
            self._left -= frames

    def _disturb(self) -> None:
        """Let the faults that wait happen now."""
        if not self.faults.are_waiting:
            return
        if (fault := self.faults.take("hang")) is not None:
            self._clock.sleep(fault["seconds"])
        if (fault := self.faults.take("freeze")) is not None:
            self._frozen_until = self._clock.monotonic_ns() + round(fault["seconds"] * 1e9)
        if self.faults.take("thaw") is not None:
            self._frozen_until = 0
        if (fault := self.faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        if (fault := self.faults.take("late")) is not None:
            self._late_ns += round(fault["seconds"] * 1e9)
        if (fault := self.faults.take("lost")) is not None:
            self._lose(int(fault["frames"]))

    def _wait_until(self, time_ns: int) -> bool:
        """Wait for a time; return False if the sequence was stopped meanwhile."""
        while (rest := time_ns - self._clock.monotonic_ns()) > 0:
            if self._clock.wait(self._halted, rest * 1e-9):
                return False
        return True
