"""The images that a viewer holds: layers of planes, each split into the stacks that panes show. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import BadInputError, nearest
from parfocal.viewers.components import Components
from parfocal.viewers.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from parfocal.viewers.budget import Budget

Index = dict[str, str]
"""Which plane of a layer: its components, such as ``{"well": "A01", "t": "3"}``; {} for the only one."""
Key = frozenset[tuple[str, str]]


def index_of(components: Mapping[str, Any]) -> Index:
    """Return components as an index; one without a value is none.

    Examples
    --------
    >>> index_of({"well": "A01", "t": 3})
    {'well': 'A01', 't': '3'}
    """
    return {str(name): str(value) for name, value in components.items() if str(value)}


class Part(NamedTuple):
    """The part of a layer that one pane shows.

    Attributes
    ----------
    layer : str
        Whose planes they are.
    outside : mapping
        The components that split the layer; the same for all planes of the part.
    stack : Stack
        The planes, by the other components.
    """

    layer: str
    outside: Index
    stack: Stack


class Layers:
    """Planes by layer and index, within a budget of bytes, and the parts that panes show of them.

    Examples
    --------
    >>> import numpy as np
    >>> from parfocal.viewers.budget import Budget
    >>> layers = Layers(Budget(1000))
    >>> for channel in ("488", "561"):
    ...     layers.put("cells", {"channel": channel, "t": "0"}, np.zeros((4, 6), np.uint8))
    'cells'
    'cells'
    >>> layers.set_components("cells", {"channel": "layer"})
    {'cells channel-488': 'cells', 'cells channel-561': 'cells'}
    >>> layers["cells channel-561"].stack.shape
    (1, 4, 6)
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._first = Components()
        self._components: dict[str, Components] = {}
        self._planes: dict[str, dict[Key, tuple[Index, NDArray[Any]]]] = {}
        self._parts: dict[str, Part] = {}

    def __contains__(self, pane: str) -> bool:
        return pane in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __getitem__(self, pane: str) -> Part:
        if pane not in self._parts:
            raise BadInputError(f"no layer is called {pane!r}; {nearest(pane, self._parts)}")
        return self._parts[pane]

    def put(self, layer: str, index: Index, image: NDArray[Any]) -> str:
        """Hold a plane, in place of the one with the same layer and index; return the pane that shows it.

        Raises
        ------
        ViewerError
            If it does not fit into the budget; what was there stays.
        BadInputError
            If it is in colours and others of its pane are not, or the other way round; or if a pane of that
            name belongs to another layer.
        """
        key = frozenset(index.items())
        before = self._planes.get(layer, {}).get(key)
        more = image.nbytes - (0 if before is None else before[1].nbytes)
        self._budget.take(more)
        try:
            pane = _place(self._parts, layer, self.components(layer), index, image)
        except BadInputError:
            self._budget.take(-more)
            raise
        self._planes.setdefault(layer, {})[key] = index, image
        return pane

    def oldest(self, layer: str) -> tuple[str, Index] | None:
        """Return the plane of a layer that came first, and its pane; None if each pane has but one left."""
        for index, _ in self._planes.get(layer, {}).values():
            pane = self.components(layer).pane(layer, index)
            if self._parts[pane].stack.planes > 1:
                return pane, index
        return None

    def has(self, layer: str, components: Mapping[str, str]) -> bool:
        """Whether a layer has a plane with these components; one that it has not got is "".

        Looks at its planes one by one: for what happens when one of them goes.
        """
        wanted = components.items()
        planes = self._planes.get(layer, {}).values()
        return any(all(index.get(name, "") == value for name, value in wanted) for index, _ in planes)

    def drop(self, layer: str, index: Index) -> None:
        """Let go of one plane."""
        _, image = self._planes[layer].pop(frozenset(index.items()))
        components = self.components(layer)
        self._parts[components.pane(layer, index)].stack.remove(components.within(index))
        self._budget.take(-image.nbytes)

    def expect(self, layer: str, roles: Mapping[str, str]) -> None:
        """Choose what is made of the components of a layer that is not there yet."""
        if layer not in self._planes:
            self._components[layer] = self._first.changed(roles)

    def parts_of(self, name: str) -> tuple[str, ...]:
        """Return the panes of a layer; that pane alone if it is the name of one."""
        panes = tuple(pane for pane, part in self._parts.items() if part.layer == name)
        return panes or ((name,) if name in self._parts else ())

    def components(self, layer: str) -> Components:
        """Return what is made of the components of a layer."""
        return self._components.get(layer, self._first)

    def set_components(self, layer: str, roles: Mapping[str, str], padding: str = "") -> dict[str, str]:
        """Split a layer, or all that are held and to come if it is "", in another way; all or nothing.

        Returns
        -------
        dict
            For each pane that comes of it, in their order, the pane before that showed its first plane.
        """
        if layer and layer not in self._planes:
            raise BadInputError(f"no layer is called {layer!r}; {nearest(layer, self._planes)}")
        first = self._first.changed(roles, padding)
        layers = (layer,) if layer else tuple(self._planes)
        changed = {one: self.components(one).changed(roles, padding) for one in layers}
        before = {
            (part.layer, frozenset((part.outside | index).items())): pane
            for pane, part in self._parts.items()
            for index in part.stack.indices()
        }
        parts: dict[str, Part] = {}
        came: dict[str, str] = {}
        for one, planes in self._planes.items():
            for key, (index, image) in planes.items():
                pane = _place(parts, one, changed.get(one, self.components(one)), index, image)
                came.setdefault(pane, before[one, key])
        self._parts = parts
        self._components |= changed
        self._first = self._first if layer else first
        return came

    def remove(self, name: str) -> None:
        """Let go of the planes of a pane, or of all panes of a layer; nothing happens if there is none."""
        for pane in self.parts_of(name):
            part = self._parts.pop(pane)
            planes = self._planes[part.layer]
            for index in part.stack.indices():
                _, image = planes.pop(frozenset((part.outside | index).items()))
                self._budget.take(-image.nbytes)
            if not planes:
                del self._planes[part.layer]


def _place(
    parts: dict[str, Part], layer: str, components: Components, index: Index, image: NDArray[Any]
) -> str:
    """Put a plane into the stack of its pane, which is made if it is new; return the pane."""
    pane = components.pane(layer, index)
    part = parts.get(pane) or Part(layer, components.outside(index), Stack(components.padding))
    if part.layer != layer:
        raise BadInputError(f"pane {pane!r} shows layer {part.layer!r}: give layer {layer!r} another name")
    part.stack.put(components.within(index), image)
    parts[pane] = part
    return pane
