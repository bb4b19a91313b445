"""What annotations look like, whoever paints them: colours, edges of areas, lines of tracks. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.viewers.display import lookup_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Labels, Points, Tracks

_COLOURS = 4096
_FILL, _PICKED_FILL = 90, 150
"""Opacity of a filled area, and of a picked one, of 255."""


class Lines(NamedTuple):
    """Straight pieces of tracks.

    Attributes
    ----------
    ends : ndarray
        (n, 2, 2): begin and end of each, y and x.
    colours : ndarray
        (n, 3) uint8, by particle.
    strengths : ndarray
        (n,) from 0, the oldest, to 1, now.
    """

    ends: NDArray[np.float64]
    colours: NDArray[np.uint8]
    strengths: NDArray[np.float64]


def rgb(colour: str) -> tuple[int, int, int]:
    """Return "#rrggbb" as three numbers.

    Examples
    --------
    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def number_colours(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a bright colour for each number, far from those of its neighbours; shape (..., 3)."""
    return np.asarray(_number_table()[np.asarray(numbers).astype(np.int64) % _COLOURS])


def edges(areas: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return the pixels of areas that touch another area, or none.

    Examples
    --------
    >>> edges(np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 2], [0, 1, 1, 1, 2], [0, 1, 1, 1, 2]])).astype(int)
    array([[0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1],
           [0, 1, 0, 1, 1],
           [0, 1, 0, 1, 1]])
    """
    found = np.zeros(areas.shape, np.bool_)
    for one, other in (((slice(1, None),), (slice(-1),)), ((..., slice(1, None)), (..., slice(-1)))):
        differ = areas[one] != areas[other]
        found[one] |= differ
        found[other] |= differ
    found &= areas != 0
    return found


def label_picture(labels: Labels, picked: tuple[int, ...] = ()) -> NDArray[np.uint8]:
    """Return areas in their colours and opacity, (y, x, 4) uint8; picked ones filled, edged in white."""
    areas = labels.image
    picture = np.zeros((*areas.shape, 4), np.uint8)
    inside = areas != 0
    edge = edges(areas)
    drawn = edge if labels.style == "outline" else inside
    picture[drawn, :3] = rgb(labels.colour) if labels.colour else number_colours(areas[drawn])
    picture[drawn, 3] = 255 if labels.style == "outline" else _FILL
    if picked and labels.pickable:
        chosen = np.isin(areas, labels.areas_of(picked)) & inside
        picture[chosen, :3] = number_colours(areas[chosen])
        picture[chosen, 3] = _PICKED_FILL
        picture[chosen & edge] = 255
    return picture


def point_colours(points: Points) -> NDArray[np.uint8]:
    """Return the colour of each point, (n, 3) uint8."""
    if points.values is None:
        return np.tile(np.array(rgb(points.colour or "#ffffff"), np.uint8), (points.count, 1))
    values = np.nan_to_num(points.values)
    low, span = values.min(initial=np.inf), np.ptp(values) if len(values) else 0.0
    part = (values - low) / (span or 1.0)
    return np.asarray(lookup_table("viridis", 1.0)[(part * 255).astype(np.uint8)])


def track_lines(tracks: Tracks, index: Mapping[str, str]) -> Lines:
    """Return the pieces of tracks over a plane: those up to its "t", as far back as the tail reaches.

    Examples
    --------
    >>> from parfocal.viewers.annotations import Tracks
    >>> rows = [(7, t, 10.0 * t, 0.0) for t in range(5)]
    >>> lines = track_lines(Tracks("tracks", rows, tail=2), {"t": "3"})
    >>> lines.ends[:, :, 0].tolist(), lines.strengths.tolist()
    ([[10.0, 20.0], [20.0, 30.0]], [0.5, 1.0])
    """
    rows = tracks.rows
    now = _time_point(index.get("t", ""))
    if now is None:
        now = float(rows[:, 1].max()) if len(rows) else 0.0
    rows = rows[(rows[:, 1] <= now) & (rows[:, 1] >= now - tracks.tail)]
    joined = rows[1:, 0] == rows[:-1, 0]
    begin, end = rows[:-1][joined], rows[1:][joined]
    return Lines(
        ends=np.stack([begin[:, 2:], end[:, 2:]], axis=1),
        colours=number_colours(end[:, 0]),
        strengths=1.0 - (now - end[:, 1]) / tracks.tail,
    )


def _time_point(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _number_table() -> NDArray[np.uint8]:
    """Return colours by number: hues a golden section apart, every third of them paler."""
    numbers = np.arange(_COLOURS)
    hue = numbers * 0.618034 % 1 * 6
    pale = np.where(numbers % 3 == 0, 0.55, 0.85)
    at = (np.array([5, 3, 1]) + hue[:, None]) % 6  # red, green, blue
    bright = 1 - pale[:, None] * np.clip(np.minimum(at, 4 - at), 0, 1)
    table = np.asarray(np.round(bright * 255), np.uint8)
    table.flags.writeable = False
    return table
