"""Which time points are meant: numbers, ranges, every n-th; negative ones count from the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import made, plain

_EVERY = re.compile(r"every (\d+)(?: from (\d+))?")
_WAYS = 'a number, a range, a list or set of them, "all", "every 5" or "every 5 from 2"'


class FrameRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Time points as a slice has them: from `start` to before `stop` (None: to the end), every `step`-th."""

    start: int = 0
    stop: int | None = None
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            raise BadInputError(f"step must be 1 or more, not {self.step}")


Choice = tuple[int | FrameRange, ...]


def frame_choice(value: Any, where: str) -> Choice:
    """Return a choice of time points in its one form.

    Raises
    ------
    BadInputError
        Naming the value and the ways to write it.

    Examples
    --------
    >>> frame_choice({3, -1}, "stim_frames")
    (-1, 3)
    >>> frame_choice("every 5 from 2", "stim_frames")
    (FrameRange(start=2, stop=None, step=5),)
    """
    if value is None:
        return ()
    value = plain(value, where)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, str):
        return (_from_text(value, where),)
    if isinstance(value, slice):
        fields = {"start": value.start or 0, "stop": value.stop, "step": value.step or 1}
        return (made(FrameRange, fields, where),)
    if isinstance(value, (Mapping, FrameRange)):
        return (made(FrameRange, value, where),)
    if isinstance(value, range) and value.step > 0 and value.start >= 0:
        return (FrameRange(start=value.start, stop=value.stop, step=value.step),) if value else ()
    if not isinstance(value, Iterable):
        raise BadInputError(f"{where}: expected {_WAYS}, got {value!r}")
    ordered = sorted(value) if isinstance(value, (set, frozenset)) else value
    return tuple(term for item in ordered for term in frame_choice(item, where))


def chosen(choice: Choice, count: int, where: str) -> range | tuple[int, ...]:
    """Return the chosen ones of `count` time points, sorted, each once.

    Raises
    ------
    BadInputError
        If one lies outside.

    Examples
    --------
    >>> chosen((-1, 3), 20, "stim_frames")
    (3, 19)
    >>> chosen((FrameRange(start=2, step=5),), 20, "stim_frames")
    range(2, 20, 5)
    """
    for term in choice:
        _check_inside(term, count, where)
    parts = [_resolved(term, count) for term in choice]
    if len(parts) == 1:
        return parts[0]
    return tuple(sorted({frame for part in parts for frame in part}))


def _resolved(term: int | FrameRange, count: int) -> range:
    if isinstance(term, int):
        first = term % count
        return range(first, first + 1)
    return range(*slice(term.start, term.stop, term.step).indices(count))


def _check_inside(term: int | FrameRange, count: int, where: str) -> None:
    told = f"{where}: there are {count} time points, 0 to {count - 1} (-1 is the last)"
    if isinstance(term, int):
        if not -count <= term < count:
            raise BadInputError(f"{told}; {term} is none of them")
    elif not -count <= term.start < count or not -count <= (term.stop or 0) <= count:
        raise BadInputError(f"{told}; {term.start} to before {term.stop} is not among them")


def _from_text(text: str, where: str) -> FrameRange:
    if text == "all":
        return FrameRange()
    found = _EVERY.fullmatch(text)
    if not found:
        raise BadInputError(f"{where}: expected {_WAYS}, got {text!r}")
    return made(FrameRange, {"start": int(found[2] or 0), "step": int(found[1])}, where)
