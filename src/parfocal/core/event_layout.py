"""Where the frames of a plan's events lie: the axes of the plan, and the number that an index has."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from parfocal.core.errors import BadInputError

_T = TypeVar("_T", "PositionLayout", str)
_WELL = re.compile(r"([A-Za-z]+)([0-9]+)")


class PositionLayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the stage stands for all frames of one position (p) of a plan.

    Parameters
    ----------
    name : str
        For people; "" for none.
    x_um, y_um : float or None
        Of the stage, micrometres; None if the plan does not move it.
    z_um : float or None
        Of the position, micrometres, before offsets of planes and channels; None if the plan does not tell.
    well : str
        The well of a plate that it lies in, its row before its column, such as "B3"; "" for none.

    Examples
    --------
    >>> PositionLayout(name="left", x_um=300.0, y_um=0.0, well="B3").row_and_column
    ('B', '3')
    """

    name: str = ""
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None
    well: str = ""

    def __post_init__(self) -> None:
        for axis in ("x_um", "y_um", "z_um"):
            value = getattr(self, axis)
            if value is not None and not math.isfinite(value):
                raise BadInputError(f"{axis} of position {self.name!r} must be finite, not {value}")
        if self.well and not _WELL.fullmatch(self.well):
            raise BadInputError(
                f"well {self.well!r} of position {self.name!r} must be letters and a number, such as 'B3'"
            )

    @property
    def row_and_column(self) -> tuple[str, str] | None:
        """Names of the well's row and column, ("B", "3") for "b03"; None of a position in no well."""
        match = _WELL.fullmatch(self.well)
        return None if match is None else (match[1].upper(), str(int(match[2])))


class EventLayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the frames of a plan's events lie: its axes, outermost first, and how long each is.

    Events are numbered in the order of the axes, the last one fastest. A first axis t may grow.

    Parameters
    ----------
    axes : str
        Some of "t", "p", "c", "z", each once.
    sizes : tuple of int
        How long each of them is.
    positions : tuple of PositionLayout
        One for each index along p; () if nothing is known of them.
    channels : tuple of str
        Names, one for each index along c; () if they have none.
    z_step_um : float or None
        From plane to plane, micrometres; None if it is not the same everywhere.
    z_first_um : float or None
        Offset of the first plane from the height of its position, micrometres; None if it is not known.
    interval_s : float or None
        From time point to time point as planned, seconds; None if it is not the same everywhere.
    label : str
        Of frames that label what is in the images of the same positions: their name; "" for images.
    labelled : tuple of str
        Of labels that lie by themselves, not within the images: where the image of each position is, as seen
        from the folder of its labels.

    Examples
    --------
    >>> layout = EventLayout(axes="tpc", sizes=(20, 3, 2), channels=("nucleus", "erk"))
    >>> layout.index_of(9)
    {'t': 1, 'p': 1, 'c': 1}
    >>> layout.number_of({"t": 1, "p": 1, "c": 1})
    9
    """

    axes: str
    sizes: tuple[int, ...]
    positions: tuple[PositionLayout, ...] = ()
    channels: tuple[str, ...] = ()
    z_step_um: float | None = None
    z_first_um: float | None = None
    interval_s: float | None = None
    label: str = ""
    labelled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.axes or len(set(self.axes)) != len(self.axes) or not set(self.axes) <= set("tpcz"):
            raise BadInputError(f"axes {self.axes!r} of events must be some of 't', 'p', 'c', 'z', each once")
        if len(self.sizes) != len(self.axes) or any(size < 1 for size in self.sizes):
            raise BadInputError(
                f"sizes {self.sizes} must tell a length of 1 or more for each of {self.axes!r}"
            )
        for axis, names in (("p", self.positions), ("c", self.channels)):
            if names and len(names) != self.size(axis):
                listed = "positions" if axis == "p" else "channels"
                raise BadInputError(f"{len(names)} {listed} are named, but {axis} is {self.size(axis)} long")
        if self.labelled and (not self.label or len(self.labelled) != self.size("p")):
            raise BadInputError(f"{len(self.labelled)} images are labelled, of {self.size('p')} positions")
        for name in ("z_step_um", "interval_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BadInputError(f"{name} must be positive, or None if it is not known, not {value}")

    def index_of(self, event: int) -> dict[str, int]:
        """Return the index of an event along each axis."""
        index = {}
        for axis, size in zip(self.axes[:0:-1], self.sizes[:0:-1], strict=True):
            event, index[axis] = divmod(event, size)
        index[self.axes[0]] = event
        return {axis: index[axis] for axis in self.axes}

    def number_of(self, index: Mapping[str, int]) -> int:
        """Return the number of the event at an index; an axis that is not named counts as 0 there.

        Raises
        ------
        BadInputError
            If there is no such axis, or the index lies outside; a first axis t has no end.
        """
        for axis in index:
            if axis not in self.axes:
                raise BadInputError(f"index {dict(index)}: there is no axis {axis!r}, only {self.axes!r}")
        number = 0
        for place, (axis, size) in enumerate(zip(self.axes, self.sizes, strict=True)):
            at = index.get(axis, 0)
            endless = axis == "t" and place == 0
            if at < 0 or (at >= size and not endless):
                raise BadInputError(f"index {dict(index)}: {axis} goes from 0 to {size - 1}")
            number = number * size + at
        return number

    def size(self, axis: str) -> int:
        """Return how long `axis` is; 1 for one that the plan does not have."""
        return self.sizes[self.axes.index(axis)] if axis in self.axes else 1

    def grown(self, later: EventLayout) -> EventLayout:
        """Return the layout of a run that goes on with `later`, which must hold what lies along these axes.

        Only a first axis t may be shorter there: it has no end. Steps that differ from then on are not the
        same everywhere; of each position the height with which it began is kept.

        Raises
        ------
        BadInputError
            If an axis is another one or shorter, or what lies at an index has another name or place.
        """
        if later.axes != self.axes:
            raise BadInputError(f"a run goes on with the axes {self.axes!r}, not {later.axes!r}")
        for place, (axis, before, now) in enumerate(zip(self.axes, self.sizes, later.sizes, strict=True)):
            if now < before and not (axis == "t" and place == 0):
                raise BadInputError(f"{axis} can grow, and is {before} long; it cannot become {now}")
        single = self.z_step_um is None and self.size("z") == 1
        same_step = single or self.z_step_um == later.z_step_um or later.size("z") == 1
        z_step_um = (later.z_step_um if single else self.z_step_um) if same_step else None
        return EventLayout(
            axes=self.axes,
            sizes=tuple(max(sizes) for sizes in zip(self.sizes, later.sizes, strict=True)),
            positions=_longer("position", self.positions, later.positions, later.size("p")),
            channels=_longer("channel", self.channels, later.channels, later.size("c")),
            z_step_um=z_step_um,
            z_first_um=later.z_first_um if single else self.z_first_um,
            interval_s=self.interval_s if self.interval_s == later.interval_s else None,
            label=self.label,
            labelled=self.labelled,
        )


def _longer(word: str, known: tuple[_T, ...], later: tuple[_T, ...], size: int) -> tuple[_T, ...]:
    """Return what is known of the indices along an axis, which is `size` long now."""
    if known and not later:
        if size != len(known):
            raise BadInputError(f"each {word} of the run is named, those that are added must be, too")
        return known
    for number, (old, new) in enumerate(zip(known, later, strict=False)):
        if _without_height(old) != _without_height(new):
            raise BadInputError(f"{word} {number} of the run is {old!r}; it cannot become {new!r}")
    return known + later[len(known) :]


def _without_height(place: PositionLayout | str) -> PositionLayout | str:
    return place if isinstance(place, str) else msgspec.structs.replace(place, z_um=None)
