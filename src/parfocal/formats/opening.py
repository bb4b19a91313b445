"""Which file is read by whom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import MovieError
from parfocal.formats.hdf5 import HDF5_SUFFIXES, split_location
from parfocal.formats.movie import Movie
from parfocal.formats.ndtiff import is_ndtiff
from parfocal.formats.numpy_file import NUMPY_SUFFIXES
from parfocal.formats.options import MovieOptions
from parfocal.formats.pages import TIFF_SUFFIXES
from parfocal.formats.picture import PICTURE_SUFFIXES
from parfocal.formats.video import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from parfocal.formats.contents import PlaneReader

FILE_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, *VIDEO_SUFFIXES, *HDF5_SUFFIXES, *NUMPY_SUFFIXES)
"""How the names of files end that can be read."""
ZARR_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_ELSEWHERE = {
    ".nd2": "save it as OME-TIFF in NIS-Elements, or with the Python package nd2[tiff]: "
    "nd2.ND2File(...).write_tiff('movie.ome.tif')",
    ".czi": "save it as OME-TIFF (ZEN, or Bio-Formats)",
    ".lif": "save it as OME-TIFF (LAS X, or Bio-Formats)",
    ".oif": "save it as OME-TIFF (Bio-Formats)",
    ".zip": "unpack it first",
}
FOREIGN_SUFFIXES = (".nd2", ".czi", ".lif", ".oif")
"""How the names of files of images end that cannot be read; opening one tells what to do."""


def known_formats() -> str:
    """Return what can be read, in words.

    Examples
    --------
    >>> known_formats()[:40]
    '.tif, .tiff, .btf, .tf8, .png, .bmp, .jp'
    """
    return f"{', '.join(FILE_SUFFIXES)}, and folders: OME-Zarr, NDTiff, images in files of their own"


def file_of(path: Path) -> Path:
    """Return the file or folder in which a movie lies, which for ``file.h5:/dataset`` is the first part.

    Examples
    --------
    >>> file_of(Path("run.h5:/entry/data")).name, file_of(Path("run.tif")).name
    ('run.h5', 'run.tif')
    """
    return split_location(path)[0]


def open_movie(path: Path | str, options: MovieOptions | None = None) -> Movie:
    """Open a file or folder of images.

    Parameters
    ----------
    path : path
        A TIFF of any kind, a PNG or another picture, a video, NumPy's .npy or .npz, an HDF5 data set
        (``file.h5:/dataset``); or
        the folder of an OME-Zarr, of an NDTiff data set, or of images in files of their own, in the order of
        the numbers in their names.
    options : MovieOptions, optional
        Which channel, position and plane; what overrules the file's own times and sizes.

    Raises
    ------
    MovieError
        If there is nothing at `path`, or nothing that can be read; begins with the path, says what it found.

    Examples
    --------
    ``with open_movie("beads.tif") as movie: print(movie.facts, movie.read(0).mean())``
    """
    options = options or MovieOptions()
    reader = _reader_of(Path(path), options)
    try:
        return Movie(reader, options)
    except BaseException:
        reader.close()
        raise


def _reader_of(path: Path, options: MovieOptions) -> PlaneReader:
    file, dataset = split_location(path)
    if not file.exists():
        raise MovieError(f"{path} does not exist")
    if file.is_dir():
        return _folder_reader(file, options)
    suffix = file.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        from parfocal.formats.tiff import TiffReader

        return TiffReader(file, options.position)
    if suffix in PICTURE_SUFFIXES:
        from parfocal.formats.pictures import PictureReader

        return PictureReader([file], file)
    if suffix in VIDEO_SUFFIXES:
        from parfocal.formats.video import VideoReader

        return VideoReader(file)
    if suffix in HDF5_SUFFIXES:
        from parfocal.formats.hdf5 import Hdf5Reader

        return Hdf5Reader(file, dataset)
    if suffix in NUMPY_SUFFIXES:
        from parfocal.formats.numpy_file import NumpyReader

        return NumpyReader(file, options.position)
    advice = f"{_ELSEWHERE[suffix]}; " if suffix in _ELSEWHERE else ""
    raise MovieError(f"{path}: {advice}known are {known_formats()}")


def _folder_reader(folder: Path, options: MovieOptions) -> PlaneReader:
    if any((folder / name).exists() for name in ZARR_FILES):
        from parfocal.formats.zarr import ZarrReader

        return ZarrReader(folder, options.position)
    if is_ndtiff(folder):
        from parfocal.formats.ndtiff import NDTiffReader

        return NDTiffReader(folder)
    from parfocal.formats.pictures import folder_reader

    return folder_reader(folder, options.position)
