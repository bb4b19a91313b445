"""The images of one pane as the array that a napari layer slices. Pure: numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.viewers.napari.alignment import Alignment
    from parfocal.viewers.panes import Pane
    from parfocal.viewers.stack import Stack


class Planes:
    """A pane's stack over the dimensions of its window, or the newest image of its stream.

    It grows in place: its shape is what the window has now. Along a dimension that its stack lacks it is the
    same everywhere; where its stack has no plane it is zeros.

    Parameters
    ----------
    alignment : Alignment
        The dimensions of the window.
    """

    def __init__(self, alignment: Alignment, pane: Pane) -> None:
        self._alignment = alignment
        self.take(pane)

    def take(self, pane: Pane) -> None:
        """Go on with the image and the stack that the pane has now."""
        assert pane.image is not None
        self._image: NDArray[Any] = pane.image
        self._stack: Stack | None = pane.stack

    @property
    def shape(self) -> tuple[int, ...]:
        """The dimensions of the window, then those of a plane."""
        return (*self._alignment.shape, *self.frame)

    @property
    def frame(self) -> tuple[int, ...]:
        """The shape of one plane: the largest of its stack."""
        if self._stack is None:
            return self._image.shape
        return self._stack.shape[len(self._stack.axes) :]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type; of yes and no it is uint8."""
        dtype = self._image.dtype if self._stack is None else self._stack.dtype
        return np.dtype(np.uint8) if dtype.kind == "b" else dtype

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def in_colours(self) -> bool:
        """Whether a plane is (y, x, 3)."""
        return len(self.frame) == 3

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return everything as one array, as large as it says."""
        del copy
        return np.asarray(self[()], dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a part, by integers, slices or lists of integers; only its planes are touched."""
        lengths = self._alignment.shape
        whole = _whole_key(key, self.ndim)
        within = whole[len(lengths) :]
        numbers = np.arange(np.prod(lengths, dtype=np.int64)).reshape(lengths)[whole[: len(lengths)]]
        planes = [self._plane(np.unravel_index(number, lengths))[within] for number in np.ravel(numbers)]
        if np.ndim(numbers) == 0:
            return np.asarray(planes[0])
        frame = planes[0].shape if planes else np.empty(self.frame, np.bool_)[within].shape
        return np.array(planes, self.dtype).reshape(*np.shape(numbers), *frame)

    def _plane(self, place: tuple[Any, ...]) -> NDArray[Any]:
        if self._stack is None:
            return _as_numbers(self._image)
        index = {name: value for name, value in self._alignment.index(place).items() if value}
        plane = self._stack.plane(index)
        if plane is None:
            return np.zeros(self.frame, self.dtype)
        if plane.shape != self.frame or plane.dtype != self._stack.dtype:
            plane = self._stack[self._stack.position(index)]
        return _as_numbers(plane)


def _as_numbers(plane: NDArray[Any]) -> NDArray[Any]:
    return plane.view(np.uint8) if plane.dtype.kind == "b" else plane


def _whole_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return a key with one part for each dimension."""
    parts = key if isinstance(key, tuple) else (key,)
    if Ellipsis in [part for part in parts if part is Ellipsis]:
        at = next(number for number, part in enumerate(parts) if part is Ellipsis)
        filled = (slice(None),) * (ndim - len(parts) + 1)
        return (*parts[:at], *filled, *parts[at + 1 :])
    return (*parts, *(slice(None),) * (ndim - len(parts)))
