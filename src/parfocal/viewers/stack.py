"""The planes of one layer as one array that grows. Pure: numpy alone."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.viewers.stack_axis import StackAxis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

Padding = Literal["corner", "centre"]
"""Where a plane smaller than the largest lies: at pixel (0, 0), or in the middle; zeros are around it."""


class Stack:
    """Planes by their components, such as well and time point, read as one array. For one thread.

    Any plane may be missing: it reads as zeros. Planes may differ in size and number type: the stack has the
    largest of each, and smaller planes are padded with zeros. A plane is held as it was put, never copied;
    putting one costs the same however many are held.

    Parameters
    ----------
    padding : "corner" or "centre"
        Where a plane smaller than the largest lies.

    Attributes
    ----------
    version : int
        Another one whenever a plane was put or removed.

    Examples
    --------
    >>> stack = Stack()
    >>> stack.put({"well": "A01", "t": "10"}, np.full((2, 3), 1, np.uint8))
    >>> stack.put({"well": "A01", "t": "2"}, np.full((2, 3), 2, np.uint8))
    >>> stack.put({"well": "B01", "t": "2"}, np.full((3, 2), 3, np.uint16))
    >>> stack.axes, stack.coordinates, stack.shape, stack.dtype
    (('well', 't'), (('A01', 'B01'), ('2', '10')), (2, 2, 3, 3), dtype('uint16'))
    >>> stack[0, 0].tolist(), stack[1, 1].any()
    ([[2, 2, 2], [2, 2, 2], [0, 0, 0]], np.False_)
    """

    def __init__(self, padding: Padding = "corner") -> None:
        self.padding: Padding = padding
        self.version = 0
        self._axes: list[StackAxis] = []
        self._planes: dict[tuple[str, ...], NDArray[Any]] = {}
        self._frame: tuple[int, ...] = (0, 0)
        self._dtype: np.dtype[Any] = np.dtype(np.uint8)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the components, in the order in which they came: the leading dimensions."""
        return tuple(axis.name for axis in self._axes)

    @property
    def coordinates(self) -> tuple[tuple[str, ...], ...]:
        """Values along each axis, made anew: in numeric order if all are numbers, else as they came."""
        return tuple(axis.values() for axis in self._axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, then height and width of the largest plane, then 3 if they are in colours."""
        return (*(len(axis) for axis in self._axes), *self._frame)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type that holds those of all planes."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self._axes) + len(self._frame)

    @property
    def size(self) -> int:
        """How many numbers it would be, were no plane missing."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def in_colours(self) -> bool:
        """Whether its planes are (y, x, 3) colours."""
        return len(self._frame) == 3

    @property
    def planes(self) -> int:
        """How many planes are held."""
        return len(self._planes)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all planes as one array: as large as it says."""
        del copy
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a part: integers, slices, lists of integers along the axes, an ellipsis. Padded as told.

        Only the planes that are asked for are touched. Whole planes that need no padding are not copied.
        """
        chosen = _whole_key(key, self.ndim)
        leading, within = chosen[: len(self._axes)], chosen[len(self._axes) :]
        picks = [_positions(one, len(axis)) for one, axis in zip(leading, self._axes, strict=True)]
        planes = [self._padded(place)[within] for place in product(*(positions for positions, _ in picks))]
        kept = tuple(len(positions) for positions, single in picks if not single)
        if not kept:
            return np.asarray(planes[0])
        inner = planes[0].shape if planes else np.empty(self._frame, np.bool_)[within].shape
        return np.array(planes, self._dtype).reshape(*kept, *inner)

    def put(self, index: Mapping[str, str], plane: NDArray[Any]) -> None:
        """Hold a plane, in place of the one with the same index.

        Raises
        ------
        BadInputError
            If it is in colours and the others are not, or the other way round; what was there stays.
        """
        known = {axis.name for axis in self._axes}
        place = tuple(index.get(axis.name, "") for axis in self._axes)
        replaced = place in self._planes and index.keys() <= known
        if len(self._planes) == int(replaced):  # the only plane: its size and number type are the stack's
            self._frame, self._dtype = plane.shape, plane.dtype
        elif (plane.ndim == 3) != self.in_colours:
            raise BadInputError("a layer is either grey or in colours: send this image to another layer")
        for name in index:
            if name not in known:
                self._add_axis(name)
        place = tuple(index.get(axis.name, "") for axis in self._axes)
        if place not in self._planes:
            for axis, value in zip(self._axes, place, strict=True):
                axis.add(value)
        self._planes[place] = plane
        self._frame = tuple(max(sizes) for sizes in zip(self._frame, plane.shape, strict=True))
        self._dtype = np.result_type(self._dtype, plane.dtype)
        self.version += 1

    def remove(self, index: Mapping[str, str]) -> None:
        """Let go of a plane; `KeyError` if there is none."""
        place = tuple(index.get(axis.name, "") for axis in self._axes)
        del self._planes[place]
        for axis, value in zip(self._axes, place, strict=True):
            axis.discard(value)
        self.version += 1

    def plane(self, index: Mapping[str, str]) -> NDArray[Any] | None:
        """Return a plane as it was put; None if it is missing."""
        return self._planes.get(tuple(index.get(axis.name, "") for axis in self._axes))

    def position(self, index: Mapping[str, str]) -> tuple[int, ...]:
        """Return where a plane lies along the axes, whether it is missing or not.

        Raises
        ------
        BadInputError
            If a component has no such value; says which.
        """
        for axis in self._axes:
            if index.get(axis.name, "") not in axis:
                some = ", ".join(axis.values()[:5])
                raise BadInputError(f"no image has {axis.name} {index.get(axis.name, '')!r}, only {some} ...")
        return tuple(axis.position(index.get(axis.name, "")) for axis in self._axes)

    def index(self, position: tuple[int, ...]) -> dict[str, str]:
        """Return the components of the plane at a position along the axes."""
        pairs = zip(self._axes, position, strict=True)
        return {axis.name: value for axis, place in pairs if (value := axis.value(place))}

    def indices(self) -> Iterator[dict[str, str]]:
        """Yield the components of each plane that is held, in the order in which they came."""
        for place in self._planes:
            yield {axis.name: value for axis, value in zip(self._axes, place, strict=True) if value}

    def _add_axis(self, name: str) -> None:
        """Begin with a component; the planes before it have none of it."""
        axis = StackAxis(name)
        if self._planes:
            axis.add("", len(self._planes))
        self._axes.append(axis)
        self._planes = {(*place, ""): plane for place, plane in self._planes.items()}

    def _padded(self, position: tuple[int, ...]) -> NDArray[Any]:
        place = tuple(axis.value(at) for axis, at in zip(self._axes, position, strict=True))
        plane = self._planes.get(place)
        if plane is not None and plane.shape == self._frame and plane.dtype == self._dtype:
            return plane
        whole = np.zeros(self._frame, self._dtype)
        if plane is not None:
            top, left = (
                (full - size) // 2 if self.padding == "centre" else 0
                for full, size in zip(self._frame[:2], plane.shape[:2], strict=True)
            )
            whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
        return whole


def _whole_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return a key with one part for each dimension."""
    parts = list(key) if isinstance(key, tuple) else [key]
    gaps = [at for at, part in enumerate(parts) if part is Ellipsis] or [len(parts)]
    missing = ndim - sum(part is not Ellipsis for part in parts)
    if missing < 0 or len(gaps) > 1:
        raise IndexError(f"{key} is no index for a stack of {ndim} dimensions")
    return (*parts[: gaps[0]], *[slice(None)] * missing, *parts[gaps[0] + 1 :])


def _positions(part: Any, length: int) -> tuple[list[int], bool]:
    """Return which positions of an axis a part of a key means, and whether it is a single one."""
    if isinstance(part, slice):
        return list(range(*part.indices(length))), False
    single = np.ndim(part) == 0
    wanted = [int(part)] if single else [int(one) for one in part]
    if any(not -length <= one < length for one in wanted):
        raise IndexError(f"{wanted} is out of bounds of an axis of length {length}")
    return [one % length for one in wanted], single
