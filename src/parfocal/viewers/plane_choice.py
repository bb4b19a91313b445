"""Which plane of a pane is shown: each as it comes, until a person has chosen one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.viewers.layers import Index

TIME = "t"
"""The component along which a pane goes on, also where a person has chosen a place."""


class PlaneChoice:
    """What is shown of one pane. For one thread.

    Attributes
    ----------
    newest : dict
        The plane that came last.
    kept : bool
        Whether a person has chosen: then planes of other places do not move the pane.

    Examples
    --------
    >>> choice = PlaneChoice()
    >>> choice.arrive({"p": "0", "t": "0"}, {}), choice.arrive({"p": "1", "t": "0"}, {"p": "0", "t": "0"})
    ({'p': '0', 't': '0'}, {'p': '1', 't': '0'})
    >>> choice.kept = True
    >>> choice.arrive({"p": "0", "t": "1"}, {"p": "1", "t": "0"})
    >>> choice.arrive({"p": "1", "t": "1"}, {"p": "1", "t": "0"})
    {'p': '1', 't': '1'}
    """

    def __init__(self) -> None:
        self.newest: Index = {}
        self.kept = False
        self._newest_of: dict[frozenset[tuple[str, str]], Index] = {}

    def arrive(self, index: Index, shown: Mapping[str, str]) -> Index | None:
        """Take in a plane; return the plane that is to be shown now, None if that stays as it is."""
        place = _place(index)
        before = self._newest_of.get(place)
        self.newest = self._newest_of[place] = index
        followed = place == _place(shown) and before == shown
        return index if not self.kept or index == shown or followed else None

    def at_place(self, wanted: Index, shown: Mapping[str, str]) -> Index:
        """Return the plane instead of one that is missing: at the newest time point, that of the place."""
        if self._newest_of.get(_place(shown)) != shown:
            return wanted
        return self._newest_of.get(_place(wanted), wanted)

    def forget(self, index: Index) -> None:
        """Take note that a plane is gone."""
        if self._newest_of.get(_place(index)) == index:
            del self._newest_of[_place(index)]


def _place(index: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in index.items() if name != TIME)
