"""One part of a table: a Parquet file, which is readable once it is closed, and its journal until then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.files import sync_file
from parfocal.core.known_types import known

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from parfocal.core.frames import RowSpec
    from parfocal.storage.sync import SyncThread

_NAME = re.compile(r"part-(\d{6,})\.parquet")
_SEQUENCE = b"sequence"
_SPAN = "parfocal"


class Span(msgspec.Struct, frozen=True):
    """What a part holds: `rows` of the stream's rows from sequence number `first` up to, not with, `next`."""

    first: int
    next: int
    rows: int

    def joined(self, first: int, rows: int) -> Span:
        """Return the span with `rows` more, which begin at `first`."""
        return Span(self.first if self.rows else first, first + rows, self.rows + rows)


class Piece(NamedTuple):
    """A batch of rows and the sequence number of its first one."""

    sequence: int
    batch: pa.RecordBatch


class PartFile:
    """A Parquet file that takes pieces, in row groups, and gets its name when it is whole.

    Parameters
    ----------
    path : Path
        Its name in the end; a draft beside it until then.
    schema : pyarrow.Schema
        Its columns.
    rows_per_group : int
        Rows gathered in memory before they become a row group.
    syncing : SyncThread
        Brings row groups to stable storage while the next ones come.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int, syncing: SyncThread) -> None:
        from pyarrow import parquet

        self.span = Span(0, 0, 0)
        self._path = path
        self._schema = schema
        self._rows_per_group = rows_per_group
        self._syncing = syncing
        self._draft = path.with_suffix(".parquet.open")
        self._parquet = parquet.ParquetWriter(self._draft, schema)
        self._group: list[pa.RecordBatch] = []
        self._grouped = 0

    def append(self, piece: Piece) -> None:
        """Take a batch into memory, or with those before it into the file."""
        self.span = self.span.joined(piece.sequence, piece.batch.num_rows)
        self._group.append(piece.batch)
        self._grouped += piece.batch.num_rows
        if self._grouped >= self._rows_per_group:
            self._write_group()

    def close(self) -> None:
        """Make the file whole, on stable storage, under its name."""
        if self._grouped:
            self._write_group()
        self._parquet.add_key_value_metadata({_SPAN: msgspec.json.encode(self.span).decode()})
        self._parquet.close()
        self._syncing.add(self._draft)
        self._syncing.wait()
        self._draft.replace(self._path)
        sync_file(self._path.parent)

    def abandon(self) -> None:
        """Remove what is there. Never raises."""
        with suppress(OSError, ValueError, RuntimeError):
            self._parquet.close()
        with suppress(OSError):
            self._draft.unlink()

    def _write_group(self) -> None:
        import pyarrow

        self._parquet.write_table(pyarrow.Table.from_batches(self._group, self._schema))
        self._group, self._grouped = [], 0
        self._syncing.add(self._draft)


class OpenPart:
    """The part that is being written: a Parquet file in the making, and the journal that outlives a crash."""

    def __init__(
        self, folder: Path, number: int, schema: pa.Schema, rows_per_group: int, syncing: SyncThread
    ) -> None:
        import pyarrow
        from pyarrow import ipc

        path = folder / f"part-{number:06d}.parquet"
        self._journal_path = path.with_suffix(".arrows")
        self._journal_file = pyarrow.OSFile(str(self._journal_path), "wb")
        self._journal = ipc.new_stream(self._journal_file, schema)
        self._file = PartFile(path, schema, rows_per_group, syncing)

    @property
    def span(self) -> Span:
        """What it holds."""
        return self._file.span

    def append(self, piece: Piece) -> None:
        """Take a batch; when it returns a crash of this process cannot lose it."""
        self._journal.write_batch(piece.batch, custom_metadata={_SEQUENCE: str(piece.sequence).encode()})
        self._file.append(piece)

    def close(self) -> None:
        """Make the Parquet file whole, on stable storage, and remove the journal."""
        self._file.close()
        self._journal.close()
        self._journal_file.close()
        self._journal_path.unlink()

    def abandon(self) -> None:
        """Let go of the files; the journal holds every row that was taken. Never raises."""
        with suppress(OSError, ValueError, RuntimeError):
            self._journal_file.close()
        self._file.abandon()


def arrow_schema(spec: RowSpec) -> pa.Schema:
    """Return the Arrow columns of rows of `spec`; raises `BadInputError` for a type that Arrow has not."""
    import pyarrow

    fields = []
    for name, dtype in spec.columns:
        try:
            fields.append((name, pyarrow.from_numpy_dtype(np.dtype(dtype).newbyteorder("="))))
        except pyarrow.ArrowNotImplementedError as error:
            raise BadInputError(
                f"column {name!r} of type {dtype!r} cannot be stored; use numbers or text"
            ) from error
    return pyarrow.schema(fields)


def arrow_batch(rows: NDArray[np.void], schema: pa.Schema) -> pa.RecordBatch:
    """Return structured `rows` (n,) as a batch with the columns of `schema`; a copy."""
    import pyarrow

    columns = [_arrow_array(rows[field.name], field.type) for field in schema]
    return pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def _arrow_array(column: NDArray[Any], of: pa.DataType) -> pa.Array[Any]:
    """Return a column (n,) as Arrow lays it out; a copy.

    ``pyarrow.array`` imports pandas first, wherever that is installed: half a second, and 50 MB.
    """
    import pyarrow

    plain = column.astype(column.dtype.newbyteorder("="), order="C")
    if plain.dtype.kind in "SU":
        texts = [one.encode() if isinstance(one, str) else one for one in plain.tolist()]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        content: list[Any] = [ends, b"".join(texts)]
    elif plain.dtype.kind == "b":
        content = [np.packbits(plain, bitorder="little")]
    else:
        content = [plain.view(np.uint8)]
    buffers = [None, *map(pyarrow.py_buffer, content)]  # none of them tells of missing values
    return pyarrow.Array.from_buffers(of, len(plain), buffers)


def closed_parts(folder: Path) -> list[Path]:
    """Return the whole parts of a table, in order."""
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=part_number)


def open_journals(folder: Path) -> list[Path]:
    """Return the journals of parts that are not whole, in order."""
    found = sorted(folder.glob("part-*.arrows"), key=part_number)
    return [path for path in found if not path.with_suffix(".parquet").exists()]


def part_number(path: Path) -> int:
    """Return the number of the part that `path` belongs to."""
    return int(path.name.split(".")[0].removeprefix("part-"))


def span_of(part: Path) -> Span:
    """Return what a whole part holds, from its footer alone."""
    from pyarrow import parquet

    notes = parquet.read_metadata(part).metadata or {}
    if _SPAN.encode() not in notes:
        raise BadInputError(f"{part} is no part that parfocal wrote")
    return msgspec.json.decode(notes[_SPAN.encode()], type=Span)


def pieces_of(journal: Path) -> Iterator[Piece]:
    """Yield the batches of a journal, up to where its writer was cut short.

    Raises
    ------
    OSError
        If the disk does not give what is in it: that is no end.
    """
    import pyarrow
    from pyarrow import ipc

    with pyarrow.OSFile(str(journal), "rb") as file:
        try:
            stream = ipc.open_stream(file)
            while True:
                batch, metadata = stream.read_next_batch_with_custom_metadata()
                yield Piece(int(metadata[_SEQUENCE]), batch)
        except (StopIteration, pyarrow.ArrowInvalid):  # the end, or a torn last batch
            return
        except OSError as error:
            if error.errno is not None:  # from the system; pyarrow's own word for a torn batch has no number
                raise


def finish_journal(journal: Path, schema: pa.Schema, rows_per_group: int, syncing: SyncThread) -> None:
    """Make a whole part out of the journal that a crash left behind; one that can't be read stays."""
    file = PartFile(journal.with_suffix(".parquet"), schema, rows_per_group, syncing)
    try:
        for piece in pieces_of(journal):
            file.append(piece)
        file.close()
    except BaseException:
        file.abandon()
        raise
    journal.unlink()


known(Span)
