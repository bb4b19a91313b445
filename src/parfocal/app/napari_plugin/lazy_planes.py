"""Planes on a disk as one array that is read where somebody looks: what layers of napari are made of."""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Read = Callable[[tuple[int, ...]], NDArray[Any]]

_MOST_BYTES = 64 * 2**20
"""How much of what was read last is kept."""


class LazyPlanes:
    """An array of planes (..., y, x) with numpy's basic indexing; each is read when it is asked for.

    Any thread.

    Parameters
    ----------
    sizes, shape : tuple of int
        Of the axes before y and x; and (y, x).
    dtype : numpy dtype
        Of a pixel.
    read : callable
        Returns the plane at an index, (y, x). Called by one thread at a time.

    Examples
    --------
    >>> def read(index):
    ...     return np.full((4, 5), 10 * index[0] + index[1])
    >>> planes = LazyPlanes((3, 2), (4, 5), np.dtype(int), read)
    >>> planes.shape, planes[1:, 0, 0, 0].tolist(), planes[..., 1].shape
    ((3, 2, 4, 5), [10, 20], (3, 2, 4))
    """

    def __init__(
        self, sizes: tuple[int, ...], shape: tuple[int, int], dtype: np.dtype[Any], read: Read
    ) -> None:
        self.shape = (*sizes, *shape)
        self.dtype = dtype
        self._read = read
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._most = max(1, _MOST_BYTES // max(1, prod(shape) * dtype.itemsize))

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many pixels it has."""
        return prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("planes on a disk cannot be had without a copy")
        pixels: NDArray[Any] = self[...]
        return pixels if dtype is None else pixels.astype(dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return an array in memory; only the planes that it needs are read."""
        keys = _whole(key if isinstance(key, tuple) else (key,), self.ndim)
        outer = self.ndim - 2
        chosen = [_indices(each, size) for each, size in zip(keys[:outer], self.shape, strict=False)]
        pixels = np.empty((*(len(each) for each in chosen), *self.shape[outer:]), self.dtype)
        for place in product(*(range(len(each)) for each in chosen)):
            pixels[place] = self._plane(tuple(each[at] for each, at in zip(chosen, place, strict=True)))
        singles = (slice(None) if isinstance(each, slice) or np.ndim(each) else 0 for each in keys[:outer])
        taken: NDArray[Any] = pixels[(*singles, *keys[outer:])]
        return taken

    def _plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Return a plane; those that were read last are kept."""
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
            plane = self._kept[index] = self._read(index)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return plane


def _whole(key: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """Return a key for each axis: an ellipsis, and what is not named, stands for all."""
    if Ellipsis in key:
        at = key.index(Ellipsis)
        return (*key[:at], *[slice(None)] * (ndim - len(key) + 1), *key[at + 1 :])
    return (*key, *[slice(None)] * (ndim - len(key)))


def _indices(key: Any, size: int) -> list[int]:
    """Return which indices a key means along an axis; raises IndexError beyond its end."""
    if isinstance(key, slice):
        return list(range(*key.indices(size)))
    numbers = [int(number) for number in np.atleast_1d(key)]
    if any(not -size <= number < size for number in numbers):
        raise IndexError(f"index {key} is out of bounds for an axis of size {size}")
    return [number % size for number in numbers]
