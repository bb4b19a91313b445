"""What a camera host counts: frames, gaps, times without a frame. It outlives a restart of the host."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from parfocal.streams.counters import Counters

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.frames import FrameHeader

_NAMES = (
    *("next_frame", "frames", "lost", "timeouts", "errors", "untold"),
    *("running", "sequence_first", "sequence_count", "frames_before_ring"),
)
_RATE_OVER = 200


class CameraCounts:
    """Counts of one camera. Used by one thread; anybody may read `counts`.

    Parameters
    ----------
    path : Path
        Where the counts lie.
    owner : int
        Pid of the rig's main process: another rig begins at 0.
    now_ns : int
        Now.
    """

    def __init__(self, path: Path, owner: int, now_ns: int) -> None:
        self._counters = Counters(path, _NAMES, owner)
        self.first_frame = self._counters["next_frame"]
        self._last_ns = now_ns
        self._ends: deque[int] = deque(maxlen=_RATE_OVER)

    @property
    def next_frame(self) -> int:
        """Number of the next frame."""
        return self._counters["next_frame"]

    @property
    def was_running(self) -> bool:
        """Whether a sequence was on, and neither over nor stopped."""
        return bool(self._counters["running"])

    @property
    def sequence_done(self) -> int:
        """How many frames of the newest sequence were delivered or lost."""
        return self._counters["next_frame"] - self._counters["sequence_first"]

    @property
    def sequence_left(self) -> int | None:
        """How many frames of the newest sequence are still to come; None if it has no count."""
        count = self._counters["sequence_count"]
        return count - self.sequence_done if count else None

    def begin_sequence(self, first: int, count: int | None) -> None:
        """Note that a sequence is on: the number of its first frame, and how many, None without an end."""
        self._counters["sequence_first"] = first
        self._counters["sequence_count"] = count or 0
        self._counters["running"] = True

    def end_sequence(self) -> None:
        """Note that the sequence is over: a successor does not take it up."""
        self._counters["running"] = False

    def recover(self, published: int) -> None:
        """Find out, after a crash, what became of the frame whose number was claimed last.

        Parameters
        ----------
        published : int
            How many frames went through the ring, by all hosts that wrote it; 0 of a new one.
        """
        counters = self._counters
        if not published:
            counters["frames_before_ring"] = counters["frames"]
        counters["frames"] = counters["frames_before_ring"] + published
        counters["lost"] = counters["next_frame"] - counters["frames"]

    def reserve(self, header: FrameHeader) -> None:
        """Take a frame's number, before anybody can see it: no successor will use it again."""
        counters = self._counters
        counters["lost"] += max(0, header.frame - counters["next_frame"])
        counters["next_frame"] = header.frame + 1

    def frame(self, header: FrameHeader, now_ns: int) -> None:
        """Count a frame that everybody can see from `now_ns` on; its own times may be those of a movie."""
        self._counters["frames"] += 1
        self._last_ns = now_ns
        self._ends.append(header.time_ns)

    def lose(self, frame: int) -> None:
        """Count frame number `frame`, and any before it that did not come, as lost."""
        self._counters["lost"] += max(0, frame + 1 - self._counters["next_frame"])
        self._counters["next_frame"] = max(frame + 1, self._counters["next_frame"])

    def begin(self, now_ns: int) -> None:
        """Begin anew to wait and to measure the rate: a sequence starts."""
        self._last_ns = now_ns
        self._ends.clear()

    def count_untold(self) -> None:
        """Count a frame whose truth found no room in its stream."""
        self._counters["untold"] += 1

    def error(self) -> None:
        """Count a failure of the camera."""
        self._counters["errors"] += 1

    def overdue(self, now_ns: int, patience_s: float) -> bool:
        """Whether no frame has come for `patience_s`; counts that, and begins to wait anew."""
        if now_ns - self._last_ns < patience_s * 1e9:
            return False
        self._counters["timeouts"] += 1
        self._last_ns = now_ns
        return True

    @property
    def fps(self) -> float:
        """Frames a second over the last ones; 0 if there are too few."""
        spanned = self._ends[-1] - self._ends[0] if len(self._ends) > 1 else 0
        return (len(self._ends) - 1) / spanned * 1e9 if spanned > 0 else 0.0

    def seconds_since_frame(self, now_ns: int) -> float:
        """Since the last frame, or whatever made the waiting begin anew."""
        return (now_ns - self._last_ns) * 1e-9

    def counts(self) -> dict[str, int]:
        """Return frames, lost, timeouts, errors, and frames of untold truth since the rig was started."""
        counts = self._counters.snapshot()
        return {name: counts[name] for name in ("frames", "lost", "timeouts", "errors", "untold")}
