"""The headers of one position's frames: an uncompressed Zarr array whose rows are written in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.files import replace_file
from parfocal.storage.event_documents import HEADER_TIMES
from parfocal.storage.image import CHUNKS
from parfocal.storage.ome_zarr import HEADER_COLUMNS, NOT_STORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROW_BYTES = 8 * len(HEADER_COLUMNS)
_SEQUENCE = HEADER_COLUMNS.index("sequence")


class EventHeaders:
    """Rows of headers by index along t, c and z. A row that was never written reads as `NOT_STORED`.

    A row is written by one call of the system, so a process that is killed leaves it whole or not at all.

    Parameters
    ----------
    folder : Path
        Of the array; its ``zarr.json`` is the caller's.
    axes : str
        The axes of an index, such as "tcz".
    """

    def __init__(self, folder: Path, axes: str) -> None:
        self._folder, self._depth = folder, len(axes)
        self._has_times = axes.startswith("t")

    def read(self, place: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the row at an index, (columns,)."""
        path, offset = self._find(place)
        try:
            row = np.fromfile(path, "<i8", len(HEADER_COLUMNS), offset=offset)
        except FileNotFoundError:
            return np.full(len(HEADER_COLUMNS), NOT_STORED, np.int64)
        return row.astype(np.int64)

    def stored(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the index of each frame that is there, (n, axes), and its row, (n, columns), in no order.

        It is told by the files alone: a process may have died before it wrote the documents.
        """
        places = [np.empty((0, self._depth), np.int64)]
        rows = [np.empty((0, len(HEADER_COLUMNS)), np.int64)]
        for path in (self._folder / CHUNKS).glob("*/" * self._depth + "0"):
            found = np.fromfile(path, "<i8").reshape(-1, len(HEADER_COLUMNS))
            there = np.flatnonzero(found[:, _SEQUENCE] != NOT_STORED)
            chunk = [int(part) for part in path.relative_to(self._folder / CHUNKS).parts[:-1]]
            at = np.tile(np.asarray(chunk, np.int64), (len(there), 1))
            if self._has_times:
                at[:, 0] = chunk[0] * HEADER_TIMES + there
            places.append(at)
            rows.append(found[there].astype(np.int64))
        return np.concatenate(places), np.concatenate(rows)

    def write(self, place: tuple[int, ...], row: NDArray[np.int64]) -> Path:
        """Write a row at an index; return the file that it is in."""
        path, offset = self._find(place)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = HEADER_TIMES if self._has_times else 1
            replace_file(path, np.full(rows * len(HEADER_COLUMNS), NOT_STORED, "<i8").tobytes())
        with path.open("r+b", buffering=0) as file:
            file.seek(offset)
            file.write(row.astype("<i8").tobytes())
        return path

    def _find(self, place: tuple[int, ...]) -> tuple[Path, int]:
        """Return the file of an index, and where its row begins in it."""
        chunk, row = list(place), 0
        if self._has_times:
            chunk[0], row = divmod(place[0], HEADER_TIMES)
        return self._folder.joinpath(CHUNKS, *map(str, chunk), "0"), row * _ROW_BYTES
