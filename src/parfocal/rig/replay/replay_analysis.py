"""The pipeline of a run that is replayed: what was late then is late now, and nothing else is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from parfocal.rig.replay.replay_clock import FOREVER_S
from parfocal.runs.pipeline.live_analysis import LiveAnalysis, MaskAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.runs.pipeline.analysed import FrameMask
    from parfocal.runs.pipeline.time_point import TimePoint
    from parfocal.runs.plans.event import Event

_PATIENCE_S = 60.0
"""So long a mask that was there then is waited for: a step that raises now makes none."""


class ReplayAnalysis(LiveAnalysis):
    """Decides as the record tells that it was decided, as far as that hung on time.

    Parameters
    ----------
    late : mapping of int to int
        Stimuli whose mask was not there in time, by the number of their event: the event of the image whose
        mask was taken instead, -1 for none.
    deferred : set of (int, int)
        Time points and positions that were analysed after the acquisition.
    """

    def __init__(
        self, *arguments: Any, late: Mapping[int, int], deferred: set[tuple[int, int]], **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._late_stimuli, self._deferred_then = late, deferred
        self._wanted = set(late.values())
        self._kept: dict[int, FrameMask] = {}
        self._news = threading.Condition()

    def mask_for(self, event: Event) -> MaskAnswer:
        """Return how it was with the mask of a stimulus; one that was there in time is waited for."""
        answer = super().mask_for(event)
        if event.number in self._late_stimuli:
            older = self._mask_of(self._late_stimuli[event.number])
            state: Literal["gone", "never"] = "gone" if self.late == "abort" else "never"  # it went on then
            return MaskAnswer(state=state, older=older, why=answer.why or "was late then")
        if answer.state != "awaited":
            return answer
        until_ns = self._clock.monotonic_ns() + round(2 * FOREVER_S * 1e9)
        return MaskAnswer(state="awaited", older=answer.older, until_ns=until_ns, why=answer.why)

    def _mask_of(self, image_event: int) -> FrameMask | None:
        """Return the mask that was made from an image, once it is there."""
        if image_event < 0:
            return None
        with self._news:
            self._news.wait_for(lambda: image_event in self._kept, _PATIENCE_S)
            return self._kept.get(image_event)

    def _has_room(self, point: TimePoint) -> bool:
        return (point.t, point.p) not in self._deferred_then

    def _decided(self, mask: FrameMask) -> None:
        if mask.event.number in self._wanted:
            with self._news:
                self._kept[mask.event.number] = mask
                self._news.notify_all()
