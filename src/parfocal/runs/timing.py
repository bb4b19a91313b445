"""When events are due: the schedule of a plan on the clock, through pauses and delays. Pure."""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import ResumePolicy
from parfocal.runs.event import Event


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the schedule of a run lies on the monotonic clock.

    Attributes
    ----------
    origin_ns : int or None
        When its second 0 is; None before the first event. Moved on by pauses that shift, and by waits that
        began late.
    pace : "plan", "catch up" or "skip"
        What is done about events that are late because of a pause.
    gap_ns : int
        While catching up, the least time between two time points; 0: half of what the plan has.
    late_until_ns : int
        Events due before that are late because of the pause.
    last_s : float or None
        When the plan had the last exposure.
    last_began_ns : int
        When it began.
    lag_ms : float
        How late that was.
    """

    origin_ns: int | None = None
    pace: ResumePolicy = "shift"
    gap_ns: int = 0
    late_until_ns: int = 0
    last_s: float | None = None
    last_began_ns: int = 0
    lag_ms: float = 0.0

    def begun(self, now_ns: int) -> Timing:
        """Return it with second 0 of the schedule now, if it had none."""
        return self if self.origin_ns is not None else msgspec.structs.replace(self, origin_ns=now_ns)

    def planned_ns(self, event: Event) -> int | None:
        """Return when the plan has an event; None for as soon as possible."""
        if event.min_start_time is None or self.origin_ns is None:
            return None
        return self.origin_ns + round(event.min_start_time * 1e9)

    def due_ns(self, event: Event, now_ns: int) -> int:
        """Return when an exposure is to begin: by the plan, and while catching up not at once after another.

        Examples
        --------
        >>> timing = Timing(origin_ns=0, pace="catch up", last_s=2.0, last_began_ns=9 * 10**9)
        >>> [timing.due_ns(Event(number=3, kind="image", min_start_time=t), 0) / 1e9 for t in (2, 3, 12)]
        [2.0, 9.5, 14.0]
        """
        planned_ns = self.planned_ns(event)
        if planned_ns is None:
            return now_ns
        spacing_s = 0.0 if self.last_s is None else (event.min_start_time or 0.0) - self.last_s
        if self.pace != "catch up" or spacing_s <= 0:
            return planned_ns
        return max(planned_ns, self.last_began_ns + (self.gap_ns or round(spacing_s * 0.5e9)))

    def is_skipped(self, event: Event) -> bool:
        """Whether an exposure is left out because it was due during a pause."""
        planned_ns = self.planned_ns(event)
        return self.pace == "skip" and planned_ns is not None and planned_ns < self.late_until_ns

    def wait_until_ns(self, wait: Event, now_ns: int) -> int:
        """Return when a wait that begins now is over: it lasts from when it was planned, or from now.

        One that was planned during a pause, and is skipped, has been going on since then.
        """
        planned_ns = self.planned_ns(wait)
        begin_ns = now_ns if planned_ns is None else max(planned_ns, now_ns)
        if planned_ns is not None and self.is_skipped(wait):
            begin_ns = planned_ns
        return begin_ns + round(wait.duration_s * 1e9)

    def resumed(self, policy: ResumePolicy, gap_ns: int, since_ns: int, now_ns: int) -> Timing:
        """Return it after a pause from `since_ns` to now."""
        if policy == "shift":
            return msgspec.structs.replace(self.moved(now_ns - since_ns), pace="shift")
        return msgspec.structs.replace(self, pace=policy, gap_ns=gap_ns, late_until_ns=now_ns)

    def moved(self, by_ns: int) -> Timing:
        """Return it with the rest of the schedule later by so much."""
        if self.origin_ns is None:
            return self
        return msgspec.structs.replace(self, origin_ns=self.origin_ns + by_ns)

    def after(self, barrier: Event, now_ns: int) -> Timing:
        """Return it after a wait or a question: what follows keeps its distance to its end."""
        planned_ns = self.planned_ns(barrier)
        if planned_ns is None:
            return self
        late_ns = now_ns - planned_ns - round(barrier.duration_s * 1e9)
        return self.moved(max(0, late_ns))

    def exposed(self, event: Event, began_ns: int, *, repeated: bool) -> Timing:
        """Return it after an exposure; what comes after a repeated one keeps its distance to it."""
        planned_ns = self.planned_ns(event)
        lag_ns = 0 if planned_ns is None else began_ns - planned_ns
        timing = self.moved(lag_ns) if repeated and lag_ns > 0 else self
        last_s = self.last_s if event.min_start_time is None else event.min_start_time
        return msgspec.structs.replace(timing, last_s=last_s, last_began_ns=began_ns, lag_ms=lag_ns * 1e-6)
