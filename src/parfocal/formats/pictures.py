"""Image files as a movie: one file, or all those of a folder that belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.contents import Contents, SourcedValue
from parfocal.formats.micromanager import elapsed_s, grid_of, pixel_size_um, read_metadata, sensor_of
from parfocal.formats.numbered import in_order, missing_between, one_movie, suffix_of
from parfocal.formats.pages import CUT, TIFF_SUFFIXES, Pages, is_ome_stack, pages_of, read_page
from parfocal.formats.picture import PICTURE_SUFFIXES, look_of, read_picture
from parfocal.formats.selection import ranges

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.formats.contents import PlaneReader


class PictureReader:
    """Images of one shape in files of their own; TIFFs of several pages follow one another.

    Parameters
    ----------
    files : list of Path
        In their order.
    path : Path
        The file, or the folder they come from.
    unread : tuple of str
        What else is in the folder.
    """

    def __init__(self, files: list[Path], path: Path, unread: tuple[str, ...] = ()) -> None:
        first = _read(files[0], 0)
        held = {file: _pages(file, first.shape, files[0]) for file in files}
        self._images = [(file, page) for file, pages in held.items() for page in range(pages.number)]
        cut = tuple(f"{file.name} {CUT}" for file, pages in held.items() if pages.cut)
        grid = _grid(files, len(self._images))
        self._at = {place: number for number, place in enumerate(grid.places)}
        shape = (first.shape[0], first.shape[1])
        metadata = read_metadata(path) if path.is_dir() else {}
        each = [metadata.get(file.name, {}) for file, _ in self._images]
        size = next((size for one in each if (size := pixel_size_um(one)) is not None), None)
        times = np.full(grid.planes, np.nan)
        times[grid.places] = [elapsed_s(one) for one in each]
        kind = suffix_of(files[0]).removeprefix(".").upper()
        self.contents = Contents(
            path=path,
            format=f"folder of {kind}" if path.is_dir() else kind,
            axes=grid.axes,
            sizes=grid.sizes,
            shape=shape,
            dtype=first.dtype,
            pixel_size_um=None if size is None else SourcedValue(size, "Micro-Manager PixelSizeUm"),
            plane_times_s=times.reshape(grid.sizes) if np.isfinite(times).any() else None,
            plane_times_from="Micro-Manager ElapsedTime-ms",
            missing=frozenset(range(grid.planes)) - set(grid.places),
            sensor=next((found for one in each if (found := sensor_of(one)) is not None), None),
            unread=unread,
            remarks=(*grid.remarks, *cut, *(("compressed with loss (JPEG)",) if kind == "JPG" else ())),
        )

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        file, page = self._images[self._at[plane]]
        image = _read(file, page)
        if image.shape != out.shape or image.dtype != out.dtype:
            raise MovieError(
                f"{file} is {image.dtype} {image.shape}, the first image {out.dtype} {out.shape}"
            )
        np.copyto(out, image)

    def close(self) -> None:
        """Nothing is held."""


def folder_reader(folder: Path, position: int | str = 0) -> PlaneReader:
    """Return a reader of the movie in a folder; hidden files, as macOS leaves them (``._x``), are no images.

    An OME-TIFF of several pages, or one TIFF alone, is read as it would be by its own name: with its axes,
    and with the other files that it names.

    Raises
    ------
    MovieError
        If there are no images, or nothing tells which of them are meant.
    """
    known = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES)
    files = [
        file
        for file in in_order(folder.iterdir())
        if file.suffix.lower() in known and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        raise MovieError(f"{folder}: {_nothing_in(folder, known)}")
    tiffs = [file for file in files if file.suffix.lower() in TIFF_SUFFIXES]
    stack = next((file for file in tiffs[:1] if is_ome_stack(file)), None)
    if stack is not None:
        return _read_as_file(stack, files, position)
    movie, unread = one_movie(files, folder)
    if len(movie) == 1 and movie[0] in tiffs:
        return _read_as_file(movie[0], files, position)
    if movie[0] in tiffs:
        _refuse_hyperstack(movie[0])
    return PictureReader(movie, folder, unread)


def _read_as_file(file: Path, files: list[Path], position: int | str) -> PlaneReader:
    """Return a reader of one TIFF and of what it names; the other images beside it are told."""
    from parfocal.formats.tiff import TiffReader

    reader = TiffReader(file, position)
    used = {file.name} if len(files) == 1 else reader.file_names()
    others = tuple(f"file {other.name}" for other in files if other.name not in used)
    stated = others[:5] if len(others) <= 6 else (*others[:5], f"{len(others) - 5} more files")
    reader.contents = replace(reader.contents, unread=(*reader.contents.unread, *stated))
    return reader


def _refuse_hyperstack(file: Path) -> None:
    """Refuse files of several pages with axes of their own: joined page by page they would be mixed up."""
    if pages_of(file).number == 1:
        return
    from parfocal.formats.tiff import TiffReader

    reader = TiffReader(file)
    reader.close()
    contents = reader.contents
    long = [axis for axis, size in zip(contents.axes, contents.sizes, strict=True) if size > 1]
    if len(long) > 1 or "c" in long:
        raise MovieError(
            f"{file.parent}: its files are stacks with axes of their own ({file.name}: {contents.axes!r} of "
            f"{contents.sizes}); give one of them"
        )


class _Grid:
    """Where each image stands: by axes that the names tell, by their numbers, or one after the other."""

    def __init__(
        self, axes: str, sizes: tuple[int, ...], places: list[int], remarks: tuple[str, ...] = ()
    ) -> None:
        self.axes = axes
        self.sizes = sizes
        self.places = places
        self.remarks = remarks

    @property
    def planes(self) -> int:
        return int(np.prod(self.sizes, dtype=np.int64))


def _grid(files: list[Path], images: int) -> _Grid:
    if images != len(files):  # some have several pages
        return _Grid("t", (images,), list(range(images)))
    names = [file.name for file in files]
    named = grid_of(names)
    if named is not None:
        return _Grid(*named)
    numbered = missing_between(names)
    if numbered is None:
        return _Grid("t", (images,), list(range(images)))
    places, count, missing = numbered
    if count > images and not missing:
        doubt = (
            f"more numbers are missing between {names[0]} and {names[-1]} than are there: they count no time"
        )
        return _Grid("t", (images,), list(range(images)), (doubt,))
    stated = (f"numbers missing between {names[0]} and {names[-1]}: {ranges(missing)}",) if missing else ()
    return _Grid("t", (count,), places, stated)


def _pages(file: Path, shape: tuple[int, ...], first: Path) -> Pages:
    """Return how many images a file holds; refuse one of another shape than the first file's."""
    is_tiff = file.suffix.lower() in TIFF_SUFFIXES
    pages = pages_of(file) if is_tiff else Pages(look_of(file), 1, cut=False)
    if pages.shape != shape:
        raise MovieError(f"{file}: it is {pages.shape}, but {first.name} is {shape}; a movie has one shape")
    return pages


def _read(file: Path, page: int) -> NDArray[Any]:
    return read_page(file, page) if file.suffix.lower() in TIFF_SUFFIXES else read_picture(file)


def _nothing_in(folder: Path, known: tuple[str, ...]) -> str:
    """Return why a folder is no movie, and where in it one may be."""
    inner = sorted({file.parent.name for suffix in known for file in folder.glob(f"[!.]*/[!.]*{suffix}")})
    hint = f"; its folder {inner[0]} does" if len(inner) == 1 else f"; its folders {', '.join(inner[:5])} do"
    return "a folder that is no OME-Zarr and holds no images" + (hint if inner else "")
