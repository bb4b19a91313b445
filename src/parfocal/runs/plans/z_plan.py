"""The planes of a stack: around a position, or at heights of their own."""

from __future__ import annotations

import math
from functools import cached_property

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import number

_WAYS = (
    ("range", "step"),
    ("top", "bottom", "step"),
    ("above", "below", "step"),
    ("absolute",),
    ("relative",),
)
_TOLD = "; or ".join(" and ".join(way) for way in _WAYS)
MOST_PLANES = 10_000


class ZPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A stack in one of five ways, all in um.

    Attributes
    ----------
    range, step : float
        Around the position, from -range / 2.
    top, bottom, step : float
        Heights of the stage, from the bottom.
    above, below, step : float
        Around the position, from -below.
    absolute, relative : list of float
        Heights of the stage, or around the position, in the order given.
    go_up : bool
        False visits the planes in reverse.

    Examples
    --------
    >>> ZPlan(range=4, step=2).planes_um
    (-2.0, 0.0, 2.0)
    >>> ZPlan(absolute=(10, 12), go_up=False).planes_um
    (12.0, 10.0)
    """

    range: float | None = None
    step: float | None = None
    top: float | None = None
    bottom: float | None = None
    above: float | None = None
    below: float | None = None
    absolute: tuple[float, ...] | None = None
    relative: tuple[float, ...] | None = None
    go_up: bool = True

    def __post_init__(self) -> None:
        given = {name for way in _WAYS for name in way if getattr(self, name) is not None}
        if given not in [set(way) for way in _WAYS]:
            raise BadInputError(f"a z_plan has {_TOLD}; not {', '.join(sorted(given)) or 'none of them'}")
        if self.step is not None:
            number(self.step, "step", above=0)
        if not self.planes_um:
            raise BadInputError("a z_plan must have a plane")

    @property
    def is_relative(self) -> bool:
        """Whether the planes are told from the position, not from the stage's origin."""
        return self.top is None and self.absolute is None

    @cached_property
    def planes_um(self) -> tuple[float, ...]:
        """The planes in the order of their visits, from the position or from the stage's origin."""
        listed = self.absolute if self.absolute is not None else self.relative
        planes = tuple(map(float, listed)) if listed is not None else self._stepped()
        return planes if self.go_up else planes[::-1]

    def _stepped(self) -> tuple[float, ...]:
        low, high = self._ends()
        step = self.step or 1.0
        if high < low:
            raise BadInputError(f"a z_plan must end above its begin, not from {low:g} to {high:g} um")
        count = math.ceil(round((high - low) / step + 0.5, 6))
        if count > MOST_PLANES:
            raise BadInputError(f"a z_plan has {MOST_PLANES} planes at most, not {count}; make step larger")
        return tuple(low + place * step for place in range(count))

    def _ends(self) -> tuple[float, float]:
        if self.range is not None:
            return -self.range / 2, self.range / 2
        if self.top is not None and self.bottom is not None:
            return self.bottom, self.top
        return -abs(self.below or 0.0), abs(self.above or 0.0)
