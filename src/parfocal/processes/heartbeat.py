"""The heartbeat of a process in shared memory: when it last beat, and when its loop began the present step.

::

    <service>.beat   int64 last beat | int64 begin of the step, 0 between steps | int64 limit of a step   (ns)
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.processes.mapped import mapped_file
from parfocal.processes.system import fair_share

BEAT_EVERY_S = 0.2
_STAMP = struct.Struct("=q")
_ALL = struct.Struct("=qqq")
FIRST_LOOK = 0.75
"""Share of the allowed silence after which the processor time of a silent process is noted."""
_WORKING_SHARE = 0.2
"""A silent process that uses more than this of the processor it can have is at work, and its threads wait."""
_NEVER_NS = 2**63 - 1


class Heartbeat:
    """The child's side: a thread that beats, and stamps around each step of the loop.

    Stamping costs less than a microsecond, so the loop may do it at any rate.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.
    step_limit_s : float
        How long one step may take before the process counts as hung.
    """

    def __init__(self, path: Path, step_limit_s: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._map = mapped_file(path, _ALL.size)
        _STAMP.pack_into(self._map, 16, int(step_limit_s * 1e9))
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def begin_step(self) -> None:
        """Say that the loop is in a step from now on."""
        _STAMP.pack_into(self._map, 8, self._clock.monotonic_ns())

    def end_step(self) -> None:
        """Say that the loop is between steps."""
        _STAMP.pack_into(self._map, 8, 0)

    def close(self) -> None:
        """Stop beating."""
        self._ended.set()
        self._thread.join()
        self._map.close()

    def _beat(self) -> None:
        while True:
            _STAMP.pack_into(self._map, 0, self._clock.monotonic_ns())
            if self._clock.wait(self._ended, BEAT_EVERY_S):
                return


class Stamps(NamedTuple):
    """What a process last stamped, ns; 0 is never."""

    beat: int
    step: int
    limit: int


def read_stamps(path: Path) -> Stamps | None:
    """Return what a process last stamped into its file; None if there is no such file yet."""
    try:
        return Stamps(*_ALL.unpack(path.read_bytes()))
    except (OSError, struct.error):
        return None


class HeartbeatMonitor:
    """The other side: judges one process by what it stamped last.

    A process counts as hung when it is silent for `silent_after_s`, unless it works without letting its own
    threads run, as some libraries do; or when its loop is in one step for longer than the limit it declared.

    Judging by one's own absence would kill healthy children after the supervisor itself was stopped: whoever
    notices that he was late calls `reset_silence`.

    Parameters
    ----------
    path : Path
        The file; made anew.
    silent_after_s : float
        How long it may be silent.
    now_ns : int
        Silence is counted from here on.
    fair_share : callable
        Returns how much of a processor a process that works can have now, of which others want theirs.
    """

    def __init__(
        self, path: Path, silent_after_s: float, now_ns: int, fair_share: Callable[[], float] = fair_share
    ) -> None:
        path.unlink(missing_ok=True)  # a new file: an older mapping stays what it is
        self._map = mapped_file(path, _ALL.size)
        self._silent_after_ns = int(silent_after_s * 1e9)
        self._counted_from_ns = now_ns
        self._fair_share = fair_share
        self._noted: tuple[int, int, float] | None = None  # last beat, when looked, processor time by then

    def reset_silence(self, now_ns: int) -> None:
        """Count no silence and no step from before `now_ns`."""
        self._counted_from_ns = now_ns
        self._noted = None

    def age_s(self, now_ns: int) -> float:
        """Return the time since the last beat; 0 if there was none yet."""
        beat = self._stamps().beat
        return max(0, now_ns - beat) / 1e9 if beat else 0.0

    def busy_s(self, now_ns: int) -> float:
        """Return how long the loop has been in the present step; 0 between steps."""
        step = self._stamps().step
        return max(0, now_ns - step) / 1e9 if step else 0.0

    def due_ns(self, loop_too: bool = True) -> int:
        """Return when to ask for a verdict, unless it gives another sign of life before."""
        stamps = self._stamps()
        look = look_at(stamps.beat, self._counted_from_ns, self._silent_after_ns)
        if self._noted is not None and self._noted[0] == stamps.beat:
            look = self._noted[1] + int(self._silent_after_ns * (1 - FIRST_LOOK))
        return min(look, step_over_at(stamps, self._counted_from_ns) if loop_too else _NEVER_NS)

    def verdict(
        self,
        now_ns: int,
        processor_s: Callable[[], float],
        wants_processor: Callable[[], bool],
        loop_too: bool = True,
    ) -> str:
        """Return why it counts as hung, by its beat or also by its loop; "" if it doesn't.

        Parameters
        ----------
        processor_s : callable
            Returns how much processor time the process has used.
        wants_processor : callable
            Returns whether it runs, or waits for nothing but a processor. How much it could have had is known
            as a mean of a minute alone: a machine that has just become busy gives it far less.
        """
        stamps, since = self._stamps(), self._counted_from_ns
        if loop_too and now_ns >= step_over_at(stamps, since):
            lasts_s, limit_s = (now_ns - max(stamps.step, since)) / 1e9, stamps.limit / 1e9
            return f"hung: in one step for {lasts_s:.1f} s (its step_limit_s is {limit_s:g})"
        if now_ns < look_at(stamps.beat, since, self._silent_after_ns):
            return ""
        silent_ns = now_ns - max(stamps.beat, since)
        works = self._works(stamps.beat, now_ns, processor_s()) or wants_processor()
        if silent_ns < self._silent_after_ns or (works and silent_ns < stamps.limit):
            return ""
        return f"hung: no heartbeat for {silent_ns / 1e9:.1f} s"

    def verdict_of_start(
        self, now_ns: int, processor_s: Callable[[], float], is_stopped: Callable[[], bool]
    ) -> str:
        """Return why it counts as hung before it is ready: stopped at two looks in a row; "" if it doesn't.

        An import, or a driver that opens, may keep even its heartbeat waiting. One look tells too little: it
        may be a moment in which somebody holds it.
        """
        if not is_stopped():
            self.reset_silence(now_ns)
            return ""
        is_due = now_ns >= self.due_ns(loop_too=False)
        if not is_due or self._works(self._stamps().beat, now_ns, processor_s()):
            return ""
        self.reset_silence(now_ns)  # it is told once, and has its time to end
        return "hung: somebody stopped its process while it started"

    def _works(self, beat_ns: int, now_ns: int, processor_s: float) -> bool:
        """Whether it used the processor since it was looked at before in this silence, if it was."""
        before, self._noted = self._noted, (beat_ns, now_ns, processor_s)
        if before is None or before[0] != beat_ns:
            return True
        can_have_s = self._fair_share() * (now_ns - before[1]) / 1e9
        return is_at_work(processor_s - before[2], can_have_s)

    def _stamps(self) -> Stamps:
        return Stamps(*_ALL.unpack_from(self._map, 0))


def is_at_work(used_s: float, could_have_s: float) -> bool:
    """Whether a process that has used so much of the processor works, and does not wait for something.

    Examples
    --------
    >>> is_at_work(0.3, could_have_s=1.0), is_at_work(0.1, could_have_s=1.0)
    (True, False)
    """
    return used_s > _WORKING_SHARE * could_have_s


def look_at(beat_ns: int, counted_from_ns: int, silent_after_ns: int) -> int:
    """Return when a process that last beat then is to be looked at more closely.

    Examples
    --------
    >>> look_at(beat_ns=50, counted_from_ns=10, silent_after_ns=100)
    125
    """
    return max(beat_ns, counted_from_ns) + int(silent_after_ns * FIRST_LOOK)


def step_over_at(stamps: Stamps, counted_from_ns: int) -> int:
    """Return when the present step has lasted for too long; in 292 years if there is none.

    Examples
    --------
    >>> step_over_at(Stamps(beat=50, step=20, limit=100), counted_from_ns=10)
    120
    >>> step_over_at(Stamps(beat=50, step=20, limit=100), counted_from_ns=70)
    170
    """
    if not stamps.step:
        return _NEVER_NS
    return max(stamps.step, counted_from_ns) + stamps.limit
