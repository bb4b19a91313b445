"""Looking for the focus before the images of a position: when, how far, and what if it is not found."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.plans.fields import made, number
from parfocal.runs.plans.frame_choice import Choice, chosen, frame_choice

_CHOICES = {
    "positions": ("each", "first"),
    "measure": ("gradient", "variance"),
    "on_failure": ("keep", "pause", "stop"),
}
_LEAST, _MOST = 3, 1000
_TimePoints = range | tuple[int, ...]


class Autofocus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A search for the focus, which shifts all heights that are told from a position.

    The stage goes through planes around the focus that was found last, or the position's z, and the sharpest
    image tells the focus. Its frames are none of the plan's.

    Attributes
    ----------
    range, step : float
        How far the planes reach in all, and from one to the next, um.
    frames : int, range, list or set of them, or str
        At which time points, as `stim_frames`; without it at each.
    positions : "each" or "first"
        "each": every position has a focus of its own. "first": that of the first one goes for all.
    channel : str
        In which light it looks; "": that of the first channel. What the sequence says of that channel goes.
    exposure, power : float or None
        ms, and as the light takes it; None: as the channel has them.
    measure : "gradient" or "variance"
        By what an image is called sharp: see `parfocal.tracking.sharpness`.
    on_failure : "keep", "pause" or "stop"
        If no focus is found, z stays as it was, and the run goes on, has a person look, or ends.

    Examples
    --------
    >>> Autofocus(range=4, step=2).planes_um(100.0)
    (98.0, 100.0, 102.0)
    """

    range: float
    step: float
    frames: Any = ()
    positions: str = "each"
    channel: str = ""
    exposure: float | None = None
    power: float | None = None
    measure: str = "gradient"
    on_failure: str = "keep"

    def __post_init__(self) -> None:
        number(self.range, "range", above=0)
        number(self.step, "step", above=0)
        if not _LEAST <= self.count <= _MOST:
            raise BadInputError(
                f"an autofocus has {_LEAST} to {_MOST} planes, not {self.count}: range {self.range:g} um in "
                f"steps of {self.step:g} um"
            )
        if self.exposure is not None:
            number(self.exposure, "exposure", above=0)
        if self.power is not None:
            number(self.power, "power", least=0)
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                told = nearest(str(value), known)
                raise BadInputError(f"{name} is one of {', '.join(known)}, not {value!r}; {told}")
        msgspec.structs.force_setattr(self, "frames", frame_choice(self.frames, "frames"))

    @property
    def count(self) -> int:
        """How many planes it goes through."""
        return math.floor(round(self.range / self.step, 6)) + 1

    @property
    def reach_um(self) -> float:
        """How far the outermost planes are from the middle."""
        return (self.count - 1) * self.step / 2

    def planes_um(self, middle_um: float) -> tuple[float, ...]:
        """Return the heights it goes through, upwards."""
        return tuple(middle_um - self.reach_um + place * self.step for place in range(self.count))

    def times(self, count: int) -> _TimePoints:
        """Return at which of `count` time points it looks."""
        choice: Choice = self.frames
        return chosen(choice, count, "autofocus.frames") if choice else range(count)


def autofocus_plan(value: Any) -> Autofocus | None:
    """Return what an ``autofocus`` describes: a mapping of the fields of `Autofocus`; None for none.

    Raises
    ------
    BadInputError
        Naming the field, its value, and the nearest known one.

    Examples
    --------
    >>> autofocus_plan({"range": 10, "step": 2, "rnage": 3})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: autofocus has no field 'rnage'; did you mean 'range'?
    """
    return None if value is None else made(Autofocus, value, "autofocus")
