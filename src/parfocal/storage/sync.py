"""Brings files and folders to stable storage, at once or in a thread beside their writer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from parfocal.core.files import sync_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class SyncThread:
    """Brings what a writer has written to stable storage while it goes on, so that its end is short.

    One path after the other, in a thread that begins with the first. The writer does not wait for the disk;
    what does is a name for each file, and the system bounds how much of them may be in memory.

    Parameters
    ----------
    name : str
        Of the thread.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     syncing = SyncThread("sync")
    ...     syncing.add(Path(file.name))
    ...     syncing.close()  # returns when the file is on stable storage
    """

    def __init__(self, name: str) -> None:
        self._error: Exception | None = None
        self._waiting: set[tuple[Path, Callable[[Path], None]]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def add(self, path: Path, folders: int = 0) -> None:
        """Have a file, or a folder and all in it, brought to stable storage soon. Returns at once.

        What waits for its turn already is not added twice.

        Parameters
        ----------
        path : Path
            What to bring there.
        folders : int
            How many of the folders around it are new, too.
        """
        self._add(path, sync_tree)
        for folder in path.parents[:folders]:
            self._add(folder, sync_file)

    @property
    def failed(self) -> bool:
        """Whether something was kept from stable storage."""
        return self._error is not None

    def check(self) -> None:
        """Raise what kept something from stable storage, mostly an OSError; its content may be lost."""
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Return when everything that was added is on stable storage. Raises as `check` does."""
        self._thread.submit(self.check).result()

    def close(self) -> None:
        """Wait, and end. Idempotent. Raises as `check` does."""
        self._thread.shutdown()
        self.check()

    def abandon(self) -> None:
        """Take no more, and wait for nothing; what was added is still synced. Idempotent."""
        self._thread.shutdown(wait=False)

    def _add(self, path: Path, how: Callable[[Path], None]) -> None:
        if (path, how) not in self._waiting:
            self._waiting.add((path, how))
            self._thread.submit(self._sync, path, how)

    def _sync(self, path: Path, how: Callable[[Path], None]) -> None:
        self._waiting.discard((path, how))  # before: what is written from now on is another turn's
        try:
            how(path)
        except Exception as error:  # noqa: BLE001 (border of the thread: `check` raises it)
            self._error = self._error or error


def sync_tree(path: Path) -> None:
    """Return only after the file at `path`, or the folder and all in it, is on stable storage."""
    if path.is_dir():
        with suppress(FileNotFoundError):  # removed since it was listed
            for entry in path.iterdir():
                sync_tree(entry)
    sync_file(path)
