"""Cells followed over time, through divisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import positive
from parfocal.analysis.cells.libraries import library
from parfocal.analysis.cells.linking import LinkerState, remembered
from parfocal.analysis.cells.measure import centres_px

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DivisionLinker:
    """Numbers that stay with cells, where a cell may become two: both daughters get new numbers.

    One object for each position: it remembers the last time point. A cell that is missing for one gets a new
    number.

    Parameters
    ----------
    search_px : float
        How far a cell may have come since the last time point.
    division_px : float
        How far a daughter may be from where its mother was.

    Attributes
    ----------
    parents : ndarray of int64, shape (n,)
        For each cell of the newest time point the number of the cell that it divided from; -1 for none.

    References
    ----------
    Jaqaman et al., Robust single-particle tracking in live-cell time-lapse sequences, Nat. Methods 5 (2008);
    carried out by laptrack on each pair of time points.

    Examples
    --------
    >>> linker = DivisionLinker(search_px=10, division_px=10)
    >>> linker.link({"y_px": np.array([20.0]), "x_px": np.array([20.0])})
    array([0])
    >>> linker.link({"y_px": np.array([17.0, 23.5]), "x_px": np.array([20.0, 20.0])})
    array([1, 2])
    >>> linker.parents
    array([0, 0])
    """

    def __init__(self, search_px: float = 20.0, division_px: float = 20.0) -> None:
        laptrack = library("laptrack").LapTrack
        cutoff, split = positive(search_px, "search_px") ** 2, positive(division_px, "division_px") ** 2
        self._one_to_one = laptrack(cutoff=cutoff, gap_closing_cutoff=False, splitting_cutoff=False)
        self._dividing = laptrack(cutoff=cutoff, gap_closing_cutoff=False, splitting_cutoff=split)
        self._places: NDArray[np.float64] = np.empty((0, 2))
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._next_number = 0
        self.parents: NDArray[np.int64] = np.empty(0, dtype=np.int64)

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
        numbers, parents = np.full((2, len(places)), -1, dtype=np.int64)
        for before, after in self._successors(places).items():
            if len(after) == 1:
                numbers[after], parents[after] = self._numbers[before], self.parents[before]
            else:
                parents[after] = self._numbers[before]
        is_new = numbers < 0
        numbers[is_new] = self._next_number + np.arange(is_new.sum())
        self._next_number += int(is_new.sum())
        self._places, self._numbers, self.parents = places, numbers, parents
        return numbers

    def state(self) -> LinkerState:
        """Return all that is remembered, as numbers and arrays; see `resume`."""
        return {
            "places": self._places,
            "numbers": self._numbers,
            "parents": self.parents,
            "next_number": self._next_number,
        }

    def resume(self, state: LinkerState) -> None:
        """Go on where another linker of the same settings was when it returned `state`."""
        self._places, self._numbers, self.parents, self._next_number = remembered(
            state, "places", "numbers", "parents", "next_number"
        )

    def _successors(self, places: NDArray[np.float64]) -> dict[int, list[int]]:
        """Return which cells of this time point follow each one of the time point before.

        Divisions are looked for, which takes much longer, only where a cell follows none: then the others
        are linked first, as here.
        """
        if not len(places) or not len(self._places):
            return {}
        both = [self._places, places]
        links = self._one_to_one.predict(both).edges()
        if len(links) < len(places):
            links = self._dividing.predict(both).edges()
        followed: dict[int, list[int]] = {}
        for (_, before), (_, after) in sorted(links):
            followed.setdefault(int(before), []).append(int(after))
        return followed
