"""Frames of a record by their index: which of them are there, their headers, and their pixels when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.frames import FrameHeader
from parfocal.storage.headers import read_headers
from parfocal.storage.ome_zarr import NOT_STORED
from parfocal.storage.reading import open_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout

Choice = int | slice | Sequence[int] | str | None
"""Which indices along an axis: one, several, a name, or None for all."""
_ONE = (int, np.integer, str)
_HEADER = FrameHeader.__struct_fields__


@dataclass(frozen=True)
class RecordedFrame:
    """A frame as it was recorded.

    Attributes
    ----------
    index : dict
        Where it lies along "t", "p", "c" and "z", those that the record has.
    header : FrameHeader
        Its number, times, exposure and event.
    data : ndarray
        Its pixels (y, x), a copy.
    """

    index: dict[str, int]
    header: FrameHeader
    data: NDArray[Any]


class RecordedImage:
    """An image of a record as it is on the disk when it is made: its pixels, and the headers of its frames.

    Parameters
    ----------
    folder : Path
        Of the image.
    axes : str
        Those by which its frames are found, such as "tcz".
    """

    def __init__(self, folder: Path, axes: str) -> None:
        self.axes = axes
        self.pixels = open_frames(folder)  # before the headers: what these tell of is in the pixels, then
        sizes = self.pixels.shape[: len(axes)]
        self.headers = read_headers(folder)[tuple(slice(size) for size in sizes)]

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame, (y, x)."""
        return tuple(int(size) for size in self.pixels.shape[len(self.axes) :])

    def place(self, index: Mapping[str, int]) -> tuple[int, ...] | None:
        """Return where the frame of an index lies; None if there is none."""
        place = tuple(index[axis] for axis in self.axes)
        inside = all(at < size for at, size in zip(place, self.headers.shape, strict=True))
        return place if inside and self.headers[place]["frame"] != NOT_STORED else None

    def read(self, place: tuple[int, ...]) -> NDArray[Any]:
        """Return the pixels of the frame at a place, a copy."""
        pixels: NDArray[Any] = self.pixels[place].read().result()
        return pixels

    def size(self, axis: str) -> int:
        """Return how long it is along an axis; 1 for one that it does not have."""
        return int(self.headers.shape[self.axes.index(axis)]) if axis in self.axes else 1


