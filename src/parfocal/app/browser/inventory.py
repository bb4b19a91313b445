"""What is known of a folder and all that is in it, and what is still to be asked. Pure.

::

    next_request() ──> ListFolder, ReadRows ──> worker ──> take(answer)      one request at a time
                                                  └──────> failed(reason)    it ended, or took too long
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from parfocal.app.browser.arrangement import Arrangement, Key
from parfocal.app.browser.messages import Answer, Listed, ListFolder, ReadRows, Request, RowsRead
from parfocal.app.browser.rows import ImageRow

_AT_ONCE = 24
"""So many files are asked for in one request."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as the tree shows it: a data set of several images is one, too.

    Attributes
    ----------
    path, parent : str
        Where it lies; `parent` is "" for the one that is browsed.
    kind : str
        Of a data set; "" for a folder.
    problem : str
        Why it cannot be listed.
    """

    path: str
    parent: str = ""
    kind: str = ""
    problem: str = ""


class ScanProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the scan is.

    Attributes
    ----------
    images, problems : int
        How many are known; how many of these cannot be read.
    unread, unlisted : int
        Files and data sets still to be read, folders still to be listed.
    """

    images: int = 0
    problems: int = 0
    unread: int = 0
    unlisted: int = 0


class Inventory:
    """Rows and folders, as answers tell them. One thread at a time.

    Parameters
    ----------
    root : str
        The folder that is browsed.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.rows = Arrangement()
        self.folders: dict[str, Folder] = {root: Folder(path=root)}
        self._children: dict[str, set[str]] = {}
        self._unlisted: deque[str] = deque([root])
        self._unread: OrderedDict[str, ImageRow] = OrderedDict()  # by source
        self._keys: dict[str, tuple[Key, ...]] = {}  # of the rows of each source
        self._fresh: dict[str, set[Key]] = {}  # of a source that is being read, so far
        self._sources: dict[str, ImageRow] = {}  # as they were listed
        self._problems: set[Key] = set()
        self._going_on: set[str] = set()
        self._asked: list[ImageRow] = []
        self._one_by_one = 0

    @property
    def progress(self) -> ScanProgress:
        """How far it is."""
        return ScanProgress(
            images=len(self.rows),
            unread=len(self._unread) + len(self._asked),
            problems=len(self._problems),
            unlisted=len(self._unlisted),
        )

    def want(self, sources: Iterable[str]) -> None:
        """Have these read before others: they are seen."""
        for source in reversed(list(sources)):
            if source in self._unread:
                self._unread.move_to_end(source, last=False)

    def rescan(self) -> None:
        """List all folders again, and read again what goes on."""
        if not self._unlisted:
            self._unlisted.extend(self.folders)
            for source in self._going_on:
                if source in self._sources:
                    self._unread.setdefault(source, self._sources[source])

    def next_request(self) -> Request | None:
        """Return what is to be asked next: what is seen is read between the folders; None if all is known."""
        if self._unlisted:
            return ListFolder(self._unlisted[0])
        number = 1 if self._one_by_one else min(_AT_ONCE, len(self._unread))
        self._asked = [self._unread.popitem(last=False)[1] for _ in range(min(number, len(self._unread)))]
        return ReadRows(self._asked) if self._asked else None

    def take(self, answer: Answer) -> None:
        """Take in what was answered."""
        if isinstance(answer, Listed):
            self._take_listed(answer)
        elif isinstance(answer, RowsRead):
            self._take_read(answer)

    def failed(self, reason: str) -> None:
        """Take in that the worker broke off: one read alone has the fault, several are read one by one."""
        if self._unlisted and not self._asked:
            self._give_up(self._unlisted.popleft(), reason)
            return
        asked, self._asked = self._asked, []
        if len(asked) == 1:
            self._put(
                asked[0].source,
                [replace(asked[0], problem=f"the process that read it {reason}", is_read=True)],
            )
            self._one_by_one = max(0, self._one_by_one - 1)
            return
        self._one_by_one = len(asked)
        for row in reversed(asked):
            self._unread[row.source] = row
            self._unread.move_to_end(row.source, last=False)

    def _take_listed(self, listed: Listed) -> None:
        for row in listed.rows:
            known = self._sources.get(row.source)
            if known == row:  # another worker, which lists it for the first time
                continue
            self._sources[row.source] = self._unread[row.source] = row
            if known is None:
                self._put(row.source, [row])
        for source in listed.gone:
            self._forget(source)
        if not listed.last:
            return
        if self._unlisted and self._unlisted[0] == listed.folder:
            self._unlisted.popleft()
        folder = self.folders.get(listed.folder)
        if folder is not None:
            self.folders[listed.folder] = replace(folder, kind=listed.kind, problem=listed.problem)
        if listed.problem or listed.kind:
            self._forget_inside(listed.folder, ())
            return
        for path in listed.folders:
            if path not in self.folders:
                self.folders[path] = Folder(path=path, parent=listed.folder)
                self._unlisted.append(path)
        self._children.setdefault(listed.folder, set()).update(listed.folders)
        self._forget_inside(listed.folder, listed.folders)

    def _take_read(self, read: RowsRead) -> None:
        by_source: dict[str, list[ImageRow]] = {source: [] for source in read.sources}
        for row in read.rows:
            by_source.setdefault(row.source, []).append(row)
        for source, rows in by_source.items():
            if source == read.partial:
                self._put(source, rows, whole=False)
                self._fresh.setdefault(source, set()).update(row.key for row in rows)
                continue
            self._put(source, rows)
            self._fresh.pop(source, None)
            goes_on = any(row.outcome == "recording" for row in rows)
            (self._going_on.add if goes_on else self._going_on.discard)(source)
        done = set(read.sources)
        self._asked = [row for row in self._asked if row.source not in done]
        if self._one_by_one:
            self._one_by_one -= len(done)

    def _put(self, source: str, rows: list[ImageRow], *, whole: bool = True) -> None:
        """Take rows of a source in; once they are whole, what it had before and has no more is forgotten."""
        keys = self._keys.get(source, ())
        fresh = {row.key for row in rows} | self._fresh.get(source, set())
        if whole:
            self._remove(set(keys) - fresh)
        else:
            fresh.update(keys)
        self._keys[source] = tuple(fresh)
        for row in rows:
            (self._problems.add if row.problem else self._problems.discard)(row.key)
        self.rows.put(rows)

    def _forget(self, source: str) -> None:
        self._remove(set(self._keys.pop(source, ())))
        for known in (self._sources, self._unread):
            known.pop(source, None)
        self._going_on.discard(source)

    def _remove(self, keys: set[Key]) -> None:
        self._problems -= keys
        self.rows.remove(keys)

    def _forget_inside(self, folder: str, there: Iterable[str]) -> None:
        """Forget the folders in a folder that are there no more, with all that they held."""
        gone = self._children.get(folder, set()) - set(there)
        self._children[folder] = self._children.get(folder, set()) - gone
        for path in gone:
            self._forget_inside(path, ())
            self.folders.pop(path, None)
            for source in [source for source, row in self._sources.items() if path in (row.folder, source)]:
                self._forget(source)

    def _give_up(self, folder: str, reason: str) -> None:
        known = self.folders.get(folder)
        if known is not None:
            self.folders[folder] = replace(known, problem=f"the process that listed it {reason}")
