"""Ends the services of a rig in order: what steers others, then writers before their readers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.processes.supervised import SupervisedService

_LEAST_S = 0.1
_FIRST_SHARE = 0.5
"""Of the time for all: what those may take who bring the others to rest."""


class OrderlyEnd:
    """Says whose turn it is to end, and how long that may take: what was written is read.

    Parameters
    ----------
    levels : sequence of sequence of str
        The services in the order of their start.
    first : collection of str
        Those that end before all others.
    end_ns : int
        When everything is to have ended; what one level leaves unused is the next one's.
    """

    def __init__(self, levels: tuple[tuple[str, ...], ...], first: Collection[str], end_ns: int) -> None:
        others = tuple(tuple(name for name in level if name not in first) for level in levels)
        self._levels = (tuple(first), *others)
        self._end_ns = end_ns
        self._done = 0

    def next(self, services: Mapping[str, SupervisedService], now_ns: int) -> Iterator[tuple[str, float]]:
        """Yield who is to end now, and within how many seconds; nobody while those before still end."""
        while self._done < len(self._levels):
            before = self._levels[self._done - 1] if self._done else ()
            if any(services[name].life.has_process for name in before if name in services):
                return
            share = 1 / (len(self._levels) - self._done) if self._done else _FIRST_SHARE
            within_s = max(_LEAST_S, (self._end_ns - now_ns) / 1e9 * share)
            self._done += 1
            for name in self._levels[self._done - 1]:
                if name in services:  # it may have been removed meanwhile
                    yield name, within_s
