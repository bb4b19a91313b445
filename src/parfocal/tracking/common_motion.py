"""What beads that are stuck have in common: one motion, and a place for each of them.

Not all are tracked in each frame. A mean over those that are would step whenever one comes or goes; here the
motion in each frame and the place of each bead are fitted together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEAM = 20
"""How many frames on either side tell how beads that never meet hang together; also the longest gap."""


def places_of_references(moved: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each reference lies relative to the common motion: the least squares of both together.

    Parameters
    ----------
    moved, weight : ndarray, (frames, references)
        Positions, and their weights, 0 where there is none.

    Returns
    -------
    ndarray, (references,)

    Raises
    ------
    BadInputError
        If the references fall into parts that never meet, more than 20 frames apart.
    """
    from scipy.sparse.csgraph import connected_components  # takes half a second: for those who solve alone

    together = weight / np.maximum(weight.sum(axis=1), 1e-300)[:, None]
    equations = np.diag(weight.sum(axis=0)) - weight.T @ together
    right = (weight * moved).sum(axis=0) - together.T @ (weight * moved).sum(axis=1)
    places = np.linalg.lstsq(equations, right, rcond=1e-12)[0]
    parts, which = connected_components(weight.T @ (weight > 0) > 0, directed=False)
    if parts > 1:
        places += _joined(moved - places, weight, which, parts)[which]
    return np.asarray(places)


def _joined(
    moved: NDArray[np.float64], weight: NDArray[np.float64], which: NDArray[np.int32], parts: int
) -> NDArray[np.float64]:
    """Return by how much to shift each part, references that meet, so that the motion goes on evenly.

    Each frame belongs to one part. Straight lines through the frames on either side of a seam tell the step.
    """
    seen = np.flatnonzero(weight.sum(axis=1) > 0)
    drift = (weight * moved).sum(axis=1)[seen] / weight.sum(axis=1)[seen]
    part = which[weight[seen].argmax(axis=1)]
    seams = [k for k in (np.flatnonzero(np.diff(part)) + 1).tolist() if seen[k] - seen[k - 1] <= _SEAM]
    sums, steps = np.zeros((len(seams) + 1, parts)), np.zeros(len(seams) + 1)
    sums[-1] = 1  # the mean of all shifts is 0
    for row, k in enumerate(seams):
        middle = (seen[k] + seen[k - 1]) / 2
        before, after = slice(max(k - _SEAM, 0), k), slice(k, k + _SEAM)
        sums[row, part[k]] += 1
        sums[row, part[k - 1]] -= 1
        steps[row] = _at(middle, seen[after], drift[after], part[after] == part[k]) - _at(
            middle, seen[before], drift[before], part[before] == part[k - 1]
        )
    shifts, _, rank, _ = np.linalg.lstsq(sums, steps, rcond=1e-9)
    if rank < parts:
        gap = int(np.diff(seen).argmax())
        raise BadInputError(
            f"no reference was tracked from frame {seen[gap] + 1} to {seen[gap + 1] - 1}, and those before "
            "and after it never meet: the drift between them cannot be told. Take the parts one by one"
        )
    return np.asarray(shifts)


def _at(
    middle: float, frames: NDArray[np.int64], drift: NDArray[np.float64], own: NDArray[np.bool_]
) -> float:
    """Return the value of a straight line through the drift, in the middle of a seam."""
    x, y = frames[own] - middle, drift[own]
    return float(np.polyfit(x, y, 1)[1] if len(x) > 2 else y.mean())
