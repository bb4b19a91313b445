"""The scope's samples: 16384 of each channel to be read, and those in which a trigger is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable


LENGTH = 16384
_RING = 2 * LENGTH


class SampleBuffer:
    """Two channels of samples, numbered from the arming on; number k can be read at k modulo 16384.

    A search for a trigger runs ahead of the end that the trigger then sets; so samples are taken onto a ring
    twice as long, and only those up to the end are kept.

    Parameters
    ----------
    take : callable
        ``take(channel, begin, end)`` returns the samples with these numbers.
    """

    def __init__(self, take: Callable[[int, int, int], NDArray[np.float64]]) -> None:
        self._take = take
        self._ring = np.zeros((2, _RING), np.int64)
        self._buffers = np.zeros((2, LENGTH), np.int64)
        self._taken = 0
        self._kept = 0

    def restart(self) -> None:
        """Begin to number at 0 again; what was kept can still be read until it is overwritten."""
        self._taken = self._kept = 0

    def samples(self, channel: int, begin: int, end: int) -> NDArray[np.int64]:
        """Return samples by number: at most 16384 of them, and no older than 32768."""
        self._fill(end)
        found: NDArray[np.int64] = self._ring[channel, np.arange(begin, end) % _RING]
        return found

    def keep(self, end: int) -> None:
        """Make the samples before number `end` readable, the last 16384 of them."""
        self._fill(end)
        numbers = np.arange(max(self._kept, end - LENGTH), end)
        self._buffers[:, numbers % LENGTH] = self._ring[:, numbers % _RING]
        self._kept = max(self._kept, end)

    def read(self, channel: int, place: int, words: int) -> NDArray[np.int64]:
        """Return what lies in a channel's buffer from `place` on."""
        return self._buffers[channel, place : place + words]

    def _fill(self, end: int) -> None:
        begin = max(self._taken, end - LENGTH)
        if end > begin:
            places = np.arange(begin, end) % _RING
            for channel in (0, 1):
                self._ring[channel, places] = self._take(channel, begin, end)
            self._taken = end


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
