"""Reads recorded tables, images and headers, while they are written or later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, StorageError
from parfocal.storage.image import open_pixels, read_document
from parfocal.storage.ome_zarr import IMAGE
from parfocal.storage.parts import closed_parts, open_journals, part_number, pieces_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

_TRIES = 20
_ROWS_AT_ONCE = 2**16


def read_rows(folder: Path | str) -> pa.Table:
    """Return all rows of a table, also those of a part that is open, or was open when its writer died.

    Parameters
    ----------
    folder : path
        Of the table, such as ``RUN/tracks``.

    Returns
    -------
    pyarrow.Table
        All of it in memory; see `iter_rows` for tables that are longer. ``.to_pandas()`` makes a data frame.

    Raises
    ------
    BadInputError
        If there is no table at `folder`.
    OSError
        If the disk does not give what is in it.
    """
    import pyarrow

    folder = _table_folder(folder)
    for _ in range(_TRIES):
        try:
            tables = [pyarrow.Table.from_batches([batch]) for batch in _batches(folder, None)]
        except FileNotFoundError:  # a part was closed, and its journal removed, while we looked
            continue
        return pyarrow.concat_tables(tables) if tables else _empty(folder)
    raise StorageError(f"{folder} changed all the time while it was read; try again")


def read_array(folder: Path | str) -> NDArray[Any]:
    """Return all rows of a table as one structured array in memory; see `read_rows`.

    Examples
    --------
    ``read_array("runs/2026-03-01T14-05-09_beads/tracks")["z_nm"]`` are the heights of all beads in all
    frames.
    """
    table = read_rows(folder)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    rows = np.empty(table.num_rows, [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    return rows


def iter_rows(folder: Path | str, columns: Sequence[str] | None = None) -> Iterator[NDArray[Any]]:
    """Yield the rows of a closed table in order, some ten thousand at a time, as structured arrays.

    It takes the same memory however long the table is.

    Parameters
    ----------
    folder : path
        Of the table.
    columns : sequence of str, optional
        Read only these.

    Raises
    ------
    BadInputError
        If there is no table at `folder`, or it has no such column.
    """
    for batch in _batches(_table_folder(folder), None if columns is None else list(columns)):
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield _structured(batch.slice(start, _ROWS_AT_ONCE))


def open_frames(folder: Path | str) -> Any:
    """Return the pixels of an image as a read-only tensorstore array, as long as it is just now.

    Parameters
    ----------
    folder : path
        Of the image, such as ``RUN/frames.ome.zarr``, with axes t, y, x; of frames by event that of a
        position, such as ``RUN/frames.ome.zarr/0``, with axes t, c, z (those that the plan has), y, x.

    Raises
    ------
    BadInputError
        If there is no image at `folder`.

    Examples
    --------
    ``open_frames(folder)[7].read().result()`` is frame 7 of the run; `read_headers` tells if it is there.
    """
    array = Path(folder) / IMAGE
    return open_pixels(array, read_document(array), read=True)


def _table_folder(folder: Path | str) -> Path:
    if not Path(folder).is_dir():
        raise BadInputError(f"there is no table at {folder}")
    return Path(folder)


def _empty(folder: Path) -> pa.Table:
    """Return a table of no rows, with its columns if a part tells them."""
    import pyarrow
    from pyarrow import parquet

    for part in closed_parts(folder):
        return parquet.read_schema(part).remove_metadata().empty_table()
    return pyarrow.table({})


def _batches(folder: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    """Yield all rows, part after part: of whole parts from the Parquet file, of others from the journal."""
    journals = {part_number(path): path for path in open_journals(folder)}
    parts = {part_number(path): path for path in closed_parts(folder)}
    for number in sorted({*parts, *journals}):
        if number in parts:
            yield from _part_batches(parts[number], columns)
        else:
            for piece in pieces_of(journals[number]):
                yield piece.batch if columns is None else piece.batch.select(_known(columns, piece.batch))


def _part_batches(part: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet

    with parquet.ParquetFile(part) as file:
        chosen = None if columns is None else _known(columns, file.schema_arrow)
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=chosen):
            yield batch.replace_schema_metadata()


def _known(columns: list[str], there: Any) -> list[str]:
    names = there.names if hasattr(there, "names") else there.schema.names
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise BadInputError(f"the table has no column {unknown[0]!r}; it has {', '.join(names)}")
    return columns


def _structured(batch: pa.RecordBatch) -> NDArray[Any]:
    columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
    rows = np.empty(batch.num_rows, [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    return rows
