"""NumPy's own files: one array (.npy), or several by name (.npz), whose last two axes are y and x."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from parfocal.core.errors import MovieError
from parfocal.formats.contents import Contents
from parfocal.formats.pixels import native, read_raw
from parfocal.formats.selection import listed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NUMPY_SUFFIXES = (".npy", ".npz")
_AXES = "tqrsuvw"
"""Letters of the axes before y and x: the first counts times, the others have no usual name."""
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_ERRORS = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile)


@dataclass(frozen=True)
class _Array:
    """An array of a file as its header tells it; `offset` is where its values begin."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    in_columns: bool
    offset: int

    @property
    def look(self) -> str:
        """What has to be the same in all positions."""
        return f"{self.shape} {self.dtype.name}"


class NumpyReader:
    """The array of an .npy file; the arrays of an .npz file, which are positions.

    Nothing is unpickled. Values of an .npy are read where they lie, unless they lie in columns (Fortran's
    order); those, and arrays of an .npz, are taken into memory one at a time.

    Parameters
    ----------
    path : Path
        The file.
    position : int or "all"
        Which array, where those of an .npz differ in shape or type.
    """

    def __init__(self, path: Path, position: int | str = 0) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._held: tuple[str, NDArray[Any]] | None = None
        try:
            self._arrays, others = _arrays_of(path)
        except _ERRORS as error:
            raise MovieError(f"{path}: {error}") from error
        number = len(self._arrays)
        self._arrays, unread = _alike(self._arrays, path, position)
        contents = _contents(path, self._arrays, (*unread, *others))
        self.contents = replace(contents, chosen_of=number if unread else 0)

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        planes = self.contents.planes // len(self._arrays)
        array, index = self._arrays[plane // planes], plane % planes
        if self._path.suffix.lower() == ".npz" or array.in_columns:
            whole = self._loaded(array.name)
            np.copyto(out, whole.reshape(planes, *out.shape)[index])
            return
        if self._file is None:
            self._file = self._path.open("rb")
        read_raw(self._file, array.offset + index * out.nbytes, array.dtype, out)

    def close(self) -> None:
        """Close the file, and let go of the array."""
        self._held = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _loaded(self, name: str) -> NDArray[Any]:
        if self._held is None or self._held[0] != name:
            try:
                found = np.load(self._path, allow_pickle=False)
                self._held = (
                    name,
                    np.asarray(found[name] if isinstance(found, np.lib.npyio.NpzFile) else found),
                )
            except _ERRORS as error:
                raise MovieError(f"{name} cannot be read: {error}") from error
        return self._held[1]


def _arrays_of(path: Path) -> tuple[list[_Array], tuple[str, ...]]:
    """Return the arrays that are images, and in words those that are none."""
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            found = [_header(file, "")]
    else:
        with zipfile.ZipFile(path) as archive:
            found = []
            for name in archive.namelist():
                with archive.open(name) as file:
                    found.append(_header(file, name.removesuffix(".npy")))
    images = [array for array in found if len(array.shape) >= 2 and array.dtype.kind in "buif"]
    if not images:
        stated = ", ".join(f"{array.name or 'an array'} {array.look}" for array in found)
        raise ValueError(f"it holds no image: {stated or 'nothing'}")
    return images, tuple(f"array {array.name} {array.look}" for array in found if array not in images)


def _header(file: Any, name: str) -> _Array:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of NumPy's format is not known")
    shape, in_columns, dtype = _HEADERS[version](file)
    return _Array(name, shape, dtype, in_columns and len(shape) > 1, file.tell())


def _alike(arrays: list[_Array], path: Path, position: int | str) -> tuple[list[_Array], tuple[str, ...]]:
    """Return arrays of one shape and type, and in words which are left out."""
    looks = [array.look for array in arrays]
    if len(set(looks)) == 1:
        return arrays, ()
    found = listed(looks, "array")
    if position == "all" or int(position) >= len(arrays):
        raise MovieError(f"{path}: its arrays differ in shape or type: {found}")
    others = f"{len(arrays) - 1} of {len(arrays)} positions: read is position {position}"
    return [arrays[int(position)]], (f"{others}, --position chooses ({found})",)


def _contents(path: Path, arrays: list[_Array], unread: tuple[str, ...]) -> Contents:
    shape = arrays[0].shape
    outer = shape[:-2]
    if len(outer) > len(_AXES):
        raise MovieError(f"{path}: an array of {len(shape)} axes, {shape}, is no stack of images")
    axes = _AXES[: len(outer)]
    names = tuple(array.name for array in arrays)
    several = len(arrays) > 1
    return Contents(
        path=path,
        format="NumPy array",
        axes="p" + axes if several else axes,
        sizes=(len(arrays), *outer) if several else outer,
        shape=(shape[-2], shape[-1]),
        dtype=native(arrays[0].dtype, path),
        names={"p": names} if any(names) else {},
        unread=unread,
    )
