"""A data set of an HDF5 file, named as ``file.h5:/path/of/dataset``; read through h5py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError
from parfocal.formats.contents import Contents, SourcedValue
from parfocal.formats.pixels import native
from parfocal.formats.units import micrometres

if TYPE_CHECKING:
    from numpy.typing import NDArray

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".ims")


def split_location(path: Path) -> tuple[Path, str]:
    """Return the file and the data set that a location names; "" where it names none.

    Examples
    --------
    >>> split_location(Path("run.h5:/entry/data"))
    (PosixPath('run.h5'), '/entry/data')
    >>> split_location(Path("run.h5"))
    (PosixPath('run.h5'), '')
    """
    text = str(path)
    for suffix in HDF5_SUFFIXES:
        head, separator, tail = text.partition(f"{suffix}:")
        if separator and not path.exists():
            return Path(head + suffix), "/" + tail.lstrip("/\\").replace("\\", "/")
    return path, ""


class Hdf5Reader:
    """Images along the last two axes of a data set."""

    def __init__(self, path: Path, dataset: str) -> None:
        try:
            import h5py
        except ImportError as error:
            raise MovieError(f"{path}: pip install 'parfocal[hdf5]' (h5py) reads it") from error
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise MovieError(f"{path}: {error}") from error
        try:
            self._data, name, unread = _dataset(h5py, self._file, path, dataset)
            self.contents = _contents(Path(f"{path}:{name}"), self._data, unread)
        except BaseException:
            self._file.close()
            raise

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        sizes = self.contents.sizes
        place = tuple(int(n) for n in np.unravel_index(plane, sizes)) if sizes else ()
        try:
            np.copyto(out, self._data[place])
        except (OSError, RuntimeError, KeyError) as error:
            raise MovieError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _dataset(h5py: Any, file: Any, path: Path, wanted: str) -> tuple[Any, str, tuple[str, ...]]:
    """Return the data set, its name, and which others are left unread."""
    found: list[str] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim >= 2 and item.dtype.kind in "uifb":
            found.append(f"/{name}")

    file.visititems(look)
    listed = ", ".join(f"{name} {file[name].shape}" for name in found[:8]) or "none holds images"
    name = wanted or (found[0] if len(found) == 1 else "")
    if not name:
        raise MovieError(f"{path}: name one of its data sets, as {path.name}:/NAME; there are: {listed}")
    if name not in found:
        raise MovieError(f"{path}: it has no images at {name}; there are: {listed}")
    others = tuple(f"data set {other}" for other in found if other != name)
    return file[name], name, others


def _contents(path: Path, data: Any, unread: tuple[str, ...]) -> Contents:
    labels = "".join(str(dim.label)[:1].lower() or "?" for dim in data.dims)
    *outer, height, width = (int(n) for n in data.shape)
    axes = labels[:-2] if labels.endswith("yx") and "?" not in labels else _unnamed(len(outer))
    size = _pixel_size(data)
    return Contents(
        path=path,
        format="HDF5",
        axes=axes,
        sizes=tuple(outer),
        shape=(height, width),
        dtype=native(data.dtype, path),
        pixel_size_um=size,
        unread=unread,
    )


def _unnamed(count: int) -> str:
    """Return letters for axes without names, all of which are run through; one alone is time."""
    return "t" if count == 1 else "qrstuvw"[:count]


def _pixel_size(data: Any) -> SourcedValue | None:
    """Return what ``element_size_um`` (z, y, x; as Fiji and ilastik write it) says of x."""
    sizes = np.atleast_1d(data.attrs.get("element_size_um", ()))
    value = micrometres(sizes[-1], "um") if sizes.size else None
    return None if value is None else SourcedValue(value, "HDF5 element_size_um")
