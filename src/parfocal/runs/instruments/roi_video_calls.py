"""The video of the tracker's regions during a run: begun before its record, and ended after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import CommandError

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.ipc import Client

PATIENCE_S = 10.0
"""How long nothing may move before frames that are on their way are given up; the record counts them."""
_ANSWER_S = 10.0


class RoiVideoCalls:
    """Has a tracker cut its regions out of the frames of one run. One thread at a time.

    Parameters
    ----------
    tracker : Client
        Who cuts them.
    clock : Clock
        Tells for how long nothing has moved.

    Attributes
    ----------
    frames, corners : str
        Its streams, once it has begun: of frames, and of the rows that tell where each region lay.
    """

    def __init__(self, tracker: Client, clock: Clock) -> None:
        self._tracker, self._clock = tracker, clock
        self._known: dict[str, Any] = {}
        self._moved_ns = 0
        self.frames = self.corners = ""

    def begin(self) -> None:
        """Have it begin with all beads that there are; `BadInputError` if there is none."""
        streams = self._tracker.call("start_roi_video", timeout_s=_ANSWER_S)
        self.frames, self.corners = streams["frames"], streams["corners"]

    def behind(self) -> int:
        """Return how many frames are on their way, 1 if nobody tells; 0 when nothing has moved for 10 s."""
        now_ns = self._clock.monotonic_ns()
        try:
            known: dict[str, Any] = self._tracker.call("roi_video", timeout_s=_ANSWER_S)
        except CommandError:  # it is being started again
            known = {**self._known, "behind": max(1, self._known.get("behind", 0))}
        if known != self._known or not self._moved_ns:
            self._known, self._moved_ns = known, now_ns
        return 0 if now_ns - self._moved_ns > PATIENCE_S * 1e9 else int(known["behind"])

    def error(self) -> str:
        """Return by which error it has ended; "" if it has not."""
        return str(self._known.get("error", ""))

    def end(self) -> None:
        """Have it end, if it is there."""
        self._tracker.call("stop_roi_video", timeout_s=_ANSWER_S)
