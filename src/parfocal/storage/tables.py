"""A sink for rows: Parquet parts that are closed one after the other, and a journal of the part that is open.

Every append is in the journal (an Arrow stream) before it is acknowledged. Row groups go to the open part
as they fill; a part gets its name when it is whole, and its journal is removed then. So the cost of an append
does not depend on how many rows there are, and after a crash only one journal has to be read.

Rows with a column `frame` stay together: those of a frame lie in one part, which ends where the next begins.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, FolderVanishedError
from parfocal.core.files import sync_file
from parfocal.core.frames import blank_rows
from parfocal.core.status import UNKNOWN_NUMBER, StoredCount
from parfocal.storage.disk import storage_errors
from parfocal.storage.image import refuse_existing
from parfocal.storage.parts import (
    OpenPart,
    Piece,
    arrow_batch,
    arrow_schema,
    closed_parts,
    finish_journal,
    part_number,
    span_of,
)
from parfocal.storage.sync import SyncThread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import RowSpec

ROWS_PER_GROUP = 2**16
FRAME = "frame"
"""The column that says to which frame a row belongs."""
_WHOLE_AFTER_S = 1.0
"""A frame whose last rows are so old has no others to come."""
BATCH = 2**14
"""How many rows an append should bring where nobody says better."""


class PartLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a part is closed: when it holds `rows`, or when it has been open for `seconds`.

    Where rows belong to frames, that is at the end of a frame.
    """

    rows: int = 2**20
    seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.rows < 1 or not self.seconds > 0:
            raise BadInputError(f"a part of {self.rows} rows or {self.seconds} s would hold nothing")


def may_go_on(rows: np.dtype[Any], table: np.dtype[Any]) -> bool:
    """Whether rows may be appended to a table: columns of one name are of one type, and there are some.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.dtype([("number", "<i8"), ("power", "<f8")])
    >>> may_go_on(np.dtype([("number", "<i8"), ("mask_read", "i1")]), table)
    True
    >>> may_go_on(np.dtype([("number", "<i4")]), table)
    False
    """
    shared = set(rows.names or ()) & set(table.names or ())
    return bool(shared) and all(rows[name] == table[name] for name in shared)


def fitted(rows: NDArray[np.void], table: np.dtype[Any]) -> NDArray[np.void]:
    """Return rows with the columns of a table; what they do not have is NaN, -1, 0 if unsigned, or "".

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([(7, 1)], [("number", "<i8"), ("mask_read", "i1")])
    >>> fitted(rows, np.dtype([("number", "<i8"), ("power", "<f8")])).tolist()
    [(7, nan)]
    """
    found = blank_rows(table, len(rows))
    for name in set(table.names or ()) & set(rows.dtype.names or ()):
        found[name] = rows[name]
    return found


