"""Positions that do not fit into one interval, in batches: each goes through all time points in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import MOST_S, made, number
from parfocal.runs.plans.time_plan import TimePhase

_ROUNDING = 1e-9


class BatchPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How positions are batched: one of the two tells the other.

    Attributes
    ----------
    positions : int or None
        How many are in a batch; None: as many as fit into the shortest interval.
    time_per_position : float or None
        Seconds from the begin of one position to that of the next; None: equal parts of the shortest
        interval.
    """

    positions: int | None = None
    time_per_position: float | None = None

    def __post_init__(self) -> None:
        if self.positions is None and self.time_per_position is None:
            raise BadInputError("a batch has positions, or time_per_position in seconds, or both")
        if self.positions is not None and self.positions < 1:
            raise BadInputError(f"positions must be 1 or more, not {self.positions}")
        if self.time_per_position is not None:
            number(self.time_per_position, "time_per_position", above=0, most=MOST_S)


class PositionBatch(msgspec.Struct, frozen=True):
    """So many positions in a batch, each a time after the one before; both are known."""

    positions: int
    time_per_position_s: float

    def split(self, count: int) -> Iterator[range]:
        """Yield which of `count` positions each batch has.

        Examples
        --------
        >>> list(PositionBatch(2, 4.0).split(5))
        [range(0, 2), range(2, 4), range(4, 5)]
        """
        for first in range(0, count, self.positions):
            yield range(first, min(first + self.positions, count))


def batch_plan(value: Any) -> BatchPlan | None:
    """Return what a ``batch`` describes: a mapping of the fields of `BatchPlan`; None for none."""
    return None if value is None else made(BatchPlan, value, "batch")


def batching(batch: BatchPlan, phases: tuple[TimePhase, ...], axis_order: str) -> PositionBatch:
    """Return how a sequence of these time points is batched.

    Raises
    ------
    BadInputError
        If a batch does not fit into the shortest interval, or there is none; names the values.

    Examples
    --------
    >>> ten = (TimePhase(interval=10.0, loops=2),)
    >>> batching(BatchPlan(time_per_position=4), ten, "tpcz")
    PositionBatch(positions=2, time_per_position_s=4.0)
    >>> batching(BatchPlan(positions=4), ten, "tpcz")
    PositionBatch(positions=4, time_per_position_s=2.5)
    """
    if not axis_order.startswith("tp"):
        raise BadInputError(f"batch needs an axis_order that begins with t and p, not {axis_order!r}")
    shortest_s = min((phase.interval for phase in phases if phase.loops > 1), default=0.0)
    if not shortest_s:
        raise BadInputError("batch needs a time_plan of two time points or more, with an interval above 0")
    each_s, positions = batch.time_per_position, batch.positions
    if each_s is None:
        each_s = shortest_s / (positions or 1)
    fitting = int(shortest_s / each_s + _ROUNDING)
    if positions is None:
        positions = fitting
    if fitting < max(1, positions):
        raise BadInputError(
            f"batch: {positions or 1} positions of {each_s:g} s each do not fit into {shortest_s:g} s"
        )
    return PositionBatch(positions, float(each_s))
