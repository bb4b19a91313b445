"""Where the light of a stimulus goes: masks in the pixels of the camera image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import at_least, finite, positive
from parfocal.core.errors import BadInputError
from parfocal.tracking.labelled import compact

if TYPE_CHECKING:
    from numpy.typing import NDArray


def whole_field(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Light everything; `shape` is (y, x).

    Examples
    --------
    >>> bool(whole_field((2, 3)).all())
    True
    """
    return np.ones(shape, dtype=bool)


def no_light(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Light nothing, as for a control without light whose run is the same in all else; `shape` is (y, x).

    Examples
    --------
    >>> bool(no_light((2, 3)).any())
    False
    """
    return np.zeros(shape, dtype=bool)


def centre_circle(shape: tuple[int, int], diameter: float = 0.5) -> NDArray[np.bool_]:
    """Light a circle in the middle; its diameter is a fraction of the shorter side.

    Examples
    --------
    >>> centre_circle((4, 6), 0.5).astype(int)
    array([[0, 0, 0, 0, 0, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 0, 0, 0, 0]])
    """
    y, x = _from_centre(shape)
    return np.asarray(np.hypot(y, x) <= positive(diameter, "diameter") * min(shape) / 2)


def line(
    shape: tuple[int, int], *, width_px: float, at: float = 0.5, angle: float = 0.0
) -> NDArray[np.bool_]:
    """Light a straight line across the whole field.

    Parameters
    ----------
    shape : tuple of int
        (y, x).
    width_px : float
        Its width.
    at : float
        Where its middle is, across itself: 0.5 is the centre of the field, 0 and 1 are its edges.
    angle : float
        Degrees; 0 is a vertical line that `at` moves to the right, 90 a horizontal one that it moves down.

    Examples
    --------
    >>> line((2, 5), width_px=1).astype(int)
    array([[0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0]])
    """
    y, x = _from_centre(shape)
    turned = np.radians(finite(angle, "angle"))
    finite(at, "at")
    across = x * np.cos(turned) + y * np.sin(turned)
    length = abs(shape[1] * np.cos(turned)) + abs(shape[0] * np.sin(turned))
    return np.asarray(np.abs(across - (at - 0.5) * length) <= positive(width_px, "width_px") / 2)


def moving_line(
    shape: tuple[int, int], t: int, time_points: int, *, width_px: float, angle: float = 0.0
) -> NDArray[np.bool_]:
    """Light a line that goes across the field once: from one edge at time point 0 to the other at the last.

    Examples
    --------
    >>> [int(moving_line((1, 5), t, 3, width_px=1)[0].argmax()) for t in (0, 1, 2)]
    [0, 2, 4]
    """
    if not 0 <= t < time_points:
        raise BadInputError(f"t must be a time point from 0 to {time_points - 1}, not {t}")
    return line(shape, width_px=width_px, at=0.5 if time_points == 1 else t / (time_points - 1), angle=angle)


def cells(labels: NDArray[np.integer], chosen: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Light cells: the chosen ones, or all.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background.
    chosen : ndarray of bool, shape (n,)
        For each label that occurs, in ascending order, as the columns of `measure` have them.

    Examples
    --------
    >>> cells(np.array([[1, 0, 4]]), np.array([False, True])).astype(int)
    array([[0, 0, 1]])
    """
    return np.asarray(_only(labels, chosen) > 0)


def part_of_cells(
    labels: NDArray[np.integer],
    chosen: NDArray[np.bool_] | None = None,
    *,
    fraction: float = 0.3,
    angle: float | None = None,
) -> NDArray[np.bool_]:
    """Light a part of each chosen cell, from one of its ends.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background.
    chosen : ndarray of bool, shape (n,)
        As for `cells`.
    fraction : float
        Of the pixels of each cell, above 0 to 1.
    angle : float, optional
        Degrees: from which side; 0 is the right, 90 the top of the image. Without it, from that end of its
        longest axis that is farther up, or farther right if it lies flat.

    Examples
    --------
    >>> part_of_cells(np.ones((4, 2), int), fraction=0.5, angle=90).astype(int)
    array([[1, 1],
           [1, 1],
           [0, 0],
           [0, 0]])
    """
    if not 0 < fraction <= 1:
        raise BadInputError(f"fraction must be above 0 and at most 1, not {fraction}")
    y, x = np.nonzero(_only(labels, chosen))
    cells_of, sizes = _numbered(labels[y, x])
    up, right = -y.astype(np.float64), x.astype(np.float64)
    towards = _long_axes(cells_of, sizes, up, right) if angle is None else np.radians(finite(angle, "angle"))
    along = up * np.sin(towards) + right * np.cos(towards)
    order = np.lexsort((-along, cells_of))  # cell by cell, each from the end that is lit
    place = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = order[place < np.repeat(np.maximum(1, np.round(fraction * sizes)), sizes)]
    lit = np.zeros(labels.shape, dtype=bool)
    lit[y[first], x[first]] = True
    return lit


def top_edge(
    labels: NDArray[np.integer], chosen: NDArray[np.bool_] | None = None, *, width_px: int = 3
) -> NDArray[np.bool_]:
    """Light the upper edge of each chosen cell: its first pixels from above in each column of the image.

    Examples
    --------
    >>> top_edge(np.array([[0, 1], [1, 1], [1, 1]]), width_px=1).astype(int)
    array([[0, 1],
           [1, 0],
           [0, 0]])
    """
    at_least(1, width_px, "width_px")
    kept = _only(labels, chosen)
    shifted = np.zeros_like(kept)
    if width_px < kept.shape[0]:
        shifted[width_px:] = kept[:-width_px]
    return np.asarray((kept > 0) & (shifted != kept))


def _only(labels: NDArray[np.integer], chosen: NDArray[np.bool_] | None) -> NDArray[np.integer]:
    if chosen is None:
        return labels
    numbered, names = compact(labels)
    present = np.flatnonzero(np.bincount(numbered.ravel()))
    present = present[(present if names is None else names[present]) > 0]
    if chosen.shape != present.shape or chosen.dtype != np.bool_:
        raise BadInputError(
            f"chosen must have True or False for each of the {present.size} cells, not "
            f"{chosen.dtype} of shape {chosen.shape}"
        )
    kept = np.zeros(present.max(initial=0) + 1, labels.dtype)
    kept[present[chosen]] = present[chosen] if names is None else names[present[chosen]]
    return np.asarray(kept[numbered])


def _from_centre(shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2


def _numbered(owners: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each pixel the number of its cell, from 0 on, and how many pixels each has."""
    numbered, _ = compact(owners)
    areas = np.bincount(numbered)
    present = areas > 0
    return (np.cumsum(present) - 1)[numbered], areas[present]


def _long_axes(
    cells_of: NDArray[np.int64],
    sizes: NDArray[np.int64],
    up: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return for each pixel where the longest axis of its cell points: upwards, or right if it lies flat.

    In radians, 0 is right and pi / 2 up.
    """
    up, right = (at - (np.bincount(cells_of, at) / sizes)[cells_of] for at in (up, right))
    upwards, sideways, both = (np.bincount(cells_of, of) for of in (up * up, right * right, up * right))
    from_up = np.arctan2(2 * both, upwards - sideways) / 2  # within a quarter of a turn
    lies_flat = from_up < 1e-9 - np.pi / 2
    return np.asarray(np.where(lies_flat, 0.0, np.pi / 2 - from_up)[cells_of])
