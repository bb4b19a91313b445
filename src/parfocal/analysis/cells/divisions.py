"""Cells followed over time, through divisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import positive
from parfocal.analysis.cells.libraries import library
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
    mothers : dict of int to int
        For each daughter the number of its mother.

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
    >>> linker.mothers
    {1: 0, 2: 0}
    """

    required_columns = frozenset({"y_px", "x_px"})

    def __init__(self, search_px: float = 20.0, division_px: float = 20.0) -> None:
        self._tracker = library("laptrack").LapTrack(
            cutoff=positive(search_px, "search_px") ** 2,
            gap_closing_cutoff=False,
            splitting_cutoff=positive(division_px, "division_px") ** 2,
        )
        self._places: NDArray[np.float64] = np.empty((0, 2))
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._next_number = 0
        self.mothers: dict[int, int] = {}

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
        numbers = np.full(len(places), -1, dtype=np.int64)
        for before, after in self._successors(places).items():
            if len(after) == 1:
                numbers[after[0]] = self._numbers[before]
            for place in after if len(after) > 1 else ():
                numbers[place] = self._new_number()
                self.mothers[int(numbers[place])] = int(self._numbers[before])
        for place in np.flatnonzero(numbers < 0).tolist():
            numbers[place] = self._new_number()
        self._places, self._numbers = places, numbers
        return numbers

    def _successors(self, places: NDArray[np.float64]) -> dict[int, list[int]]:
        """Return which cells of this time point follow each one of the time point before."""
        followed: dict[int, list[int]] = {}
        if len(places) and len(self._places):
            for (_, before), (_, after) in sorted(self._tracker.predict([self._places, places]).edges()):
                followed.setdefault(int(before), []).append(int(after))
        return followed

    def _new_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1
