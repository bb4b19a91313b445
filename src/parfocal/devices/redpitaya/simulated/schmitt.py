"""A trigger with hysteresis. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def first_edge(
    values: NDArray[np.int64],
    threshold: int,
    hysteresis: int,
    *,
    rising: bool,
    earliest: int = 0,
    level: int = 0,
) -> tuple[int | None, int]:
    """Find the first sample, from `earliest` on, at which a signal crosses `threshold`.

    A rising edge counts after the signal was more than `hysteresis` below the threshold; a falling one after
    it was that much above.

    Parameters
    ----------
    values : ndarray
        The signal.
    level : int
        Where the samples before these left the trigger: 1 past the threshold, -1 ready, 0 unknown.

    Returns
    -------
    index : int or None
        Of the edge.
    level : int
        Where these samples leave the trigger.

    Examples
    --------
    >>> first_edge(np.array([0, 5, 1, 5, -9, 5]), 4, 10, rising=True)
    (5, 1)
    >>> first_edge(np.array([0, -5, 9, -5]), 0, 3, rising=False)
    (3, 1)
    """
    if not rising:
        values, threshold = -values, -threshold
    levels = np.where(values >= threshold, 1, np.where(values < threshold - hysteresis, -1, 0))
    decided = np.flatnonzero(levels)
    if not len(decided):
        return None, level
    known = levels[decided]
    before = np.concatenate([[level], known[:-1]])
    edges = decided[(known == 1) & (before == -1)]
    edges = edges[edges >= earliest]
    return (int(edges[0]) if len(edges) else None), int(known[-1])
