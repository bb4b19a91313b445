"""Which rows are shown, in which order: kept up to date while rows come, without sorting all anew. Pure.

For a thread beside the window's: nothing here holds the interpreter for longer than some milliseconds.
"""

from __future__ import annotations

import os
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable
from heapq import merge

import msgspec

from parfocal.app.browser.columns import SortKey, key_of
from parfocal.app.browser.filters import RowFilter, parse_filter
from parfocal.app.browser.rows import ImageRow

Key = tuple[str, int]
Entry = tuple[SortKey, SortKey, Key]
_FEW = 50
_SORTED_AT_ONCE = 4000


class RowChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has chosen to see.

    Attributes
    ----------
    folder : str
        Only what lies in it, or in what is in it; "" for all.
    search : str
        As `parfocal.app.browser.filters` reads it.
    columns : dict of str to str
        Conditions by column.
    sort : str
        The column by which rows are sorted; "" for folder and name.
    descending : bool
        Last first; what is empty stays last.
    """

    folder: str = ""
    search: str = ""
    columns: dict[str, str] = {}
    sort: str = ""
    descending: bool = False


class Arrangement:
    """Rows by their key, and the order of those that are shown.

    Examples
    --------
    >>> rows = Arrangement()
    >>> rows.put([ImageRow(path=f"/d/t{n}.tif", folder="/d", name=f"t{n}.tif", well="A01") for n in (10, 9)])
    >>> [row.name for row in rows.shown()], rows.wells
    (['t9.tif', 't10.tif'], Counter({'A01': 2}))
    >>> rows.choose(RowChoice(search="t10"))
    >>> [row.name for row in rows.shown()], len(rows)
    (['t10.tif'], 2)
    """

    def __init__(self) -> None:
        self._rows: dict[Key, ImageRow] = {}
        self._order: list[Entry] = []
        self._entries: dict[Key, Entry] = {}  # of those in the order
        self._dropped: set[int] = set()  # entries in the order that are out of date, by id
        self._new: dict[Key, None] = {}
        self._changed: dict[Key, None] = {}  # rows whose place in the order is still the right one
        self._found: list[ImageRow] | None = []  # of the order, None where it has to be made anew
        self.choice = RowChoice()
        self._filter = self._any_well = RowFilter()
        self.wells: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def choose(self, choice: RowChoice) -> None:
        """Show other rows, or in another order."""
        self.choice = choice
        self._filter = parse_filter(choice.search, choice.columns)
        self._any_well = self._filter.without("well")
        self._order, self._entries, self._dropped = [], {}, set()
        self._new, self._changed, self._found = dict.fromkeys(self._rows), {}, []
        self.wells = Counter()
        for row in self._rows.values():
            self._count(row, 1)

    def put(self, rows: Iterable[ImageRow]) -> None:
        """Take rows in, in place of those with the same key."""
        for row in rows:
            key = row.key
            before = self._rows.get(key)
            if before is not None:
                self._count(before, -1)
            self._rows[key] = row
            self._count(row, 1)
            if before is not None and self._stays(key, before, row):
                self._changed[key] = None
            else:
                self._take_out(key)
                self._new[key] = None

    def _stays(self, key: Key, before: ImageRow, row: ImageRow) -> bool:
        """Whether a row that was shown has its old place."""
        entry = self._entries.get(key)
        if entry is None or not self._is_shown(row):
            return False
        same_place = (before.name, before.folder) == (row.name, row.folder)
        return same_place if not self.choice.sort else self._entry(row) == entry

    def remove(self, keys: Iterable[Key]) -> None:
        """Let go of rows; keys of none are nothing."""
        for key in keys:
            if key in self._rows:
                self._count(self._rows.pop(key), -1)
                self._take_out(key)

    def shown(self) -> list[ImageRow]:
        """Return the rows that are shown, in order: a list of its own."""
        rows = self._rows
        if self._dropped:
            self._order = [entry for entry in self._order if id(entry) not in self._dropped]
            self._dropped, self._found = set(), None
        self._put_in([rows[key] for key in self._new if key in rows and self._is_shown(rows[key])])
        self._new = {}
        if self._found is None:
            self._found = [rows[entry[2]] for entry in self._order]
        for key in self._changed:
            entry = self._entries.get(key)
            if entry is not None:
                self._found[bisect_left(self._order, entry)] = rows[key]
        self._changed = {}
        return _last_first(self._found, self.choice) if self.choice.descending else self._found.copy()

    def _put_in(self, rows: list[ImageRow]) -> None:
        """Put rows where they belong: those that follow all others at the end, which costs least."""
        fresh = _sorted_in_parts([self._entry(row) for row in rows])
        self._entries.update((entry[2], entry) for part in fresh for entry in part)
        if len(fresh) == 1 and (not self._order or fresh[0][0] >= self._order[-1]):
            self._order += fresh[0]
            if self._found is not None:
                self._found += [self._rows[entry[2]] for entry in fresh[0]]
        elif fresh:
            self._order, self._found = _merged(self._order, fresh), None

    def _take_out(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._dropped.add(id(entry))

    def _count(self, row: ImageRow, number: int) -> None:
        """Count the wells of all rows that would be shown if no well were chosen."""
        if row.well and self._lies_within(row) and self._any_well.matches(row):
            self.wells[row.well] += number

    def _is_shown(self, row: ImageRow) -> bool:
        return self._lies_within(row) and self._filter.matches(row)

    def _lies_within(self, row: ImageRow) -> bool:
        folder = self.choice.folder
        if not folder or row.folder == folder or row.source == folder:
            return True
        return row.folder.startswith(folder.rstrip(os.sep) + os.sep)

    def _entry(self, row: ImageRow) -> Entry:
        first = key_of(row, self.choice.sort) if self.choice.sort else _folder_key(row)
        return first, key_of(row, "name"), row.key


def _folder_key(row: ImageRow) -> SortKey:
    return 0, 0.0, (row.folder,)


def _sorted_in_parts(entries: list[Entry]) -> list[list[Entry]]:
    """Return entries in parts, each in order: to sort very many at once would hold the interpreter."""
    starts = range(0, len(entries), _SORTED_AT_ONCE)
    return [sorted(entries[start : start + _SORTED_AT_ONCE]) for start in starts]


def _merged(order: list[Entry], fresh: list[list[Entry]]) -> list[Entry]:
    """Return lists that are in order as one; may change and return the first."""
    if sum(len(part) for part in fresh) * _FEW > len(order):
        return [*merge(order, *fresh)]
    for part in fresh:
        for entry in part:
            insort(order, entry)
    return order


def _last_first(rows: list[ImageRow], choice: RowChoice) -> list[ImageRow]:
    """Return rows in reverse; those without a value in the column stay last."""
    column = choice.sort or "name"
    empty = 0
    for row in reversed(rows):
        if key_of(row, column)[0] != 2:
            break
        empty += 1
    full = rows[: len(rows) - empty]
    return [*reversed(full), *rows[len(rows) - empty :]]
