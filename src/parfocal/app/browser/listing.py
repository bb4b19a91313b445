"""What is in a folder, and what has changed in it since it was listed before. For the process that reads."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from parfocal.app.browser.messages import Listed
from parfocal.app.browser.names import components_of
from parfocal.app.browser.recognise import RUN_FILE, kind_of_file, kind_of_folder
from parfocal.app.browser.rows import ImageRow
from parfocal.core.errors import reason_of
from parfocal.formats import ZARR_FILES
from parfocal.formats.ndtiff import INDEX

_BATCH = 500
_TELLING = (RUN_FILE, *ZARR_FILES, INDEX)
Stamp = tuple[int, int]


class FolderListing:
    """Lists folders; remembers of each what was in it. One thread at a time."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Stamp]] = {}
        self._places: dict[tuple[int, int], str] = {}

    def list_folder(self, folder: str) -> Iterator[Listed]:
        """Yield what is new, has changed or is gone; a folder that cannot be listed says why."""
        try:
            status = os.stat(folder)
            place = status.st_dev, status.st_ino
            if self._places.setdefault(place, folder) != folder:
                yield Listed(folder, problem=f"it is the folder {self._places[place]}, by another name")
                return
            with os.scandir(folder) as entries:
                files, folders = _sorted_out(entries)
        except OSError as error:
            yield Listed(folder, problem=reason_of(error))
            return
        kind = kind_of_folder(files, folders)
        if kind:
            yield self._data_set(folder, kind)
        else:
            yield from self._changes(folder, files, [os.path.join(folder, name) for name in folders])

    def _changes(
        self, folder: str, files: dict[str, os.DirEntry[str]], folders: list[str]
    ) -> Iterator[Listed]:
        before, now, rows = self._seen.get(folder, {}), {}, []
        for name, entry in files.items():
            kind = kind_of_file(name)
            if not kind:
                continue
            try:
                status = entry.stat()
            except OSError:  # it is gone by now, or a link that leads nowhere
                continue
            path = entry.path
            now[path] = status.st_mtime_ns, status.st_size
            if before.get(path) != now[path]:
                rows.append(_row_of_file(path, folder, name, kind, now[path]))
            if len(rows) == _BATCH:
                yield Listed(folder, folders=folders, rows=rows, last=False)
                rows = []
        self._seen[folder] = now
        yield Listed(folder, folders=folders, rows=rows, gone=[path for path in before if path not in now])

    def _data_set(self, folder: str, kind: str) -> Listed:
        stamps = {folder: _stamp_of_data_set(Path(folder))}
        rows = []
        if self._seen.get(folder) != stamps:
            rows = [_row_of_data_set(folder, kind, stamps[folder])]
        gone = [path for path in self._seen.get(folder, {}) if path != folder]
        self._seen[folder] = stamps
        return Listed(folder, kind, rows=rows, gone=gone)


def _sorted_out(entries: Iterator[os.DirEntry[str]]) -> tuple[dict[str, os.DirEntry[str]], list[str]]:
    """Return the files by name, and the names of the folders that are not hidden, in order."""
    files: dict[str, os.DirEntry[str]] = {}
    folders = []
    for entry in entries:
        try:
            is_folder = entry.is_dir()
        except OSError:
            continue
        if not is_folder:
            files[entry.name] = entry
        elif not entry.name.startswith("."):
            folders.append(entry.name)
    return dict(sorted(files.items())), sorted(folders)


def _stamp_of_data_set(folder: Path) -> Stamp:
    """Return when a data set was changed last, as far as the files tell that describe it."""
    newest = size = 0
    for name in _TELLING:
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            newest, size = max(newest, status.st_mtime_ns), size + status.st_size
    return newest, size


def _row_of_file(path: str, folder: str, name: str, kind: str, stamp: Stamp) -> ImageRow:
    return replace(_row(path, folder, name, kind, stamp), **components_of(name.partition(".")[0]))


def _row_of_data_set(path: str, kind: str, stamp: Stamp) -> ImageRow:
    return _row(path, *os.path.split(path), kind, stamp)


def _row(path: str, folder: str, name: str, kind: str, stamp: Stamp) -> ImageRow:
    return ImageRow(
        path=path, source=path, folder=folder, name=name, kind=kind, time_ns=stamp[0], nbytes=stamp[1]
    )
