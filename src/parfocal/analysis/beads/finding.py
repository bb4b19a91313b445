"""In which image beads are looked for: one that shows none, such as a dark one, is not the only one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parfocal.core.frames import Frame

_LOOKS = 10
_WAIT_S = 0.05


def find_in_newest(
    read: Callable[[], Frame], find: Callable[[NDArray[Any]], NDArray[Any]], wait: Callable[[float], object]
) -> NDArray[Any]:
    """Return what is found in the newest frame, or in one of the next if nothing is.

    Parameters
    ----------
    read : callable
        Returns the newest frame.
    find : callable
        Returns what it finds in an image.
    wait : callable
        Waits for some seconds; raises if the caller no longer wants to know.
    """
    frame = read()
    found = find(frame.data)
    for _ in range(_LOOKS):
        if len(found):
            break
        wait(_WAIT_S)
        newer = read()
        if newer.header.frame != frame.header.frame:
            frame = newer
            found = find(frame.data)
    return found


def find_in_movie(
    read: Callable[[int], NDArray[Any]], images: int, find: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Return what is found in the first image that shows at least half as much as the middle one.

    The first image is looked at first, then the 2nd, 3rd, 5th, 9th ...

    Examples
    --------
    >>> import numpy as np
    >>> movie = np.zeros((100, 4, 4), int)
    >>> movie[3:, :2] = 1
    >>> len(find_in_movie(movie.__getitem__, 100, lambda image: np.argwhere(image)))
    8
    """
    enough = len(find(read(images // 2))) / 2
    number = 0
    while number < images // 2:
        found = find(read(number))
        if len(found) >= max(enough, 1):
            return found
        number = max(2 * number, 1)
    return find(read(images // 2))
