"""The images that a file or folder holds, each to be opened for itself: positions, fields of wells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from parfocal.core.errors import MovieError
from parfocal.formats.movie import Movie, MovieFacts
from parfocal.formats.opening import ZARR_FILES, open_movie
from parfocal.formats.options import MovieOptions

_ALL = "all"


class ImagePart(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a file or folder: all times, channels and planes of one position.

    Attributes
    ----------
    path : str
        What to open.
    position : int
        Which position of it.
    well, site : str
        Where it lies in a plate, and which field or position it is; "" where nobody tells.
    channels : tuple of str
        Their names; () where they have none.
    facts : MovieFacts or None
        What is known of it; None if it cannot be read.
    problem : str
        Why it cannot be read; "" if it can.
    """

    path: str
    position: int = 0
    well: str = ""
    site: str = ""
    channels: tuple[str, ...] = ()
    facts: MovieFacts | None = None
    problem: str = ""

    def open(self) -> Movie:
        """Open it; raises `MovieError` as `open_movie` does."""
        return open_movie(self.path, _options(self.position))


def parts_of(path: Path | str) -> Iterator[ImagePart]:
    """Yield the images of a file or folder, one after the other.

    Fields of a plate and series of an OME-Zarr are opened each for itself, so that one that is broken is a
    part with a `problem` beside the others; so is a position of another shape.

    Raises
    ------
    MovieError
        If there is nothing that can be read.

    Examples
    --------
    ``for part in parts_of("plate.ome.zarr"): print(part.well, part.site, part.facts)``
    """
    path = Path(path)
    if path.is_dir() and any((path / name).exists() for name in ZARR_FILES):
        from parfocal.formats.zarr import ImagePlace, image_folders

        folders = image_folders(path)
        if folders != [ImagePlace(path)]:
            yield from (_part_in(folder.path, folder.well, folder.site) for folder in folders)
            return
    yield from _positions(path)


def _part_in(path: Path, well: str, site: str) -> ImagePart:
    try:
        with open_movie(path, _options(0)) as movie:
            return _part(path, 0, movie, site, well)
    except (MovieError, OSError) as error:
        return ImagePart(path=str(path), well=well, site=site, problem=str(error))


def _positions(path: Path) -> Iterator[ImagePart]:
    with open_movie(path, _options(0)) as movie:
        number = movie.positions
        yield _part(path, 0, movie, _site(movie, 0))
    for position in range(1, number):
        try:
            with open_movie(path, _options(position)) as movie:
                yield _part(path, position, movie, _site(movie, position))
        except (MovieError, OSError) as error:
            yield ImagePart(path=str(path), position=position, site=str(position), problem=str(error))


def _site(movie: Movie, position: int) -> str:
    """Return the name of a position, or its number; a reader that had to choose names the chosen one."""
    names = movie.names.get("p", ())
    name = names[position] if position < len(names) == movie.positions else "".join(names[:1])
    return name or ("" if movie.positions == 1 else str(position))


def _part(path: Path, position: int, movie: Movie, site: str, well: str = "") -> ImagePart:
    return ImagePart(
        path=str(path),
        position=position,
        well=well,
        site=site,
        channels=movie.names.get("c", ()),
        facts=movie.facts,
    )


def _options(position: int) -> MovieOptions:
    return MovieOptions(channel=_ALL, position=position, plane="all")
