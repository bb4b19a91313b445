"""Programs made of others: one after the other, side by side, or cut short. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from msgspec.structs import replace

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.condition_check import ConditionCheck
from parfocal.runs.plans.elements import ConditionElement, Element
from parfocal.runs.plans.lane import Lane
from parfocal.runs.plans.program import Part, PlacedPart, Program
from parfocal.runs.plans.section import Section

T = TypeVar("T")


def one_after_the_other(whole: Program, more: Program) -> Program:
    """Return both, `more` behind `whole`: t goes on; positions and channels of both are the same ones."""
    p, positions = _joined(whole.positions, more.positions, lambda place: place.key)
    c, lights = _joined(whole.lights, more.lights, tuple)
    parts = ((_moved(placed.part, whole.times, p, c), placed.watches) for placed in more.parts)
    return Program(
        parts=_placed(parts, whole.parts),
        positions=positions,
        lights=lights,
        planes=max(whole.planes, more.planes),
    )


def side_by_side(left: Program, right: Program) -> Program:
    """Return both on one clock: p of `right` goes on, t does not; what holds the one holds the other.

    Raises
    ------
    BadInputError
        If the one waits or asks where the other does not.
    """
    if any(isinstance(placed.part, ConditionElement) for placed in (*left.parts, *right.parts)):
        raise BadInputError(
            "plans over positions run on one clock, so none of them may have a condition of its own: put it "
            'around them, as in stop_when(condition, combine(a, b, axis="p"))'
        )
    p = tuple(range(len(left.positions), len(left.positions) + len(right.positions)))
    c, lights = _joined(left.lights, right.lights, tuple)
    moved = [placed._replace(part=_moved(placed.part, 0, p, c)) for placed in right.parts]
    return Program(
        parts=_placed((part, ()) for part in _abreast(_groups(left.parts), _groups(moved))),
        positions=left.positions + right.positions,
        lights=lights,
        planes=max(left.planes, right.planes),
    )


def cut(program: Program, count: int) -> Program:
    """Return the first `count` events; positions, channels and planes stay as they are."""
    whole = bisect_right(program.parts, count, key=lambda placed: placed.first + placed.size)
    parts = program.parts[:whole]
    done = parts[-1].first + parts[-1].size if parts else 0
    if count > done:
        last = program.parts[whole]
        parts = _placed([(_cut_section(last.part, count - done), last.watches)], parts)
    return replace(program, parts=parts)


def _cut_section(part: Part, limit: int) -> Section:
    """Return a section that ends within a time point: what follows begins when the next one would have."""
    assert isinstance(part, Section), "only a section has several events"
    steps = [
        (lane, lane.last_step(count))
        for lane, count in zip(part.lanes, part.split(limit), strict=True)
        if count
    ]
    return replace(part, limit=limit, end_s=max(lane.start_of(step + 1) for lane, step in steps))


def _joined(
    old: tuple[T, ...], new: tuple[T, ...], key: Callable[[T], Hashable]
) -> tuple[tuple[int, ...], tuple[T, ...]]:
    """Return where each of the new ones is in the union of both, and the union.

    Examples
    --------
    >>> _joined(("a", "b"), ("b", "c", "b"), str)
    ((1, 2, 3), ('a', 'b', 'c', 'b'))
    """
    known: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, item in enumerate(old):
        known[key(item)].append(place)
    union, found = list(old), []
    for item in new:
        same = known[key(item)]
        found.append(same.pop(0) if same else len(union))
        if found[-1] == len(union):
            union.append(item)
    return tuple(found), tuple(union)


def _moved(part: Part, t: int, p: Sequence[int], c: Sequence[int]) -> Part:
    """Return a part whose lanes lie elsewhere along the axes."""
    if not isinstance(part, Section):
        return part
    lanes = tuple(
        replace(lane, t=lane.t + t, p=tuple(p[i] for i in lane.p), c=tuple(c[i] for i in lane.c))
        for lane in part.lanes
    )
    return replace(part, lanes=lanes)


def _placed(
    parts: Iterable[tuple[Part, tuple[ConditionCheck, ...]]], before: tuple[PlacedPart, ...] = ()
) -> tuple[PlacedPart, ...]:
    """Return parts placed behind others: a barrier begins with the last time point, a section after it.

    Each comes with what watches it.
    """
    placed = list(before)
    for part, watches in parts:
        start_s, first, times = 0.0, 0, 0
        if placed:
            last = placed[-1]
            is_barrier = isinstance(part, Element) and part.is_barrier
            start_s = last.last_s if is_barrier else last.end_s
            first, times = last.first + last.size, last.times
        times = max(times, part.times) if isinstance(part, Section) else times
        placed.append(PlacedPart(part, start_s, first, times, watches))
    return tuple(placed)


Group = tuple[Section, Element | None]
"""What is done without a barrier, counted from the end of the one before, and the barrier behind it."""


def _groups(parts: Iterable[PlacedPart]) -> Iterator[Group]:
    begin, end, lanes = 0.0, 0.0, list[Lane]()
    for placed in parts:
        if isinstance(placed.part, Section):
            shift = placed.start_s - begin
            lanes += [replace(lane, start_s=lane.start_s + shift) for lane in placed.part.lanes]
            end = placed.end_s - begin
        else:
            yield Section(lanes=tuple(lanes), end_s=end), placed.part
            begin, end, lanes = placed.end_s, 0.0, []
    yield Section(lanes=tuple(lanes), end_s=end), None


def _abreast(left: Iterable[Group], right: Iterable[Group]) -> Iterator[Part]:
    nothing: Any = (None, None)
    for (one, barrier), (other, same) in zip_longest(left, right, fillvalue=nothing):
        if barrier != same or (barrier and not barrier.is_barrier):
            told = " and ".join(str(item) if item else "nothing" for item in (barrier, same))
            raise BadInputError(
                f"plans over positions run on one clock, so each must wait where the others do, not {told}: "
                'write combine(combine(a, b, axis="p"), wait(10), axis="t")'
            )
        if one.lanes or other.lanes:
            yield Section(lanes=one.lanes + other.lanes, end_s=max(one.end_s, other.end_s))
        if barrier:
            yield barrier
