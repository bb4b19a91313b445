"""Rows on disk: Parquet parts that are closed one after the other, and a journal of the part that is open.

Every append is in the journal (an Arrow stream) before it is acknowledged. Row groups go to the open part
as they fill; a part gets its name when it is whole, and its journal is removed then. So the cost of an append
does not depend on how many rows there are, and after a crash only one journal has to be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError, StorageError
from parfocal.core.files import sync_file
from parfocal.storage.disk import storage_errors
from parfocal.storage.outcome import Count
from parfocal.storage.parts import (
    OpenPart,
    Piece,
    arrow_batch,
    arrow_schema,
    closed_parts,
    finish_journal,
    open_journals,
    part_number,
    pieces_of,
    span_of,
)
from parfocal.storage.sync import SyncThread

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from parfocal.core.frames import RowSpec

ROWS_PER_GROUP = 2**16
_TRIES = 20


class PartLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a part is closed: when it holds `rows`, or when it has been open for `seconds`."""

    rows: int = 2**20
    seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.rows < 1 or not self.seconds > 0:
            raise BadInputError(f"a part of {self.rows} rows or {self.seconds} s would hold nothing")


class RowStore:
    """Appends rows to a table: a folder of Parquet parts, readable at any moment with `read_rows`.

    Make one with `create` or `resume`. Not thread-safe: one thread at a time.

    Attributes
    ----------
    stored : int
        Rows in the table.
    next_sequence : int
        Number in the stream of the row that is expected next; numbers that were skipped are lost rows.
    """

    def __init__(
        self, folder: Path, spec: RowSpec, first_sequence: int, limits: PartLimits, clock: Clock
    ) -> None:
        self.folder = folder
        self.stored = 0
        self.next_sequence = first_sequence
        self._first_sequence = first_sequence
        self._dtype = spec.numpy_dtype
        self._schema = arrow_schema(spec)
        self._limits = limits
        self._clock = clock
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._part: OpenPart | None = None
        self._part_number = 0
        self._part_opened_ns = 0

    @classmethod
    def create(
        cls,
        folder: Path,
        spec: RowSpec,
        *,
        first_sequence: int = 0,
        limits: PartLimits = PartLimits(),  # noqa: B008  frozen
        clock: Clock = SYSTEM_CLOCK,
    ) -> RowStore:
        """Make an empty table.

        Parameters
        ----------
        folder : Path
            Of the table; must not exist.
        spec : RowSpec
            Its columns.
        first_sequence : int
            Number in the stream of its first row.
        limits : PartLimits
            When a part is closed and the next one begins.
        clock : Clock
            Tells the age of a part.

        Raises
        ------
        AlreadyExistsError
            If there is something at `folder`.
        """
        store = cls(folder, spec, first_sequence, limits, clock)
        if folder.exists():
            raise AlreadyExistsError(
                f"{folder} exists; a recording is never overwritten, choose another name"
            )
        with storage_errors(folder.parent):
            folder.mkdir(parents=True)
            store._open_part()
        return store

    @classmethod
    def resume(
        cls,
        folder: Path,
        spec: RowSpec,
        *,
        first_sequence: int = 0,
        limits: PartLimits = PartLimits(),  # noqa: B008  frozen
        clock: Clock = SYSTEM_CLOCK,
    ) -> RowStore:
        """Go on with a table whose writer ended without closing it: its journal becomes a part."""
        store = cls(folder, spec, first_sequence, limits, clock)
        with storage_errors(folder):
            for journal in list(folder.glob("part-*.arrows")):
                if journal.with_suffix(".parquet").exists():
                    journal.unlink()
                else:
                    finish_journal(journal, store._schema, ROWS_PER_GROUP, store._syncing)
            for part in closed_parts(folder):
                span = span_of(part)
                store.stored += span.rows
                if span.rows:
                    store.next_sequence = span.next
                store._part_number = part_number(part) + 1
        return store

    def count(self, end: int = 0) -> Count:
        """Return what is stored of all that was produced before number `end` of the stream."""
        expected = max(end, self.next_sequence) - self._first_sequence
        return Count(expected=expected, stored=self.stored, uncounted=self._syncing.failed)

    def append(self, rows: NDArray[np.void], sequence: int | None = None) -> None:
        """Take rows; when it returns, a crash of this process cannot lose them.

        Parameters
        ----------
        rows : structured array (n,)
            With the dtype of the table. Copied.
        sequence : int, optional
            Number in the stream of the first one. Rows that are in the table already are left out, so that
            what is offered again after a restart is stored once.

        Raises
        ------
        BadInputError
            If the columns are others.
        DiskFullError, FolderVanishedError, StorageError
            If they could not be written; rows taken before stay readable.
        """
        if rows.dtype != self._dtype:
            raise BadInputError(
                f"rows with columns {rows.dtype} do not fit into {self.folder.name}: {self._dtype}"
            )
        first = self.next_sequence if sequence is None else sequence
        fresh = rows[max(0, self.next_sequence - first) :]
        if not len(fresh):
            return
        if not self.folder.is_dir():
            raise FolderVanishedError(f"the folder {self.folder} disappeared while it was written")
        with storage_errors(self.folder):
            self._syncing.check()
            piece = Piece(max(first, self.next_sequence), arrow_batch(fresh, self._schema))
            self._open_part().append(piece)
            self.stored += len(fresh)
            self.next_sequence = piece.sequence + len(fresh)
            self.rotate_if_due()

    def rotate_if_due(self) -> None:
        """Close the open part if it is full or old; call it now and then when no rows come."""
        if self._part is None:
            return
        age_s = (self._clock.monotonic_ns() - self._part_opened_ns) * 1e-9
        if self._part.span.rows >= self._limits.rows or age_s >= self._limits.seconds:
            self._close_part()

    def close(self) -> None:
        """Close the open part; all rows are on stable storage then. Idempotent."""
        if self._part is not None:
            self._close_part()
        with storage_errors(self.folder):
            sync_file(self.folder)  # names that a process before this one gave
            self._syncing.close()

    def abandon(self) -> None:
        """Let go of the files without writing, after an error. `read_rows` still finds every row taken."""
        if self._part is not None:
            self._part.abandon()
            self._part = None
        self._syncing.abandon()

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_part(self) -> OpenPart:
        if self._part is None:
            self._part = OpenPart(self.folder, self._part_number, self._schema, ROWS_PER_GROUP, self._syncing)
            self._part_number += 1
            self._part_opened_ns = self._clock.monotonic_ns()
        return self._part

    def _close_part(self) -> None:
        assert self._part is not None
        with storage_errors(self.folder):
            self._part.close()
            self._part = None


def read_rows(folder: Path) -> pa.Table:
    """Return all rows of a table, also those of a part that is open, or was open when its writer died.

    Raises
    ------
    BadInputError
        If there is no table at `folder`.
    OSError
        If the disk does not give what is in it.
    """
    if not folder.is_dir():
        raise BadInputError(f"there is no table at {folder}")
    for _ in range(_TRIES):
        try:
            return _snapshot(folder)
        except FileNotFoundError:  # a part was closed, and its journal removed, while we looked
            continue
    raise StorageError(f"{folder} changed all the time while it was read; try again")


def _snapshot(folder: Path) -> pa.Table:
    import pyarrow
    from pyarrow import parquet

    journals = {part_number(path): path for path in open_journals(folder)}
    tables = {part_number(path): parquet.read_table(path) for path in closed_parts(folder)}
    for number in sorted(set(journals) - set(tables)):
        batches = [piece.batch for piece in pieces_of(journals[number])]
        if batches:
            tables[number] = pyarrow.Table.from_batches(batches)
    if not tables:
        return pyarrow.table({})
    return pyarrow.concat_tables(table.replace_schema_metadata() for _, table in sorted(tables.items()))
