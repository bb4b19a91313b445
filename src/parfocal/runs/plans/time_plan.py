"""When the time points of a sequence begin: one interval, or several phases of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import MOST_S, check_known, listed, number, plain

_WAYS = "interval and loops, interval and duration, or duration and loops"
MOST_TIMES = 10**9
_UNITS = {
    "weeks": 604_800.0,
    "days": 86_400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
}
"""Seconds."""


class TimePhase(msgspec.Struct, frozen=True, kw_only=True):
    """So many time points, one each interval.

    Attributes
    ----------
    interval : float
        Seconds from one to the next; 0: as fast as it goes.
    loops : int
        How many.
    """

    interval: float
    loops: int


class TimePlan(msgspec.Struct, frozen=True, dict=True):
    """The starts of all time points. A later phase begins at the last time point of the one before.

    Examples
    --------
    >>> plan = TimePlan(time_phases([{"interval": 10, "loops": 3}, {"interval": 5, "duration": 10}]))
    >>> [plan.start_s(t) for t in range(len(plan))], plan.duration_s
    ([0.0, 10.0, 20.0, 25.0, 30.0], 35.0)
    """

    phases: tuple[TimePhase, ...]

    @cached_property
    def _firsts(self) -> list[int]:
        """The number of each phase's own first time point, which it shares with the phase before."""
        return list(accumulate((phase.loops - 1 for phase in self.phases[:-1]), initial=0))

    @cached_property
    def _begins(self) -> list[float]:
        lengths = ((phase.loops - 1) * phase.interval for phase in self.phases[:-1])
        return list(accumulate(lengths, initial=0.0))

    @cached_property
    def _count(self) -> int:
        return self._firsts[-1] + self.phases[-1].loops if self.phases else 1

    def __len__(self) -> int:
        return self._count

    @property
    def is_timed(self) -> bool:
        """Whether any time point has to wait for its time."""
        return any(phase.interval for phase in self.phases)

    @cached_property
    def duration_s(self) -> float:
        """From the first time point to one interval after the last."""
        if not self.phases:
            return 0.0
        return self._begins[-1] + self.phases[-1].loops * self.phases[-1].interval

    def start_s(self, t: int) -> float:
        """Return when time point `t` begins, seconds after the first; beyond the last, the duration."""
        if len(self.phases) == 1:
            return t * self.phases[0].interval
        if t >= len(self):
            return self.duration_s
        if not self.phases:
            return 0.0
        place = max(0, bisect_right(self._firsts, t - 1) - 1) if t else 0
        return self._begins[place] + (t - self._firsts[place]) * self.phases[place].interval


def time_phases(value: Any) -> tuple[TimePhase, ...]:
    """Return the phases that a ``time_plan`` describes: a mapping, or a list of them; none for none.

    Raises
    ------
    BadInputError
        Naming the field and its value.

    Examples
    --------
    >>> time_phases({"interval": 5, "duration": 60})
    (TimePhase(interval=5.0, loops=13),)
    """
    if value is None or isinstance(value, TimePhase):
        return () if value is None else (value,)
    if isinstance(value, Mapping):
        return time_phases(value["phases"]) if list(value) == ["phases"] else (_phase(value, "time_plan"),)
    return tuple(
        item if isinstance(item, TimePhase) else _phase(item, f"time_plan[{place}]")
        for place, item in enumerate(listed(value, "time_plan"))
    )


def _phase(value: Any, where: str) -> TimePhase:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where}: expected a mapping with {_WAYS}, got {value!r}")
    check_known(value, ("interval", "loops", "duration"), where)
    if len(value) != 2:
        raise BadInputError(f"{where}: give {_WAYS}, not {dict(value)!r}")
    if "loops" not in value:
        interval = _seconds(value["interval"], f"{where}.interval")
        if not round(interval * 1e6):
            raise BadInputError(f"{where}.interval must be above 0 where a duration is given, not {interval}")
        duration = _seconds(value["duration"], f"{where}.duration")
        loops = round(duration * 1e6) // round(interval * 1e6) + 1
        return TimePhase(interval=interval, loops=_bounded(loops, where))
    loops = plain(value["loops"], f"{where}.loops")
    if not isinstance(loops, int) or isinstance(loops, bool) or loops < 1:
        raise BadInputError(f"{where}.loops must be a whole number of 1 or more, not {loops!r}")
    _bounded(loops, where)
    if "interval" in value:
        return TimePhase(interval=_seconds(value["interval"], f"{where}.interval"), loops=loops)
    return TimePhase(
        interval=_seconds(value["duration"], f"{where}.duration") / max(1, loops - 1), loops=loops
    )


def _bounded(loops: int, where: str) -> int:
    """Refuse more time points than any program can count."""
    if loops > MOST_TIMES:
        raise BadInputError(f"{where} has {MOST_TIMES} loops at most, not {loops:g}")
    return loops


def _seconds(value: Any, where: str) -> float:
    """Return seconds: given as a number, a ``timedelta``, or a mapping such as ``{"minutes": 5}``."""
    if isinstance(value, Mapping):
        check_known(value, _UNITS, where)
        value = sum(number(part, f"{where}.{unit}") * _UNITS[unit] for unit, part in value.items())
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return number(value, where, least=0, most=MOST_S)
