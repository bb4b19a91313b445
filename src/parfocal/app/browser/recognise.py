"""What a file or a folder is, told by names alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from parfocal.formats import FILE_SUFFIXES, FOREIGN_SUFFIXES, ZARR_FILES
from parfocal.formats.hdf5 import HDF5_SUFFIXES
from parfocal.formats.ndtiff import INDEX
from parfocal.formats.numpy_file import NUMPY_SUFFIXES
from parfocal.formats.pages import TIFF_SUFFIXES
from parfocal.formats.video import VIDEO_SUFFIXES

RUN_FILE = "manifest.json"
_FULL = "Full resolution"
_FAMILIES = {"TIFF": TIFF_SUFFIXES, "HDF5": HDF5_SUFFIXES, "NumPy": NUMPY_SUFFIXES, "video": VIDEO_SUFFIXES}


def kind_of_file(name: str) -> str:
    """Return what a file may be by its suffix; "" for what is no image.

    Examples
    --------
    >>> [
    ...     kind_of_file(name)
    ...     for name in ("a.ome.tif", "a.TIFF", "b.png", "c.npy", "d.nd2", "notes.txt", "._a.tif")
    ... ]
    ['OME-TIFF', 'TIFF', 'PNG', 'NumPy', 'ND2', '', '']
    """
    suffix = PurePath(name).suffix.lower()
    if name.startswith(".") or suffix not in (*FILE_SUFFIXES, *FOREIGN_SUFFIXES):
        return ""
    if name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf8")):
        return "OME-TIFF"
    family = next((family for family, suffixes in _FAMILIES.items() if suffix in suffixes), "")
    return family or suffix.removeprefix(".").upper()


def kind_of_folder(files: Iterable[str], folders: Iterable[str]) -> str:
    """Return what a folder is as a whole, by the names in it; "" for one that only holds others.

    Examples
    --------
    >>> (
    ...     kind_of_folder(["manifest.json"], []),
    ...     kind_of_folder([".zattrs"], ["0"]),
    ...     kind_of_folder(["a.tif"], []),
    ... )
    ('run', 'OME-Zarr', '')
    """
    names = set(files)
    if RUN_FILE in names:
        return "run"
    if names & set(ZARR_FILES):
        return "OME-Zarr"
    return "NDTiff" if INDEX in names or _FULL in set(folders) else ""
