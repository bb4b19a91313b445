"""Cells that touch, told apart by their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.analysis.cells.checks import at_least, positive
from parfocal.analysis.cells.libraries import library
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    at_least(0, smooth_px, "smooth_px")
    at_least(0, min_area_px, "min_area_px")
    from parfocal.tracking.components import pieces  # they load a compiler
    from parfocal.tracking.distance import distance_to_background
    from parfocal.tracking.smoothing import gaussian

    filled = _filled(foreground)
    distance = gaussian(distance_to_background(filled), smooth_px)
    tops, _ = pieces(filled & (distance >= _highest_around(distance)), corners=True)
    numbers, count = pieces(filled, corners=True)
    labels, several = _by_tops(numbers, count, tops)
    if several.any():
        cut = _cut_out(numbers, several)
        near, mask = cut.of(distance), cut.of(several[numbers])
        parts = library("skimage.segmentation").watershed(-near, cut.of(tops), mask=mask)
        cut.put_back(_joined(parts, near, depth_px), labels)
    return without_small(labels, min_area_px)


class _CutOut(NamedTuple):
    """Some pixels of an image, and where they lie in one that has little beside them."""

    pixels: NDArray[np.intp]
    places: NDArray[np.intp]
    shape: tuple[int, int]

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return these pixels of an image, cut out; 0 around them."""
        cut = np.zeros(self.shape, image.dtype)
        cut.reshape(-1)[self.places] = image.reshape(-1)[self.pixels]
        return cut

    def put_back(self, cut: NDArray[Any], image: NDArray[Any]) -> None:
        """Write these pixels into an image."""
        image.reshape(-1)[self.pixels] = cut.reshape(-1)[self.places]


def _cut_out(numbers: NDArray[np.int32], chosen: NDArray[np.bool_]) -> _CutOut:
    """Cut chosen pieces out, side by side; leave them where they are if that takes more room."""
    pixels = np.flatnonzero(chosen[numbers])
    piece = numbers.reshape(-1)[pixels]
    y, x = np.divmod(pixels, numbers.shape[1])
    low_y, high_y = _range_by_piece(piece, y, len(chosen))
    low_x, high_x = _range_by_piece(piece, x, len(chosen))
    widths = np.where(chosen, high_x - low_x + 2, 0)  # and a column between two
    height, width = int(np.max(high_y - low_y, where=chosen, initial=0)) + 1, int(widths.sum())
    if height * width > numbers.size:
        return _CutOut(pixels, pixels, (numbers.shape[0], numbers.shape[1]))
    columns = x - low_x[piece] + (np.cumsum(widths) - widths)[piece]
    return _CutOut(pixels, (y - low_y[piece]) * width + columns, (height, width))


def _range_by_piece(
    piece: NDArray[np.int32], values: NDArray[np.intp], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the lowest and the highest value of each piece."""
    low, high = np.full(count, np.iinfo(np.intp).max), np.zeros(count, np.intp)
    np.minimum.at(low, piece, values)
    np.maximum.at(high, piece, values)
    return low, high


def _filled(foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a foreground without holes: background that does not reach the edge of the image."""
    from parfocal.tracking.components import pieces

    outside, count = pieces(~foreground, corners=False)
    is_hole = np.ones(count + 1, dtype=bool)
    for edge in (outside[0], outside[-1], outside[:, 0], outside[:, -1]):
        is_hole[edge] = False
    is_hole[0] = False
    return foreground | is_hole[outside] if is_hole.any() else foreground


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
    numbers: NDArray[np.int32], count: int, tops: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the labels of pieces that have one top, as its number; and which pieces have several."""
    places = np.flatnonzero(tops != 0)  # of bool it is found in a third of the time
    top = tops.reshape(-1)[places]
    piece_of = np.zeros(top.max(initial=0) + 1, dtype=np.intp)
    piece_of[top] = numbers.reshape(-1)[places]
    tops_in = np.bincount(piece_of[1:], minlength=count + 1)
    top_of = np.zeros(count + 1, dtype=np.int32)
    top_of[piece_of] = np.arange(piece_of.size)
    top_of[tops_in != 1] = 0
    return top_of[numbers], tops_in > 1


def _joined(parts: NDArray[np.int32], distance: NDArray[np.floating], depth_px: float) -> NDArray[np.int32]:
    """Join the parts of a watershed between which the way down is shorter than `depth_px`.

    The highest way from one part to another is taken first, so a part is always compared with the top of all
    that has been joined to its neighbour by then. As if only tops of that depth had been flooded from, at a
    fraction of the time.
    """
    tops = np.zeros(int(parts.max()) + 1)
    inside = np.flatnonzero(parts)
    np.maximum.at(tops, parts.ravel()[inside], distance.ravel()[inside])
    root = list(range(tops.size))
    for one, other, pass_px in _passes(parts, distance):
        low, high = sorted((_root_of(root, one), _root_of(root, other)), key=lambda number: tops[number])
        if low != high and tops[low] - pass_px < depth_px:
            root[low] = high
    return np.array([_root_of(root, number) for number in range(tops.size)], dtype=np.int32)[parts]


def _passes(parts: NDArray[np.int32], distance: NDArray[np.floating]) -> list[tuple[int, int, float]]:
    """Return the pairs of parts that touch, and the greatest distance on their border; the greatest first."""
    found: list[tuple[NDArray[Any], ...]] = []
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = _neighbours(parts, shift)
        border = (here != there) & (here > 0) & (there > 0)
        heights = np.minimum(*(side[border] for side in _neighbours(distance, shift)))
        found.append((here[border], there[border], heights))
    one, other, height = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(-height, kind="stable")
    pairs = np.sort(np.column_stack([one, other])[order], axis=1)
    _, first = np.unique(pairs[:, 0] * (int(parts.max()) + 1) + pairs[:, 1], return_index=True)
    first.sort()
    return list(zip(*pairs[first].T.tolist(), height[order][first].tolist(), strict=True))


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
    flat = labels.reshape(-1)
    areas = np.bincount(flat[np.flatnonzero(flat != 0)], minlength=1)
    kept = areas >= max(min_area_px, 1)
    kept[0] = False
    renumbered: NDArray[np.int32] = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return np.asarray(renumbered[labels])
