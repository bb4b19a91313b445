"""Which frames of events are to be replaced, as they were not exposed as they were to be. Pure, and kept."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Place = tuple[int, ...]
"""Index of an image along p, and of a frame in it along t, c and z."""


class RetakenFrames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The places whose frame gives way to one that came later.

    It says so by the numbers of frames in their stream: whoever writes may end at any time, and begin again.

    Attributes
    ----------
    before : list of (place, int)
        A frame with a number below that gives way to one with that number, or a higher one.

    Examples
    --------
    >>> taken_again = RetakenFrames().told([(0, 3)], 8)
    >>> taken_again.gives_way((0, 3), 7, 8), taken_again.gives_way((0, 3), 8, 9)
    (True, False)
    """

    before: tuple[tuple[Place, int], ...] = ()

    def told(self, places: Iterable[Place], sequence: int) -> RetakenFrames:
        """Return it with places whose frames with a number below `sequence` are to be replaced."""
        return RetakenFrames(tuple({**dict(self.before), **dict.fromkeys(places, sequence)}.items()))

    def gives_way(self, place: Place, stored: int, sequence: int) -> bool:
        """Whether the frame at a place with number `stored` gives way to frame `sequence`."""
        return stored < dict(self.before).get(place, 0) <= sequence
