"""The annotations that a viewer holds, by what they lie over. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, nearest
from parfocal.viewers.annotations import nbytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.budget import Budget

_Key = tuple[tuple[str, str], ...]


class AnnotationTable:
    """Annotations by layer or pane, name and the planes they belong to, within a budget of bytes.

    Finding those of one plane costs the same however many planes have some.

    Examples
    --------
    >>> import numpy as np
    >>> from parfocal.viewers.annotations import Points
    >>> from parfocal.viewers.budget import Budget
    >>> table = AnnotationTable(Budget(1000))
    >>> for t in range(3):
    ...     table.put("cells", Points("spots", np.zeros((t, 2)), index={"t": str(t)}))
    >>> [one.count for one in table.over(["cells"], {"well": "A01", "t": "2"})]
    [2]
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held: dict[str, dict[str, dict[tuple[str, ...], dict[_Key, Annotation]]]] = {}

    def put(self, over: str, annotation: Annotation) -> None:
        """Hold an annotation, in place of the one of that name that belongs to the same planes.

        Raises
        ------
        ViewerError
            If it does not fit into the budget; what was there stays.
        """
        key = tuple(sorted(annotation.index.items()))
        components = tuple(name for name, _ in key)
        before = self._held.get(over, {}).get(annotation.name, {}).get(components, {}).get(key)
        self._budget.take(nbytes_of(annotation) - (0 if before is None else nbytes_of(before)))
        names = self._held.setdefault(over, {})
        names.setdefault(annotation.name, {}).setdefault(components, {})[key] = annotation

    def over(self, places: Iterable[str], index: Mapping[str, str]) -> tuple[Annotation, ...]:
        """Return what lies over one plane of these layers and panes, in the order in which the names came."""
        found: dict[str, Annotation] = {}
        for place in places:
            for name, groups in self._held.get(place, {}).items():
                for components, held in sorted(groups.items(), key=lambda group: len(group[0])):
                    key = tuple((one, index.get(one, "")) for one in components)
                    if key in held:  # one of this plane alone goes before one of many
                        found[name] = held[key]
        return tuple(found.values())

    def remove(self, over: str) -> None:
        """Let go of all that lies over a layer or pane; nothing happens if there is nothing."""
        for name in tuple(self._held.get(over, ())):
            self.remove_named(over, name)

    def remove_named(self, over: str, name: str) -> None:
        """Let go of all annotations of a name over a layer or pane.

        Raises
        ------
        BadInputError
            If none is called so; tells the nearest.
        """
        names = self._held.get(over, {})
        if name not in names:
            raise BadInputError(f"nothing over {over!r} is called {name!r}; {nearest(name, names)}")
        for held in names.pop(name).values():
            self._budget.take(-sum(nbytes_of(annotation) for annotation in held.values()))
        if not names:
            del self._held[over]

    def drop(self, over: str, index: Mapping[str, str], has: Callable[[Mapping[str, str]], bool]) -> None:
        """Let go of what lay over a plane that went from a layer, and lies over none of those that are left.

        Parameters
        ----------
        has : callable
            Whether the layer has a plane with some components.
        """
        for groups in self._held.get(over, {}).values():
            for components, held in groups.items():
                key = tuple((one, index.get(one, "")) for one in components)
                if key in held and not has(dict(key)):
                    self._budget.take(-nbytes_of(held.pop(key)))
