"""Which images of a movie could not be read, and why: those in a row are one entry."""

from __future__ import annotations

_MOST = 20


class Unreadable:
    """Collects images that could not be read. Bounded: of more than 20 rows of them, the rest is counted.

    Examples
    --------
    >>> bad = Unreadable()
    >>> for index in (7, 12, 13, 14):
    ...     bad.add(index, "it is cut")
    >>> bad.words()
    ['image 7 cannot be read: it is cut', 'images 12 to 14 cannot be read: it is cut']
    """

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, str]] = []
        self._others = 0

    def add(self, index: int, why: str) -> None:
        """Note that an image could not be read."""
        if self._rows and index == self._rows[-1][1] + 1:
            self._rows[-1] = (self._rows[-1][0], index, self._rows[-1][2])
        elif len(self._rows) < _MOST:
            self._rows.append((index, index, why))
        else:
            self._others += 1

    def words(self) -> list[str]:
        """Return what was noted, a line for each row of images."""
        stated = [
            f"image {first} cannot be read: {why}"
            if first == last
            else f"images {first} to {last} cannot be read: {why}"
            for first, last, why in self._rows
        ]
        return [*stated, f"and {self._others} others"] if self._others else stated
