"""Names with numbers in them: their natural order, which are one movie, and which numbers are missing."""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
_BEST_FIRST = (".tif", ".png", ".pgm", ".bmp", ".jpg")
_SAME = {".tiff": ".tif", ".jpeg": ".jpg"}


def in_order(files: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names, in which numbers count as numbers, decimals too.

    Examples
    --------
    >>> [file.name for file in in_order([Path("f10.png"), Path("f9.png"), Path("f9.5.png")])]
    ['f9.png', 'f9.5.png', 'f10.png']
    """
    return sorted(files, key=lambda file: (_order(file), file.name))


def one_movie(files: Iterable[Path], folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the files of a folder that are its movie, in order; and in words, those that are something else.

    Names that differ in numbers alone belong together. The largest such set of one format is the movie, be
    there a preview or a copy in another format beside it; of equally large ones the format that loses least.

    Raises
    ------
    MovieError
        If two sets of one format are equally large, so that nothing tells which one is meant.

    Examples
    --------
    >>> files = [Path(name) for name in ("a2.tif", "a1.tif", "a1.jpg", "a2.jpg", "preview.png")]
    >>> movie, unread = one_movie(files, Path("run"))
    >>> [file.name for file in movie], unread
    (['a1.tif', 'a2.tif'], ('2 files a#.jpg', '1 file preview.png'))
    """
    families: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for file in in_order(files):
        families[_family(file)].append(file)
    sizes = {family: len(members) for family, members in families.items()}
    most = max(sizes.values())
    if most == 1:  # no series at all: all files of the best format
        best = _best(suffix for suffix, _ in families)
        movie = [member for (suffix, _), members in families.items() if suffix == best for member in members]
    else:
        largest = [family for family in families if sizes[family] == most]
        best = _best(suffix for suffix, _ in largest)
        named = [name for suffix, name in largest if suffix == best]
        if len(named) > 1:
            raise MovieError(
                f"{folder}: it holds {len(named)} movies of {most} images, {', '.join(named)}: "
                "put the one to read into a folder of its own"
            )
        movie = families[best, named[0]]
    chosen = set(movie)
    others = [[file for file in members if file not in chosen] for members in families.values()]
    return in_order(movie), tuple(_words(rest) for rest in others if rest)


def missing_between(names: Sequence[str]) -> tuple[list[int], int, list[int]] | None:
    """Return where names stand in their numbering, how many places it has, and the numbers that are missing.

    None where the names do not differ in one whole number. Where more numbers are missing than are there,
    nothing says that they count images, and none is listed.

    Examples
    --------
    >>> missing_between(["f10.png", "f20.png", "f50.png"])
    ([0, 1, 4], 5, [30, 40])
    >>> missing_between(["f1.png", "f2.png", "f1000000.png"])
    ([0, 1, 999999], 1000000, [])
    >>> missing_between(["a.png", "b.png"])
    """
    parts = [_NUMBER.split(Path(name).stem) for name in names]
    if len(names) < 2 or len({len(one) for one in parts}) > 1:
        return None
    varying = [place for place in range(len(parts[0])) if len({one[place] for one in parts}) > 1]
    if len(varying) != 1 or not all(one[varying[0]].isdecimal() for one in parts):
        return None
    numbers = [int(one[varying[0]]) for one in parts]
    step = gcd(*(b - a for a, b in pairwise(numbers)))
    if not step or numbers != sorted(numbers):
        return None
    places = [(number - numbers[0]) // step for number in numbers]
    count = places[-1] + 1
    if count > 2 * len(numbers):
        return places, count, []
    held = set(numbers)
    return places, count, [number for number in range(numbers[0], numbers[-1], step) if number not in held]


def suffix_of(file: Path) -> str:
    """Return the format of a file by its suffix, one spelling for each."""
    suffix = file.suffix.lower()
    return _SAME.get(suffix, suffix)


def _order(file: Path) -> list[tuple[Fraction, str]]:
    parts = _NUMBER.split(file.stem)
    return [(Fraction(part), "") if place % 2 else (Fraction(-1), part) for place, part in enumerate(parts)]


def _family(file: Path) -> tuple[str, str]:
    return suffix_of(file), _NUMBER.sub("#", file.stem) + file.suffix


def _best(suffixes: Iterable[str]) -> str:
    return min(suffixes, key=lambda suffix: _BEST_FIRST.index(suffix) if suffix in _BEST_FIRST else 99)


def _words(files: list[Path]) -> str:
    if len(files) == 1:
        return f"1 file {files[0].name}"
    return f"{len(files)} files {_family(files[0])[1]}"
