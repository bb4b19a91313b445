"""The pieces of a foreground, numbered as `scipy.ndimage.label` numbers them, in a fraction of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.tracking.jit import driver

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pieces(foreground: NDArray[np.bool_], *, corners: bool) -> tuple[NDArray[np.int32], int]:
    """Return which pixel is of which piece, and how many pieces there are.

    They are numbered from 1 in the order of their first pixels, row after row; the background is 0.

    Parameters
    ----------
    foreground : ndarray of bool, shape (y, x)
        Takes about 1 ns for a pixel of the background, and 3 ns for one of a piece.
    corners : bool
        Whether pixels that meet at a corner alone belong together.

    Examples
    --------
    >>> image = np.array([[1, 0, 1], [0, 1, 0]], bool)
    >>> pieces(image, corners=False)[0].tolist(), pieces(image, corners=True)[0].tolist()
    ([[1, 0, 2], [0, 3, 0]], [[1, 0, 1], [0, 1, 0]])
    """
    numbers = np.empty(foreground.shape, np.int32)
    count = _number(np.ascontiguousarray(foreground), corners, numbers)
    return numbers, count


@driver
def _number(foreground: NDArray[np.bool_], corners: bool, numbers: NDArray[np.int32]) -> int:
    rows, columns = foreground.shape
    parents = np.zeros(rows * ((columns + 1) // 2) + 1, np.int32)
    found = 0
    for y in range(rows):
        for x in range(columns):
            if not foreground[y, x]:
                numbers[y, x] = 0
                continue
            own = numbers[y, x - 1] if x else 0
            if y:
                own = _joined(parents, own, numbers[y - 1, x])
                if corners:
                    own = _joined(parents, own, numbers[y - 1, x - 1] if x else 0)
                    own = _joined(parents, own, numbers[y - 1, x + 1] if x + 1 < columns else 0)
            if not own:
                found += 1
                own = parents[found] = found
            numbers[y, x] = own
    count = 0
    for number in range(1, found + 1):  # a piece has the number of its first pixel until here
        if parents[number] == number:
            count += 1
            parents[number] = count
        else:
            parents[number] = parents[parents[number]]
    for y in range(rows):
        for x in range(columns):
            numbers[y, x] = parents[numbers[y, x]]
    return count


@driver
def _joined(parents: NDArray[np.int32], one: int, other: int) -> int:
    """Make two numbers those of one piece, and return the lower one's; 0 stands for none."""
    if not one or not other or one == other:
        return max(one, other)
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    while parents[other] != other:
        parents[other] = parents[parents[other]]
        other = parents[other]
    low = min(one, other)
    parents[one] = parents[other] = low
    return low
