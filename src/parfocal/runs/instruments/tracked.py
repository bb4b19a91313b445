"""Follows what becomes of the frames of a run at the rig's tracker, until each is tracked or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError
from parfocal.runs.instruments.frame_ledger import FrameLedger, read_ledger, uselessness

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.runs.instruments.frame_ledger import CountingService

PATIENCE_S = 10.0
"""How long nothing may move before frames that are still on their way are given up, and counted."""
_ANSWER_S = 5.0


class TrackedFrames:
    """The frames of one run, counted by its camera and its tracker from `begin` on. One thread at a time.

    Parameters
    ----------
    camera, tracker : Client
        Who is asked.
    clock : Clock
        Tells for how long nothing has moved.
    """

    def __init__(self, camera: CountingService, tracker: CountingService, clock: Clock) -> None:
        self._camera, self._tracker, self._clock = camera, tracker, clock
        self._before = self._now = FrameLedger(0, 0, {})
        self._moved_ns = 0

    def begin(self) -> None:
        """Wait until the frames from before are tracked, which belong to no run, and count from here on."""
        self._tracker.submit("drain", timeout_s=PATIENCE_S).result()
        self._before = self._now = read_ledger(self._camera, self._tracker)

    def behind(self) -> int:
        """Return how many frames are on their way, 1 if nobody tells; 0 when nothing has moved for 10 s."""
        now_ns = self._clock.monotonic_ns()
        told = True
        try:
            now = read_ledger(self._camera, self._tracker)
        except CommandError:  # whoever was asked is being started again
            now, told = self._now, False
        if now != self._now or not self._moved_ns:
            self._now, self._moved_ns = now, now_ns
        if now_ns - self._moved_ns > PATIENCE_S * 1e9:
            return 0
        return self.ledger().in_flight if told else max(1, self.ledger().in_flight)

    def ledger(self) -> FrameLedger:
        """Return the counts of this run as they were asked for last."""
        return self._now.since(self._before)

    def uselessness(self) -> str:
        """Return why the rows of this run are of no use; "" if they are of use."""
        rois = self._tracker.submit("list_rois", timeout_s=_ANSWER_S).result()
        return uselessness(self.ledger(), len(rois["rois"]))
