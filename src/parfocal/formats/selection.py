"""Which planes of a file become the images of a movie, in which order: pure functions on its contents."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.counted import counted
from parfocal.core.errors import BadInputError, MovieError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from parfocal.formats.contents import Contents
    from parfocal.formats.options import MovieOptions

_WORDS = {"c": "channel", "p": "position", "z": "plane"}


@dataclass(frozen=True)
class Selection:
    """Which planes, and what is left unread.

    Attributes
    ----------
    planes : ndarray of int64 (n,)
        The plane of each image, counted in the order of the grid.
    grid : ndarray of int64 (n,)
        Where each image stands among the chosen ones; a gap is a plane that the file does not hold.
    axes : str
        The axes that are run through, slowest first, those of length 1 left out.
    sizes : tuple of int
        How long they are.
    unread : tuple of str
        What the choice leaves out, in words.
    gaps : tuple of str
        What the file does not hold, in words.
    """

    planes: NDArray[np.int64]
    grid: NDArray[np.int64]
    axes: str
    sizes: tuple[int, ...]
    unread: tuple[str, ...]
    gaps: tuple[str, ...]

    def place_of(self, image: int) -> dict[str, int]:
        """Return where an image stands along each of the axes."""
        numbers = np.unravel_index(int(self.grid[image]), self.sizes) if self.sizes else ()
        return {axis: int(number) for axis, number in zip(self.axes, numbers, strict=True)}

    def image_at(self, place: Mapping[str, int]) -> int:
        """Return the image at a place by axis; an axis that is not named is at 0.

        Time runs along the axis t, or along one that the file has no usual name for.

        Raises
        ------
        BadInputError
            If there is none.
        """
        unnamed = "" if "t" in self.axes else next((axis for axis in self.axes if axis not in _WORDS), "")
        sizes = {
            "t" if axis == unnamed else axis: size for axis, size in zip(self.axes, self.sizes, strict=True)
        }
        for axis, index in place.items():
            if not 0 <= index < sizes.get(axis, 1):
                stated = f"{sizes[axis]} along {axis}" if axis in sizes else f"one along {axis}"
                raise BadInputError(f"there is no image at {axis} = {index}: {stated} can be read, from 0")
        flat = 0
        for axis, size in sizes.items():
            flat = flat * size + place.get(axis, 0)
        image = int(np.searchsorted(self.grid, flat))
        if image == len(self.grid) or self.grid[image] != flat:
            raise BadInputError(f"the file does not hold the image at {dict(place)}")
        return image


def select(contents: Contents, options: MovieOptions) -> Selection:
    """Return the planes that `options` choose.

    Raises
    ------
    MovieError
        If there is no such channel, position or plane, or nothing is left.
    """
    chosen: list[slice | int] = []
    unread: list[str] = []
    running: list[tuple[str, int]] = []
    for axis, size in zip(contents.axes, contents.sizes, strict=True):
        index = _wanted(contents, axis, size, options)
        chosen.append(slice(None) if index is None else index)
        if index is None:
            running.append((axis, size))
        elif size > 1:
            unread.append(_left_out(contents, axis, size, index))
    _check_absent(contents, options)
    grid = np.arange(contents.planes, dtype=np.int64).reshape(contents.sizes)
    planes = np.atleast_1d(grid[tuple(chosen)]).ravel()
    present = np.array([plane not in contents.missing for plane in planes.tolist()], bool)
    if not present.any():
        raise MovieError(f"{contents.path}: it holds no image")
    absent = np.flatnonzero(~present).tolist()
    many = [(axis, size) for axis, size in running if size > 1]
    return Selection(
        planes=planes[present],
        grid=np.flatnonzero(present).astype(np.int64),
        axes="".join(axis for axis, _ in many),
        sizes=tuple(size for _, size in many),
        unread=tuple(unread),
        gaps=(f"{len(absent)} of {len(planes)} images are not there: {ranges(absent)}",) if absent else (),
    )


def ranges(numbers: Iterable[int], most: int = 8) -> str:
    """Return numbers in words, those in a row as one.

    Examples
    --------
    >>> ranges([1, 2, 3, 7, 9, 10]), ranges(range(0, 60, 3), most=2)
    ('1-3, 7, 9-10', '0, 3 and more')
    """
    ordered = sorted(numbers)
    starts = [0, *(place + 1 for place, (a, b) in enumerate(pairwise(ordered)) if b != a + 1), len(ordered)]
    parts = [ordered[a:b] for a, b in pairwise(starts)]
    words = [f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
    return ", ".join(words[:most]) + (" and more" if len(words) > most else "")


def listed(looks: Sequence[str], word: str) -> str:
    """Return how each of several things looks, those that look alike together.

    Examples
    --------
    >>> listed(["(6, 8) uint16", "(5, 8) uint16", "(6, 8) uint16"], "series")
    '(5, 8) uint16: series 1; (6, 8) uint16: series 0, 2'
    """
    alike = {look: [number for number, one in enumerate(looks) if one == look] for look in sorted(set(looks))}
    return "; ".join(f"{look}: {word} {ranges(numbers)}" for look, numbers in alike.items())


def _wanted(contents: Contents, axis: str, size: int, options: MovieOptions) -> int | None:
    """Return the index along an axis, None to run through all of it."""
    if axis not in _WORDS:
        return None
    word = _WORDS[axis]
    wanted = getattr(options, word)
    if wanted == "all":
        return None
    names = contents.names.get(axis, ())
    if isinstance(wanted, str):
        if wanted in names:
            return names.index(wanted)
        known = ", ".join(names) or "they have no names"
        raise MovieError(f"{contents.path}: no {word} is called {wanted!r}: {known}")
    if wanted >= size:
        raise MovieError(
            f"{contents.path}: it has {counted(size, word)}, no {word} {wanted} (they count from 0)"
        )
    return int(wanted)


def _check_absent(contents: Contents, options: MovieOptions) -> None:
    """Refuse a choice along an axis that the file does not have."""
    for axis, word in _WORDS.items():
        wanted = getattr(options, word)
        if axis == "p" and contents.chosen_of:
            continue
        if axis not in contents.axes and wanted not in (0, "all"):
            raise MovieError(f"{contents.path}: it has 1 {word}, no {word} {wanted} (they count from 0)")


def _left_out(contents: Contents, axis: str, size: int, index: int) -> str:
    word = _WORDS[axis]
    names = contents.names.get(axis, ())
    name = f" ({names[index]})" if index < len(names) and names[index] else ""
    return f"{size - 1} of {counted(size, word)}: read is {word} {index}{name}, --{word} chooses"
