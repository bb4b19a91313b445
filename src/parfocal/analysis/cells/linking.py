"""Cells followed over time: numbers that stay with them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.spatial import cKDTree

from parfocal.analysis.cells.checks import at_least, positive
from parfocal.analysis.cells.libraries import library
from parfocal.analysis.cells.measure import centres_px
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


LinkerState: TypeAlias = "Mapping[str, NDArray[Any] | int]"
"""What a linker remembers; a process that takes a position over goes on with it."""


class NearestLinker:
    """Gives each cell the number of the nearest one of the time point before, all together for the best.

    One object for each position: it remembers. Cells that are new get numbers that were never used, so a
    number stands for one cell only, also of a cell that was away for too long.

    Parameters
    ----------
    search_px : float
        How far a cell may have come since the last time point.
    memory : int
        For how many time points a cell may be missing and still be known.

    References
    ----------
    Crocker and Grier, Methods of digital video microscopy for colloidal studies, J. Colloid Interface Sci.
    179 (1996); carried out by trackpy.

    Examples
    --------
    >>> linker = NearestLinker(search_px=5)
    >>> linker.link({"y_px": np.array([10.0, 40.0]), "x_px": np.array([10.0, 40.0])})
    array([0, 1])
    >>> linker.link({"y_px": np.array([41.0, 11.0]), "x_px": np.array([40.0, 12.0])})
    array([1, 0])
    """

    def __init__(self, search_px: float = 20.0, memory: int = 1) -> None:
        at_least(0, memory, "memory")
        self._search_px, self._memory = positive(search_px, "search_px"), memory
        self._places: NDArray[np.float64] = np.empty((0, 2))  # of the cells that are known
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._away: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # for how many time points
        self._next_number = 0

    def link(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the numbers of the cells of the next time point, in their order.

        Parameters
        ----------
        columns : dict of str to ndarray, shape (n,)
            "y_px" and "x_px", as `places` and `measure` give them.

        Returns
        -------
        ndarray of int64, shape (n,)
            From 0 on.
        """
        places = centres_px(columns)
        _get_ready()
        known = _nearest(self._places, places, self._search_px)
        is_new = known < 0
        numbers = np.where(is_new, 0, self._numbers[known] if self._numbers.size else 0)
        numbers[is_new] = self._next_number + np.arange(is_new.sum())
        self._next_number += int(is_new.sum())
        self._remember(places, numbers)
        return numbers

    def state(self) -> LinkerState:
        """Return all that is remembered, as numbers and arrays; see `resume`."""
        return {
            "places": self._places,
            "numbers": self._numbers,
            "away": self._away,
            "next_number": self._next_number,
        }

    def resume(self, state: LinkerState) -> None:
        """Go on where another linker of the same settings was when it returned `state`."""
        self._places, self._numbers, self._away, self._next_number = remembered(
            state, "places", "numbers", "away", "next_number"
        )

    def _remember(self, places: NDArray[np.float64], numbers: NDArray[np.int64]) -> None:
        """Keep the cells of this time point, and those that are not away for too long."""
        kept = ~np.isin(self._numbers, numbers) & (self._away < self._memory)
        self._places = np.concatenate([places, self._places[kept]])
        self._numbers = np.concatenate([numbers, self._numbers[kept]])
        self._away = np.concatenate([np.zeros(len(places), dtype=np.int64), self._away[kept] + 1])


def remembered(state: LinkerState, *names: str) -> list[Any]:
    """Return what a linker remembers, by name; `BadInputError` if it is not what such a linker returns."""
    if set(state) != set(names):
        raise BadInputError(f"this linker goes on with {', '.join(names)}, not with {', '.join(state)}")
    return [state[name] for name in names]


@functools.cache
def _get_ready() -> None:
    """Have trackpy loaded and compiled with the first image of a process, not with the first close cells.

    That takes a second or two, which would cost a stimulus in the middle of a run its mask.
    """
    row = np.stack([np.zeros(8), np.arange(8.0)], axis=1)
    _best_together(row, row + 0.1, search_px=2.0)


_ONE_AT_A_TIME = threading.Lock()
"""trackpy counts its tracks in one place for the whole process, and begins anew with each linking."""


def _nearest(before: NDArray[np.float64], after: NDArray[np.float64], search_px: float) -> NDArray[np.int64]:
    """Return for each of the places `after` which one of those before it continues; -1 for none.

    Where a cell has one candidate, which has no other, there is nothing to weigh; the others are left to
    trackpy.
    """
    found = np.full(len(after), -1)
    if not len(before) or not len(after):
        return found
    near = cKDTree(before).sparse_distance_matrix(cKDTree(after), search_px, output_type="ndarray")
    old, new = near["i"], near["j"]
    is_alone = (np.bincount(old)[old] == 1) & (np.bincount(new)[new] == 1)
    found[new[is_alone]] = old[is_alone]
    old, new = np.unique(old[~is_alone]), np.unique(new[~is_alone])
    if len(new):
        weighed = _best_together(before[old], after[new], search_px)
        found[new] = np.where(weighed < 0, -1, old[weighed])
    return found


def _best_together(
    before: NDArray[np.float64], after: NDArray[np.float64], search_px: float
) -> NDArray[np.int64]:
    """Return what each of the places `after` continues, so that all ways together are shortest."""
    linking = library("trackpy.linking")
    library("trackpy").quiet()  # else it prints a line for each time point
    with _ONE_AT_A_TIME:
        (_, tracks), (_, continued) = linking.link_iter(iter((before, after)), search_range=search_px)
    place_of = {track: place for place, track in enumerate(tracks)}
    return np.array([place_of.get(track, -1) for track in continued])
