"""The values of one component of a stack's planes, in the order in which they are shown. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort


class StackAxis:
    """The values that one component has, each with the number of planes that have it.

    They stand in numeric order while all are numbers, else in the order in which they came. Adding one, and
    finding the position of one, cost the same however many there are.

    Examples
    --------
    >>> axis = StackAxis("t")
    >>> for value in ("10", "2", "2"):
    ...     axis.add(value)
    >>> axis.values(), axis.position("10")
    (('2', '10'), 1)
    >>> axis.add("last")
    >>> axis.values()
    ('10', '2', 'last')
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._planes: dict[str, int] = {}
        self._keys: dict[str, tuple[float, int, str]] = {}
        self._ordered: list[tuple[float, int, str]] = []
        self._arrivals = 0
        self._numeric = True

    def __len__(self) -> int:
        return len(self._ordered)

    def __contains__(self, value: str) -> bool:
        return value in self._keys

    def add(self, value: str, planes: int = 1) -> None:
        """Count planes of this value."""
        self._planes[value] = self._planes.get(value, 0) + planes
        if value in self._keys:
            return
        number = _number(value)
        if self._numeric and number is None:
            self._order_by_arrival()
        key = (number if number is not None and self._numeric else 0.0, self._arrivals, value)
        self._arrivals += 1
        self._keys[value] = key
        insort(self._ordered, key)

    def discard(self, value: str) -> None:
        """Count one plane less of this value; with its last one it goes."""
        self._planes[value] -= 1
        if not self._planes[value]:
            del self._planes[value]
            del self._ordered[bisect_left(self._ordered, self._keys.pop(value))]

    def value(self, position: int) -> str:
        """Return the value at a position."""
        return self._ordered[position][2]

    def values(self) -> tuple[str, ...]:
        """Return all values in their order."""
        return tuple(value for _, _, value in self._ordered)

    def position(self, value: str) -> int:
        """Return where a value stands; `KeyError` if it does not."""
        return bisect_left(self._ordered, self._keys[value])

    def _order_by_arrival(self) -> None:
        self._numeric = False
        self._keys = {value: (0.0, arrival, value) for value, (_, arrival, _) in self._keys.items()}
        self._ordered = sorted(self._keys.values())


def _number(value: str) -> float | None:
    """Return a value as a number, the lowest if it is empty (of a plane without it); None if it is none."""
    if not value:
        return -math.inf
    try:
        number = float(value)
    except ValueError:
        return None
    return None if math.isnan(number) else number
