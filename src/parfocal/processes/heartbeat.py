"""A sign of life in shared memory: when a process last beat, and since when its loop has been in one step.

::

    <service>.beat   int64 last beat | int64 begin of the step, 0 between steps    (monotonic ns)
"""

from __future__ import annotations

import struct
import threading
from pathlib import Path

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.processes.mapped import mapped_file

BEAT_EVERY_S = 0.2
_BEAT = struct.Struct("=q")
_BOTH = struct.Struct("=qq")


class Heartbeat:
    """The child's side: a thread that beats, and two stamps around each step of the loop.

    Stamping costs less than a microsecond, so the loop may do it at any rate.
    """

    def __init__(self, path: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._map = mapped_file(path, _BOTH.size)
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def begin_step(self) -> None:
        """Say that the loop is in a step from now on."""
        _BEAT.pack_into(self._map, 8, self._clock.monotonic_ns())

    def end_step(self) -> None:
        """Say that the loop is between steps."""
        _BEAT.pack_into(self._map, 8, 0)

    def close(self) -> None:
        """Stop beating."""
        self._ended.set()
        self._thread.join()
        self._map.close()

    def _beat(self) -> None:
        while True:
            _BEAT.pack_into(self._map, 0, self._clock.monotonic_ns())
            if self._clock.wait(self._ended, BEAT_EVERY_S):
                return


class Pulse:
    """The supervisor's side: judges one process by what it last stamped.

    Judging by one's own absence would kill healthy children after the supervisor itself was stopped: whoever
    notices that he was late calls `count_afresh`.
    """

    def __init__(self, path: Path, hang_after_s: float, now_ns: int) -> None:
        path.unlink(missing_ok=True)  # a new file: an older mapping stays what it is
        self._map = mapped_file(path, _BOTH.size)
        self._hang_after_ns = int(hang_after_s * 1e9)
        self._counted_from_ns = now_ns

    def count_afresh(self, now_ns: int) -> None:
        """Count no silence from before `now_ns`."""
        self._counted_from_ns = now_ns

    def age_s(self, now_ns: int) -> float:
        """Return the time since the last beat; 0 if there was none yet."""
        beat, _ = _BOTH.unpack_from(self._map, 0)
        return max(0, now_ns - beat) / 1e9 if beat else 0.0

    def due_ns(self, loop_too: bool = True) -> int:
        """Return when it counts as hung unless it gives another sign of life: the time to look again."""
        beat, step = self._stamps(loop_too)
        return judged_at(beat, step, self._counted_from_ns, self._hang_after_ns)

    def verdict(self, now_ns: int, loop_too: bool = True) -> str:
        """Return why it counts as hung, by its beat or also by its loop; "" if it doesn't."""
        beat, step = self._stamps(loop_too)
        since = self._counted_from_ns
        if now_ns < judged_at(beat, step, since, self._hang_after_ns):
            return ""
        if now_ns - max(beat, since) >= self._hang_after_ns:
            return f"hung: no heartbeat for {(now_ns - max(beat, since)) / 1e9:.1f} s"
        return f"hung: in one step for {(now_ns - max(step, since)) / 1e9:.1f} s"

    def _stamps(self, loop_too: bool) -> tuple[int, int]:
        beat, step = _BOTH.unpack_from(self._map, 0)
        return beat, step if loop_too else 0


def judged_at(beat_ns: int, step_ns: int, counted_from_ns: int, hang_after_ns: int) -> int:
    """Return when a process that last stamped these values counts as hung.

    Examples
    --------
    >>> judged_at(beat_ns=50, step_ns=0, counted_from_ns=10, hang_after_ns=100)
    150
    >>> judged_at(beat_ns=50, step_ns=20, counted_from_ns=10, hang_after_ns=100)
    120
    >>> judged_at(beat_ns=50, step_ns=20, counted_from_ns=70, hang_after_ns=100)
    170
    """
    oldest = min(beat_ns, step_ns) if step_ns else beat_ns
    return max(oldest, counted_from_ns) + hang_after_ns
