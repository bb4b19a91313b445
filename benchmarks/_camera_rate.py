"""How many frames a second a camera brings, also on a machine that is busy.

A camera that was held up brings what has waited in its driver as fast as it can: more frames in a second than
it exposes. So they are counted from a moment on in which none waits.
"""

from __future__ import annotations

import time

from parfocal.core.clock import poll_until
from parfocal.streams import Stream

PATIENCE_S, IN_TIME_S = 60.0, 0.02


def camera_hz(stream: Stream, seconds: float) -> float:
    """Return the frames that come in a second, of a camera that `wait_until_in_time` has seen in time."""
    count, begin = stream.produced, time.monotonic()
    time.sleep(seconds)
    return (stream.produced - count) / (time.monotonic() - begin)


def wait_until_in_time(stream: Stream) -> None:
    """Wait until a frame is there that was exposed just now; raise `RuntimeError` if none is in a minute."""
    late_s = float("inf")
    with stream.latest() as frames:

        def is_in_time() -> bool:
            nonlocal late_s
            if (frame := frames.poll()) is None:
                return False
            late_s = (time.monotonic_ns() - frame.header.time_ns) / 1e9
            return late_s < IN_TIME_S

        if not poll_until(is_in_time, PATIENCE_S, every_s=0.001):
            raise RuntimeError(
                f"the camera is late by {late_s:.2f} s and does not catch up: the machine is too busy"
            )
