"""When events are due: the schedule of a plan on the clock, through pauses and delays. Pure."""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import ResumePolicy
from parfocal.runs.plans.event import Event

_ON_TIME_NS = 20_000_000


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the schedule of a run lies on the monotonic clock.

    Attributes
    ----------
    begin_s : float
        The second of the schedule with which it begins: 0, or where a run that goes on stood.
    origin_ns : int or None
        When its second 0 is; None before the first event. Moved on by pauses that shift, by questions, and by
        instruments that were started again.
    pace : "shift", "catch up" or "skip"
        What was asked for after the last pause.
    gap_ns : int
        The least time between two time points that are late; 0: half of what the plan has.
    late_until_ns : int
        Events due before that are late because of the pause.
    last_s : float or None
        When the plan had the last exposure.
    last_began_ns : int
        When it began.
    step_began_ns : int
        When the first exposure began that the plan has at the same time: that of a time point.
    lag_ms : float
        How late that was.
    """

    begin_s: float = 0.0
    origin_ns: int | None = None
    pace: ResumePolicy = "shift"
    gap_ns: int = 0
    late_until_ns: int = 0
    last_s: float | None = None
    last_began_ns: int = 0
    step_began_ns: int = 0
    lag_ms: float = 0.0

    def begun(self, now_ns: int) -> Timing:
        """Return it with the begin of the schedule now, if it had none."""
        if self.origin_ns is not None:
            return self
        return msgspec.structs.replace(self, origin_ns=now_ns - round(self.begin_s * 1e9))

    def planned_ns(self, event: Event) -> int | None:
        """Return when the plan has an event; None for as soon as possible."""
        if event.min_start_time is None or self.origin_ns is None:
            return None
        return self.origin_ns + round(event.min_start_time * 1e9)

    def due_ns(self, event: Event, now_ns: int) -> int:
        """Return when an exposure is to begin: by the plan, and if that is late not at once after another.

        Whatever made a run late, its time points follow one another at twice the pace of the plan at most, or
        with the gap that was asked for.

        Examples
        --------
        >>> timing = Timing(origin_ns=0, last_s=2.0, step_began_ns=9 * 10**9)
        >>> [timing.due_ns(Event(number=3, kind="image", min_start_time=t), 0) / 1e9 for t in (2, 3, 12)]
        [2.0, 9.5, 14.0]
        """
        planned_ns = self.planned_ns(event)
        if planned_ns is None:
            return now_ns
        spacing_s = 0.0 if self.last_s is None else (event.min_start_time or 0.0) - self.last_s
        if spacing_s <= 0:
            return planned_ns
        return max(planned_ns, self.step_began_ns + (self.gap_ns or round(spacing_s * 0.5e9)))

    def is_skipped(self, event: Event) -> bool:
        """Whether an exposure is left out because it was due during a pause."""
        planned_ns = self.planned_ns(event)
        return self.pace == "skip" and planned_ns is not None and planned_ns < self.late_until_ns

    def wait_until_ns(self, wait: Event, now_ns: int) -> int:
        """Return when a wait that begins now is over: it lasts from when it was planned, or now if later.

        A run whose last exposure began before that is not late, however long the exposure took. A wait that
        was planned during a pause, and is skipped, has been going on since then.
        """
        planned_ns = self.planned_ns(wait)
        begin_ns = now_ns if planned_ns is None else max(planned_ns, now_ns)
        if planned_ns is not None:
            on_time = self.last_s is not None and self.last_began_ns <= planned_ns + _ON_TIME_NS
            begin_ns = planned_ns if on_time or self.is_skipped(wait) else begin_ns
        return begin_ns + round(wait.duration_s * 1e9)

    def resumed(self, policy: ResumePolicy, gap_ns: int, since_ns: int, now_ns: int) -> Timing:
        """Return it after a pause from `since_ns` to now. How late it is, its next event tells."""
        if policy == "shift":
            return msgspec.structs.replace(self.moved(now_ns - since_ns), pace="shift", gap_ns=0, lag_ms=0.0)
        return msgspec.structs.replace(self, pace=policy, gap_ns=gap_ns, late_until_ns=now_ns, lag_ms=0.0)

    def moved(self, by_ns: int) -> Timing:
        """Return it with the rest of the schedule later by so much."""
        if self.origin_ns is None:
            return self
        return msgspec.structs.replace(self, origin_ns=self.origin_ns + by_ns)

    def answered(self, question: Event, now_ns: int) -> Timing:
        """Return it after a question was answered: what follows keeps its distance to that."""
        planned_ns = self.planned_ns(question)
        return self if planned_ns is None else self.moved(max(0, now_ns - planned_ns))

    def decided(self, check: Event, now_ns: int) -> Timing:
        """Return it after a condition was decided: what follows keeps its distance to that.

        What was left out before is as if it were over.
        """
        planned_ns = self.planned_ns(check)
        if planned_ns is None:
            return self
        return msgspec.structs.replace(self.moved(now_ns - planned_ns), last_s=check.min_start_time)

    def going_on(self, begin_s: float | None, now_ns: int) -> Timing:
        """Return it with second `begin_s` of the schedule now, unless that is still to come."""
        if begin_s is None or self.origin_ns is None:
            return self
        return self.moved(max(0, now_ns - self.origin_ns - round(begin_s * 1e9)))

    def exposed(self, event: Event, began_ns: int, *, repeated: bool) -> Timing:
        """Return it after an exposure; what comes after a repeated one keeps its distance to it.

        A stimulus goes with an image, which alone tells how late they were.
        """
        planned_ns = self.planned_ns(event)
        lag_ns = 0 if planned_ns is None else began_ns - planned_ns
        timing = self.moved(lag_ns) if repeated and lag_ns > 0 else self
        last_s = self.last_s if event.min_start_time is None else event.min_start_time
        lag_ms = self.lag_ms if event.kind == "stimulus" else lag_ns * 1e-6
        is_first = self.last_s is None or last_s != self.last_s
        step_began_ns = began_ns if is_first or repeated else self.step_began_ns
        return msgspec.structs.replace(
            timing, last_s=last_s, last_began_ns=began_ns, step_began_ns=step_began_ns, lag_ms=lag_ms
        )
