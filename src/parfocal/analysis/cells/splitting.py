"""Cells that touch, told apart by their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from parfocal.analysis.cells.checks import positive
from parfocal.analysis.cells.libraries import library
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


_AROUND = np.ones((3, 3), dtype=bool)
"""Pixels that meet at a corner belong together."""


def split_touching(
    foreground: NDArray[np.bool_], *, depth_px: float = 0.3, smooth_px: float = 0.5, min_area_px: int = 12
) -> NDArray[np.int32]:
    """Return one label for each cell: a watershed of the distance to the background.

    Holes are filled first. The distance is counted in the foreground alone, so a cell that is cut off by the
    edge of the image is not narrower for it.

    Parameters
    ----------
    foreground : ndarray of bool, shape (y, x)
        Where cells are.
    depth_px : float
        How much narrower a neck must be than the narrower of the two it joins, in px of half its width; more
        leaves more cells together.
    smooth_px : float
        Standard deviation of the Gaussian that smooths the distance.
    min_area_px : int
        Smaller ones are left out.

    Returns
    -------
    ndarray of int32, shape (y, x)
        0 is background, 1 ... n are cells.

    Raises
    ------
    BadInputError
        If the foreground is not a mask of two axes, or `depth_px` is not positive.

    Examples
    --------
    >>> y, x = np.mgrid[:40, :60]
    >>> two = (np.hypot(y - 20, x - 20) < 11) | (np.hypot(y - 20, x - 38) < 11)
    >>> int(split_touching(two).max())
    2
    """
    if foreground.ndim != 2 or foreground.dtype != np.bool_:
        raise BadInputError(
            "foreground must be bool with the axes (y, x), not "
            f"{foreground.dtype} of shape {foreground.shape}"
        )
    positive(depth_px, "depth_px")
    from parfocal.tracking.distance import distance_to_background  # it loads a compiler

    filled = _filled(foreground)
    distance = ndimage.gaussian_filter(distance_to_background(filled), smooth_px)
    tops, _ = ndimage.label(filled & (distance >= _highest_around(distance)), _AROUND)
    alone, others = _by_tops(filled, tops)
    if others.any():
        parts = library("skimage.segmentation").watershed(-distance, np.where(others, tops, 0), mask=others)
        alone[others] = _joined(parts, distance, depth_px)[others]
    return without_small(alone, min_area_px)


def _filled(foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a foreground without holes: background that does not reach the edge of the image."""
    outside, count = ndimage.label(~foreground)
    reaches = np.zeros(count + 1, dtype=bool)
    for edge in (outside[0], outside[-1], outside[:, 0], outside[:, -1]):
        reaches[edge] = True
    reaches[0] = False
    return ~reaches[outside]


def _highest_around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each pixel the highest value among its neighbours and itself."""
    rows = values.copy()
    np.maximum(rows[1:], values[:-1], out=rows[1:])
    np.maximum(rows[:-1], values[1:], out=rows[:-1])
    highest = rows.copy()
    np.maximum(highest[:, 1:], rows[:, :-1], out=highest[:, 1:])
    np.maximum(highest[:, :-1], rows[:, 1:], out=highest[:, :-1])
    return highest


def _by_tops(
    filled: NDArray[np.bool_], tops: NDArray[np.integer]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return where there is but one top, as its number; and where there are several to be told apart."""
    pieces, count = ndimage.label(filled, _AROUND)
    places = np.flatnonzero(tops)
    piece_of = np.zeros(tops.max() + 1, dtype=np.intp)
    piece_of[tops.ravel()[places]] = pieces.ravel()[places]
    tops_in = np.bincount(piece_of[1:], minlength=count + 1)
    top_of = np.zeros(count + 1, dtype=np.int32)
    top_of[piece_of] = np.arange(piece_of.size)
    top_of[tops_in != 1] = 0
    return top_of[pieces], (tops_in > 1)[pieces]


def _joined(parts: NDArray[np.int32], distance: NDArray[np.floating], depth_px: float) -> NDArray[np.int32]:
    """Join the parts of a watershed between which the way down is shorter than `depth_px`.

    The highest way from one part to another is taken first, so a part is always compared with the top of all
    that has been joined to its neighbour by then. As if only tops of that depth had been flooded from, at a
    fraction of the time.
    """
    numbers = np.arange(parts.max() + 1)
    tops = np.zeros(numbers.size)
    inside = np.flatnonzero(parts)
    np.maximum.at(tops, parts.ravel()[inside], distance.ravel()[inside])
    root = numbers.tolist()
    for one, other, pass_px in _passes(parts, distance):
        low, high = sorted((_root_of(root, one), _root_of(root, other)), key=lambda number: tops[number])
        if low != high and tops[low] - pass_px < depth_px:
            root[low] = high
    return np.array([_root_of(root, number) for number in numbers], dtype=np.int32)[parts]


def _passes(parts: NDArray[np.int32], distance: NDArray[np.floating]) -> list[tuple[int, int, float]]:
    """Return the pairs of parts that touch, and the greatest distance on their border; the greatest first."""
    found = []
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = _neighbours(parts, shift)
        border = (here != there) & (here > 0) & (there > 0)
        heights = np.minimum(*(side[border] for side in _neighbours(distance, shift)))
        found.append(np.column_stack([here[border], there[border], heights]))
    pairs = np.concatenate(found)
    return [
        (int(one), int(other), float(height))
        for one, other, height in pairs[np.argsort(-pairs[:, 2], kind="stable")]
    ]


def _neighbours(values: NDArray[Any], shift: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the values at each pixel and at the one `shift` away from it, where both are in the image."""
    down, right = shift
    here = values[: values.shape[0] - down, max(0, -right) : values.shape[1] - max(0, right)]
    there = values[down:, max(0, right) : values.shape[1] - max(0, -right)]
    return here, there


def _root_of(root: list[int], number: int) -> int:
    while root[number] != number:
        number = root[number]
    return number


def without_small(labels: NDArray[np.integer], min_area_px: int) -> NDArray[np.int32]:
    """Return labels without those of a smaller area, numbered 1 ... n anew in the same order.

    Examples
    --------
    >>> without_small(np.array([[1, 0, 2, 2, 5, 5]]), 2)
    array([[0, 0, 1, 1, 2, 2]], dtype=int32)
    """
    areas = np.bincount(labels.ravel())
    kept = areas >= max(min_area_px, 1)
    kept[0] = False
    renumbered: NDArray[np.int32] = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return np.asarray(renumbered[labels])
