"""Whether a plan can keep its times: which position would be late, from when on, and what would help. Pure.

Positions of one time point are visited in turn, so that each begins after the time point by what those before
it take. A position is late if it begins later than that: its distance to the begin of its time point has
grown since its first visit. One that has a time of its own in the plan is late against that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.forecast.prediction import PredictedEvent, Prediction
from parfocal.runs.plans.event import Event

_LATE_S = 0.05
"""What begins later than this is late."""
_ROUNDING_S = 1e-6


class LatePosition(msgspec.Struct, frozen=True, kw_only=True):
    """The first position that is late.

    Attributes
    ----------
    position, time_point : int
        Its index along p, and from which t on.
    late_s : float
        How late it is there.
    most_late_s : float
        How late a position is at most.
    interval_s : float
        The shortest from a time point that is late to the one before; infinite if there is none.
    needed_s : float
        How long all positions of a time point take.
    batch : int
        How many positions fit into the interval; 0 if not one does, or there is but one.
    """

    position: int
    time_point: int
    late_s: float
    most_late_s: float
    interval_s: float
    needed_s: float
    batch: int


class Feasibility(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan will keep its times.

    Attributes
    ----------
    duration_s : float
        From the begin of the schedule to the end of the last exposure.
    late : LatePosition or None
        None if none is late.
    events : int
        How many were looked at.
    behind_s : float
        How much later the last of them begins than the plan has it; if it has no time, than its schedule.
    """

    duration_s: float = 0.0
    late: LatePosition | None = None
    events: int = 0
    behind_s: float = 0.0

    @property
    def text(self) -> str:
        """What a person is told; "" if the plan keeps its times.

        Examples
        --------
        >>> late = LatePosition(
        ...     position=7, time_point=3, late_s=1.4, most_late_s=1.4, interval_s=10, needed_s=11.93, batch=6
        ... )
        >>> Feasibility(late=late).text
        'position 7 will be 1.4 s late from time point 3 on: batches of 6, or an interval of 12 s'
        """
        late = self.late
        if late is None:
            return ""
        grows = late.most_late_s > late.late_s + _LATE_S
        more = f", and positions up to {late.most_late_s:.3g} s" if grows else ""
        told = (
            f"position {late.position} will be {late.late_s:.2g} s late from time point {late.time_point} on"
            f"{more}"
        )
        if late.needed_s <= late.interval_s + _ROUNDING_S:  # neither would help
            return told
        batches = f"batches of {late.batch}, or " if late.batch else ""
        return f"{told}: {batches}an interval of {_rounded_up(late.needed_s):g} s"


def feasibility_of(events: Iterable[Event], times: DeviceTimes, at: Mapping[str, float]) -> Feasibility:
    """Return how a plan will keep its times.

    Memory grows with the number of positions, not with that of events.

    Parameters
    ----------
    events : iterable of Event
        Of the plan, in order.
    times : DeviceTimes
        What the devices take.
    at : dict of str to float
        Where the axes stand, um.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(
    ...     time_plan={"interval": 2, "loops": 9}, stage_positions=[(0, 0), (1, 0), (2, 0)], axis_order="tpcz"
    ... )
    >>> feasibility_of(plan.events(), DeviceTimes(exposure_ms={"": 900}), {}).text
    'position 0 will be 0.7 s late from time point 1 on, and positions up to 5.6 s: batches of 2, or an \
interval of 2.7 s'
    >>> feasibility_of(plan.events(), DeviceTimes(exposure_ms={"": 600}), {}).text
    ''
    """
    return feasibility_from(Prediction(times, at), events)


def feasibility_from(prediction: Prediction, events: Iterable[Event]) -> Feasibility:
    """Return how what comes next will keep its times; as `feasibility_of`, of a run that goes on."""
    watch, times = _Lateness(), prediction.times
    end_s = behind_s = 0.0
    count = 0
    for event in events:
        count += 1
        predicted = prediction.of(event)
        behind_s = predicted.starts_s if event.min_start_time is None else predicted.late_s
        end_s = predicted.starts_s + event.duration_s
        if event.is_exposure:
            end_s += times.exposure_s(event.channel, event.exposure_ms)
        if event.is_placed:
            watch.see(event, predicted)
    watch.end_visit(end_s + times.after_s)
    return Feasibility(duration_s=end_s, late=watch.late(), events=count, behind_s=behind_s)


class _Lateness:
    """Sees the exposures and autofocuses of a plan in order, and keeps which position was late first."""

    def __init__(self) -> None:
        self._visit = (-1, -1)  # t and p
        self._planned_s: float | None = None
        self._allowed_s: dict[int, float] = {}  # by position: how late it was at its first visit
        self._first: tuple[int, int, float] | None = None  # position, time point, how late
        self._most_s = 0.0
        self._visit_began_s = 0.0
        self._longest_s: dict[int, float] = {}  # by position: a visit, with the way to it
        self._starts_s: dict[int, float] = {}  # by position: when the plan had it last
        self._interval_s = math.inf

    def see(self, event: Event, predicted: PredictedEvent) -> None:
        """See an exposure, or an autofocus: the first at a position begins its visit."""
        visit = event.index.get("t", 0), event.index.get("p", 0)
        if visit == self._visit:
            return
        self.end_visit(predicted.ready_s)
        self._visit, self._visit_began_s = visit, predicted.starts_s
        t, p = visit
        planned_s = event.min_start_time
        in_turn = planned_s == self._planned_s
        self._planned_s = planned_s
        if planned_s is None:
            return
        late_s = predicted.late_s - self._allowed_s.setdefault(p, predicted.late_s if in_turn else 0.0)
        if late_s > _LATE_S and p in self._starts_s:
            self._interval_s = min(self._interval_s, planned_s - self._starts_s[p] or math.inf)
        self._starts_s[p] = planned_s
        self._most_s = max(self._most_s, late_s)
        if late_s > _LATE_S and self._first is None:
            self._first = p, t, late_s

    def end_visit(self, now_s: float) -> None:
        """End the visit of a position: the next could begin now."""
        p = self._visit[1]
        self._longest_s[p] = max(self._longest_s.get(p, 0.0), now_s - self._visit_began_s)

    def late(self) -> LatePosition | None:
        """Return the first position that was late."""
        if self._first is None:
            return None
        position, time_point, late_s = self._first
        visits_s = [self._longest_s[p] for p in sorted(self._longest_s) if p >= 0]
        return LatePosition(
            position=position,
            time_point=time_point,
            late_s=late_s,
            most_late_s=self._most_s,
            interval_s=self._interval_s,
            needed_s=sum(visits_s),
            batch=greatest_batch(visits_s, self._interval_s),
        )


def greatest_batch(visits_s: list[float], interval_s: float) -> int:
    """Return how many positions can be visited in turn within an interval, whichever batch they are in.

    Examples
    --------
    >>> greatest_batch([4, 4, 4, 4], 10), greatest_batch([4, 4, 4, 4], 3), greatest_batch([12], 10)
    (2, 0, 0)
    """
    for size in range(len(visits_s) - 1, 0, -1):
        batches = (visits_s[first : first + size] for first in range(0, len(visits_s), size))
        if all(sum(batch) <= interval_s + _ROUNDING_S for batch in batches):
            return size
    return 0


def _rounded_up(seconds: float) -> float:
    """Return a number of seconds with two digits, no less than it is."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round(math.ceil(seconds / step - 1e-6) * step, 9)
