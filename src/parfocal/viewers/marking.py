"""What a person's clicks and drags make of the points and shapes over an image. Pure; places are (y, x)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from parfocal.viewers.annotations import Points, Shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Annotation

Place = tuple[float, float]
MARKS, REGIONS = "marks", "regions"
"""Names of the points and of the shapes that a person adds."""


def with_mark(annotations: Iterable[Annotation], at: Place) -> Points:
    """Return the person's points with one more.

    Examples
    --------
    >>> with_mark([with_mark([], (3.0, 4.0))], (5.0, 6.0)).points.tolist()
    [[3.0, 4.0], [5.0, 6.0]]
    """
    for one in annotations:
        if isinstance(one, Points) and one.name == MARKS:
            return replace(one, points=np.vstack([one.points, at]), values=None)
    return Points(MARKS, np.array([at]))


def dragged(annotations: Iterable[Annotation], begin: Place, end: Place) -> Annotation:
    """Return the points or shapes of which a drag moved one; with one more rectangle if it hit none."""
    annotations = tuple(annotations)
    by = np.subtract(end, begin)
    hit = _at(annotations, begin)
    if hit is None:
        corners = np.array([begin, (begin[0], end[1]), end, (end[0], begin[1])])
        for one in annotations:
            if isinstance(one, Shapes) and one.name == REGIONS:
                return replace(one, polygons=(*one.polygons, corners))
        return Shapes(REGIONS, (corners,))
    one, number = hit
    if isinstance(one, Points):
        moved = one.points.copy()
        moved[number] += by
        return replace(one, points=moved)
    polygons = list(one.polygons)
    polygons[number] = polygons[number] + by
    return replace(one, polygons=tuple(polygons))


def erased(annotations: Iterable[Annotation], at: Place) -> Annotation | None:
    """Return the points or shapes without the one at a place; None if there is none."""
    hit = _at(annotations, at)
    if hit is None:
        return None
    one, number = hit
    if isinstance(one, Points):
        values = None if one.values is None else np.delete(one.values, number)
        return replace(one, points=np.delete(one.points, number, axis=0), values=values)
    return replace(one, polygons=one.polygons[:number] + one.polygons[number + 1 :])


def _at(annotations: Iterable[Annotation], at: Place) -> tuple[Points | Shapes, int] | None:
    """Return the uppermost points or shapes that have one at a place, and its number."""
    for one in reversed(tuple(annotations)):
        if isinstance(one, Points) and one.count:
            away = np.hypot(*(one.points - at).T)
            if away.min() <= max(one.size_px / 2, 3.0):
                return one, int(away.argmin())
        elif isinstance(one, Shapes):
            for number, polygon in enumerate(one.polygons):
                if _inside(polygon, at):
                    return one, number
    return None


def _inside(polygon: NDArray[np.float64], at: Place) -> bool:
    """Return whether a place lies in a polygon: a ray from it crosses the edges an odd number of times."""
    y, x = polygon.T
    next_y, next_x = np.roll(y, -1), np.roll(x, -1)
    spans = (y > at[0]) != (next_y > at[0])
    crossing = x[spans] + (at[0] - y[spans]) / (next_y[spans] - y[spans]) * (next_x[spans] - x[spans])
    return bool(np.count_nonzero(crossing > at[1]) % 2)
