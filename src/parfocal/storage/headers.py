"""The headers of an image's frames: an uncompressed Zarr array with rows written in place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.files import replace_file
from parfocal.storage.image import open_pixels, read_document
from parfocal.storage.ome_zarr import HEADER_CHUNK, HEADER_COLUMNS, HEADERS, IMAGE, NOT_STORED

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from numpy.typing import NDArray

_ROW_BYTES = 8 * len(HEADER_COLUMNS)


class HeaderFile:
    """Writes rows of headers, each at the index of its frame. A row never written reads as `NOT_STORED`.

    Parameters
    ----------
    folder : Path
        Of the array; its ``zarr.json`` is the caller's.
    on_left : callable
        Told the file that was written last when another one begins, and at the end; it lies in a folder of
        its own.
    """

    def __init__(self, folder: Path, on_left: Callable[[Path], None]) -> None:
        self._folder = folder
        self._on_left = on_left
        self._chunk = -1
        self._file: BinaryIO | None = None

    def put(self, indices: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Write `rows` (n, columns), one at each of the n increasing `indices`."""
        for start, stop in runs(indices):
            file = self._open(int(indices[start]) // HEADER_CHUNK)
            file.seek(int(indices[start]) % HEADER_CHUNK * _ROW_BYTES)
            file.write(rows[start:stop].astype("<i8").tobytes())

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._on_left(_chunk_path(self._folder, self._chunk))

    def _open(self, chunk: int) -> BinaryIO:
        if self._file is not None and chunk == self._chunk:
            return self._file
        self.close()
        path = _chunk_path(self._folder, chunk)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, np.full(HEADER_CHUNK * len(HEADER_COLUMNS), NOT_STORED, "<i8").tobytes())
        self._chunk = chunk
        self._file = path.open("r+b", buffering=0)
        return self._file


def read_headers(image: Path | str, *, most: int | None = None) -> NDArray[np.void]:
    """Return what travelled with each frame of an image, in their order.

    Parameters
    ----------
    image : path
        Folder of the OME-Zarr image, such as ``RUN/frames.ome.zarr``.
    most : int, optional
        Read only the first ones.

    Returns
    -------
    structured array (n,), or of the shape of the events
        A column for each field of `FrameHeader` (`frame`, `time_ns`, `utc_ns`, `exposure_ns` ...), and
        `sequence`, the number in the stream; all -1 where a frame was lost.

    Raises
    ------
    BadInputError
        If `image` holds no frames written by parfocal.
    """
    image = Path(image)
    document = read_document(image / HEADERS)
    columns = _columns_of(image / HEADERS)
    if document["chunk_grid"]["configuration"]["chunk_shape"] != [HEADER_CHUNK, len(columns)]:  # by event
        found: NDArray[Any] = open_pixels(image / HEADERS, document, read=True).read().result()
        return found.view([(name, "<i8") for name in columns])[..., 0]
    length = length_of(image / IMAGE)
    length = length if most is None else min(length, most)
    rows = np.full((length, len(columns)), NOT_STORED, "<i8")
    for chunk in range(-(-length // HEADER_CHUNK)):
        path = _chunk_path(image / HEADERS, chunk)
        if path.exists():
            part = rows[chunk * HEADER_CHUNK : (chunk + 1) * HEADER_CHUNK]
            part[:] = np.fromfile(path, "<i8").reshape(-1, len(columns))[: len(part)]
    return rows.view([(name, "<i8") for name in columns])[:, 0]


def length_of(array: Path) -> int:
    """Return how many frames, or rows, the document of the Zarr array in the folder `array` claims."""
    try:
        return int(read_document(array)["shape"][0])
    except (LookupError, TypeError, ValueError) as error:
        raise BadInputError(f"{array} holds no Zarr array: {error}") from error


def _columns_of(headers: Path) -> tuple[str, ...]:
    try:
        return tuple(read_document(headers)["attributes"]["columns"])
    except (LookupError, TypeError) as error:
        raise BadInputError(f"{headers} holds no headers of parfocal's frames: {error}") from error


def _chunk_path(folder: Path, chunk: int) -> Path:
    return folder / "c" / str(chunk) / "0"


def runs(indices: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (start, stop) of the stretches of `indices` that lie side by side, in one chunk of headers.

    Examples
    --------
    >>> runs(np.array([3, 4, 5, 9, 4095, 4096]))
    [(0, 3), (3, 4), (4, 5), (5, 6)]
    """
    apart = (np.diff(indices) != 1) | (indices[1:] % HEADER_CHUNK == 0)
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(indices)]
    return list(pairwise(edges))
