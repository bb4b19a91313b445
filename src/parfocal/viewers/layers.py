"""The images that a viewer holds, by layer and index, within a budget of bytes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import ViewerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = tuple[tuple[str, str], ...]
"""Which image of a layer: its components, such as ``(("well", "A01"), ("t", "3"))``; () for the only one."""


def index_of(components: dict[str, Any]) -> Index:
    """Return components as an index.

    Examples
    --------
    >>> index_of({"well": "A01", "t": 3})
    (('well', 'A01'), ('t', '3'))
    """
    return tuple((str(name), str(value)) for name, value in components.items())


class Layers:
    """Images by layer and index.

    Parameters
    ----------
    budget_bytes : int
        All images together take no more.

    Examples
    --------
    >>> import numpy as np
    >>> layers = Layers(budget_bytes=100)
    >>> layers.put("nuclei", (), np.zeros((5, 10), np.uint8))
    >>> layers.put("nuclei", (("t", "1"),), np.zeros((6, 10), np.uint8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    parfocal.core.errors.ViewerError: the viewer holds 50 bytes of images; 60 more would pass its budget ...
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._images: dict[str, dict[Index, NDArray[Any]]] = {}
        self.nbytes = 0

    def put(self, layer: str, index: Index, image: NDArray[Any]) -> None:
        """Hold an image, in place of the one with the same layer and index.

        Raises
        ------
        ViewerError
            If it does not fit into the budget; what was there stays.
        """
        held = self._images.get(layer, {})
        more = image.nbytes - (held[index].nbytes if index in held else 0)
        if self.nbytes + more > self.budget_bytes:
            raise ViewerError(
                f"the viewer holds {self.nbytes} bytes of images; {more} more would pass its budget of "
                f"{self.budget_bytes}: remove a layer, or open it with a larger budget_mb"
            )
        self._images.setdefault(layer, {})[index] = image
        self.nbytes += more

    def get(self, layer: str, index: Index) -> NDArray[Any] | None:
        """Return an image, or None."""
        return self._images.get(layer, {}).get(index)

    def indices(self, layer: str) -> tuple[Index, ...]:
        """Return the indices of a layer, in the order in which they came."""
        return tuple(self._images.get(layer, ()))

    def names(self) -> tuple[str, ...]:
        """Return the layers, in the order in which they came."""
        return tuple(self._images)

    def remove(self, layer: str) -> None:
        """Let go of a layer; nothing happens if there is none."""
        self.nbytes -= sum(image.nbytes for image in self._images.pop(layer, {}).values())
