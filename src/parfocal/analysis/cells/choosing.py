"""Which cells are stimulated, by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import at_least
from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray


def above(columns: Mapping[str, NDArray[Any]], column: str, threshold: float) -> NDArray[np.bool_]:
    """Choose the cells of which a column is above a threshold; one whose value is NaN is not chosen.

    Examples
    --------
    >>> above({"ratio_erk": np.array([0.8, 1.4, np.nan])}, "ratio_erk", 1.0)
    array([False,  True, False])
    """
    return np.asarray(_column(columns, column) > threshold)


def brightest(columns: Mapping[str, NDArray[Any]], column: str, count: int) -> NDArray[np.bool_]:
    """Choose the cells in which a column is highest: all, if there are no more than `count`.

    Of equal ones those that come first; NaN is never chosen.

    Examples
    --------
    >>> brightest({"mean_erk": np.array([5.0, 9.0, 7.0, np.nan])}, "mean_erk", 2)
    array([False,  True,  True, False])
    """
    at_least(0, count, "count")
    values = np.asarray(_column(columns, column), dtype=np.float64)
    order = np.argsort(-values, kind="stable")  # NaN comes last
    chosen = np.zeros(values.size, dtype=bool)
    chosen[order[:count]] = True
    return chosen & ~np.isnan(values)


def every(columns: Mapping[str, NDArray[Any]], k: int, first: int = 0) -> NDArray[np.bool_]:
    """Choose every k-th cell by its number, so that it is the same ones at each time point.

    Examples
    --------
    >>> every({"particle": np.array([4, 7, 10, 3])}, 2)
    array([ True, False,  True, False])
    """
    at_least(1, k, "k")
    return np.asarray((_column(columns, "particle") - first) % k == 0)


def picked(columns: Mapping[str, NDArray[Any]], picked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose the cells that a person has picked, by their numbers, wherever they are by now.

    Examples
    --------
    >>> picked({"particle": np.array([4, 7, -1, 3])}, np.array([3, 4, 99]))
    array([ True, False, False,  True])
    """
    particles = _column(columns, "particle")
    return np.isin(particles, picked) & (particles >= 0)


def _column(columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in columns:
        raise BadInputError(f"the cells have no column {name!r}; {nearest(name, columns)}")
    return columns[name]