class RecordedFrames:
    """A choice of the frames of a record: iterate over those that are there, or take them as an array.

    Made by `RecordedRun.frames`. ``len(frames)`` is how many of them are there.

    Parameters
    ----------
    images : list of RecordedImage
        One for each position.
    events : EventLayout or None
        How they lie; None for frames that follow one another.
    chosen : mapping of str to Choice
        Which of them along each axis.

    Attributes
    ----------
    indices : dict of str to tuple of int
        The chosen indices along each axis of the record, outermost first.
    """

    def __init__(
        self, images: Sequence[RecordedImage], events: EventLayout | None, chosen: Mapping[str, Choice]
    ) -> None:
        self._images, self._events = images, events
        self._single = tuple(axis for axis, choice in chosen.items() if isinstance(choice, _ONE))
        axes = "t" if events is None else "".join(axis for axis in "tpcz" if axis in events.axes)
        for axis, choice in chosen.items():
            if axis not in axes and choice not in (None, 0):
                raise BadInputError(f"the frames have no axis {axis!r}, only {axes!r}")
        sizes = {axis: _size(axis, images, events) for axis in axes}
        planned = {axis: 0 if events is None else events.size(axis) for axis in axes}
        self.indices = {
            axis: _indices(axis, chosen.get(axis), sizes[axis], planned[axis], _names(axis, events))
            for axis in axes
        }

    def __len__(self) -> int:
        return sum(1 for _ in self._there())

    def __iter__(self) -> Iterator[RecordedFrame]:
        for index, header, read in self.unread():
            yield RecordedFrame(index, header, read())

    def unread(self) -> Iterator[tuple[dict[str, int], FrameHeader, Callable[[], NDArray[Any]]]]:
        """Yield index and header of each frame that is there, and what reads its pixels."""
        for index, image, place in self._there():
            header = FrameHeader(**{name: int(image.headers[place][name]) for name in _HEADER})
            yield index, header, partial(image.read, place)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("frames on a disk cannot be had without a copy")
        return self.array() if dtype is None else self.array().astype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `array`: an axis for each that was not chosen by one index, and those of a frame."""
        outer = (len(numbers) for axis, numbers in self.indices.items() if axis not in self._single)
        return (*outer, *self.frame_shape)

    @property
    def frame_bytes(self) -> int:
        """How many bytes the pixels of a frame are."""
        return int(np.prod(self.frame_shape)) * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels."""
        found: np.dtype[Any] = np.dtype(self._images[0].pixels.dtype.numpy_dtype)
        return found

    @property
    def missing(self) -> list[dict[str, int]]:
        """The chosen indices at which there is no frame: lost, not asked for, or not acquired yet."""
        return [index for index in self._all() if self._image(index).place(index) is None]

    def planes(self) -> Iterator[NDArray[Any]]:
        """Yield the pixels at each chosen index, in order, black where there is no frame: one in memory."""
        for index in self._all():
            yield self.plane(index)

    def plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Return the pixels at an index along all axes of the record, black where there is no frame."""
        image = self._image(index)
        place = image.place(index)
        return np.zeros(self.frame_shape, self.dtype) if place is None else image.read(place)

    def at_event(self, number: int) -> NDArray[Any] | None:
        """Return the pixels of the frame of an event, by its number in the newest layout; None without one.

        Frames that follow one another are numbered as they lie.
        """
        index = {"t": number} if self._events is None else self._events.index_of(number)
        image = self._image(index)
        place = image.place(index)
        return None if place is None else image.read(place)

    def array(self) -> NDArray[Any]:
        """Return all pixels in the `shape`, in memory; 0 where there is no frame.

        Raises
        ------
        BadInputError
            If one frame was chosen, and it is not there.
        """
        outer = tuple(len(numbers) for numbers in self.indices.values())
        pixels = np.zeros((*outer, *self.frame_shape), self.dtype)
        found = 0
        steps = [{number: at for at, number in enumerate(numbers)} for numbers in self.indices.values()]
        for index, image, place in self._there():
            at = tuple(step[number] for step, number in zip(steps, index.values(), strict=True))
            pixels[at] = image.read(place)
            found += 1
        if not found and set(self.indices) <= set(self._single):
            raise BadInputError(f"there is no frame at {next(self._all())}: it was not acquired")
        return pixels.reshape(self.shape)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame, (y, x)."""
        return self._images[0].frame_shape

    def _all(self) -> Iterator[dict[str, int]]:
        for numbers in product(*self.indices.values()):
            yield dict(zip(self.indices, numbers, strict=True))

    def _there(self) -> Iterator[tuple[dict[str, int], RecordedImage, tuple[int, ...]]]:
        """Yield index, image, and place in it, of each frame that is there."""
        for index in self._all():
            image = self._image(index)
            place = image.place(index)
            if place is not None:
                yield index, image, place

    def _image(self, index: Mapping[str, int]) -> RecordedImage:
        return self._images[index.get("p", 0)]


def _size(axis: str, images: Sequence[RecordedImage], events: EventLayout | None) -> int:
    """Return how long the record is along an axis just now."""
    if axis == "p":
        return len(images)
    longest = max(image.size(axis) for image in images)
    return longest if axis == "t" or events is None else events.size(axis)


def _names(axis: str, events: EventLayout | None) -> tuple[str, ...]:
    if events is None or axis not in "pc":
        return ()
    return events.channels if axis == "c" else tuple(position.name for position in events.positions)


def _indices(axis: str, choice: Choice, size: int, planned: int, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return which indices are meant along an axis that is `size` long and was `planned` to become so long.

    Examples
    --------
    >>> _indices("t", -1, 4, 20, ()), _indices("t", 7, 4, 20, ()), _indices("c", "b", 2, 2, ("a", "b"))
    ((3,), (7,), (1,))
    >>> _indices("t", slice(None, None, 2), 5, 0, ()), _indices("t", None, 2, 0, ())
    ((0, 2, 4), (0, 1))
    """
    if choice is None or isinstance(choice, slice):
        return tuple(range(size)[slice(None) if choice is None else choice])
    if isinstance(choice, str):
        if choice not in names:
            raise BadInputError(f"no {axis} of the run is called {choice!r}; {nearest(choice, names)}")
        return (names.index(choice),)
    numbers = (int(choice),) if isinstance(choice, int | np.integer) else tuple(choice)
    longest = max(size, planned)
    for number in numbers:
        if not -size <= number < longest:
            raise BadInputError(f"{axis} of the run goes from 0 to {longest - 1}, not to {number}")
    return tuple(number + size if number < 0 else number for number in numbers)