class RowSink:
    """Appends rows to a table, a folder of Parquet parts; a `parfocal.core.protocols.Sink`.

    The table can be read at any moment with `read_rows`. Make one with `create` or `resume`.

    Attributes
    ----------
    stored : int
        Rows in the table.
    next_sequence : int
        Number in the stream of the row that is expected next; numbers that were skipped are lost rows.
    """

    patience_s = 0.05

    def __init__(
        self, folder: Path, spec: RowSpec, first_sequence: int, limits: PartLimits, batch: int, clock: Clock
    ) -> None:
        self.folder = folder
        self.batch = batch
        self.stored = 0
        self.next_sequence = first_sequence
        self._first_sequence = first_sequence
        self._dtype = spec.numpy_dtype
        self._takes_others = False
        self._schema = arrow_schema(spec)
        self._limits = limits
        self._clock = clock
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._part: OpenPart | None = None
        self._part_number = 0
        self._part_opened_ns = self._appended_ns = 0
        self._has_frames = FRAME in (self._dtype.names or ())
        self._last_frame: int | None = None
        self._asked = False

    @classmethod
    def create(
        cls,
        folder: Path,
        spec: RowSpec,
        *,
        first_sequence: int = 0,
        limits: PartLimits = PartLimits(),  # noqa: B008  frozen
        batch: int = BATCH,
        clock: Clock = SYSTEM_CLOCK,
    ) -> RowSink:
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
        batch : int
            How many rows an `append` should bring, if there are so many.
        clock : Clock
            Tells the age of a part.

        Raises
        ------
        AlreadyExistsError
            If there is something at `folder`.
        """
        sink = cls(folder, spec, first_sequence, limits, batch, clock)
        refuse_existing(folder)
        with storage_errors(folder.parent):
            folder.mkdir(parents=True)
            sink._open_part()
        return sink

    @classmethod
    def resume(
        cls,
        folder: Path,
        spec: RowSpec,
        *,
        first_sequence: int = 0,
        limits: PartLimits = PartLimits(),  # noqa: B008  frozen
        batch: int = BATCH,
        clock: Clock = SYSTEM_CLOCK,
    ) -> RowSink:
        """Go on with a table whose writer ended without closing it: its journal becomes a part.

        What is appended may have other columns by now, as of a later version: the table keeps its own.
        """
        sink = cls(folder, spec, first_sequence, limits, batch, clock)
        sink._takes_others = True
        with storage_errors(folder):
            for journal in list(folder.glob("part-*.arrows")):
                if journal.with_suffix(".parquet").exists():
                    journal.unlink()
                else:
                    finish_journal(journal, sink._schema, ROWS_PER_GROUP, sink._syncing)
            for part in closed_parts(folder):
                span = span_of(part)
                sink.stored += span.rows
                if span.rows:
                    sink.next_sequence = span.next
                sink._part_number = part_number(part) + 1
        return sink

    def count(self, end: int = 0, next_number: int = UNKNOWN_NUMBER) -> StoredCount:
        """Return what is stored of all that was produced before number `end` of the stream."""
        del next_number  # rows have no numbers of their own
        expected = max(end, self.next_sequence) - self._first_sequence
        return StoredCount(expected=expected, stored=self.stored, unsynced=self._syncing.failed)

    def append(self, items: NDArray[np.void], sequence: int | None = None, *, more: bool = False) -> None:
        """Take rows, a structured array (n,); when it returns, a crash of this process cannot lose them.

        Rows that are in the table already are left out, so that what is offered again after a restart is
        stored once. Parameters and errors as in `parfocal.core.protocols.Sink`; without `sequence` they
        follow.
        """
        del more  # each append is in the journal at once
        rows = items
        if self._takes_others and rows.dtype != self._dtype and may_go_on(rows.dtype, self._dtype):
            rows = fitted(rows, self._dtype)
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
            begins = max(first, self.next_sequence)
            if (cut := self._cut_in(fresh)) is not None:
                self._store(begins, fresh[:cut])
                self._close_part()
                begins, fresh = begins + cut, fresh[cut:]
            self._store(begins, fresh)
            self.tend()

    def begin_part(self) -> None:
        """Have a new part begin with the next frame, or the next row. Any thread; returns at once."""
        self._asked = True

    @property
    def begins_part(self) -> bool:
        """Whether a part that was asked for has not begun yet. Any thread."""
        return self._asked

    @property
    def part(self) -> int:
        """Number of the part that rows go to, from 0. Any thread."""
        return self._part_number - (self._part is not None)

    def tend(self) -> None:
        """Close the open part if that is due; call it now and then when no rows come."""
        if self._is_due() and (not self._has_frames or self._idle_s >= _WHOLE_AFTER_S):
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

    def __enter__(self) -> RowSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _idle_s(self) -> float:
        return (self._clock.monotonic_ns() - self._appended_ns) * 1e-9

    def _is_due(self) -> bool:
        """Return whether the open part shall end: it is full, or old, or somebody asked for another one."""
        if self._part is None or (self._asked and not self._part.span.rows):
            self._asked = False  # what comes next goes to a new part anyway
        if self._part is None:
            return False
        age_s = (self._clock.monotonic_ns() - self._part_opened_ns) * 1e-9
        return self._asked or self._part.span.rows >= self._limits.rows or age_s >= self._limits.seconds

    def _cut_in(self, rows: NDArray[np.void]) -> int | None:
        """Return which of `rows` is the first of a new part; None if there is none yet."""
        if not self._has_frames or not self._is_due():
            return None
        if self._last_frame is None:
            return 0
        others = (rows[FRAME] != self._last_frame).nonzero()[0]
        return int(others[0]) if len(others) else None

    def _store(self, sequence: int, rows: NDArray[np.void]) -> None:
        if not len(rows):
            return
        self._open_part().append(Piece(sequence, arrow_batch(rows, self._schema)))
        self._appended_ns = self._clock.monotonic_ns()
        self.stored += len(rows)
        self.next_sequence = sequence + len(rows)
        if self._has_frames:
            self._last_frame = int(rows[FRAME][-1])

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
            self._asked = False
