"""What a person has written and not saved yet: kept in a file, so that it is there again whatever happens."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from parfocal.core.files import replace_file
from parfocal.core.reminder import Reminder
from parfocal.processes.directory import state_folder
from parfocal.processes.locks import FileLock

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_FOLDER = "_desktop"
_MOST = 100


def drafts_folder(rig: str) -> Path:
    """Return where the drafts of a rig are; it need not be there."""
    return state_folder(_FOLDER) / "drafts" / rig


class DraftFile:
    """Keeps one draft, in a thread of its own: a slow disk never holds the window up.

    Each window has drafts of its own. A file is locked while a window has it; one that is closed or killed
    leaves it for the next. A kill at any moment leaves the newest draft whole, or the one before.

    Parameters
    ----------
    folder : Path
        Where drafts are.
    kind : str
        What it is a draft of; part of the name of its file.

    Attributes
    ----------
    found : bytes or None
        What an earlier window has left; b"" for nothing, None before that is known.
    error : str
        Why it can't be kept; "" while it can.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.found: bytes | None = None
        self.error = ""
        self._folder, self._kind = folder, kind
        self._changed = threading.Event()
        self._newest: bytes | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._follow, name=f"draft {kind}", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the draft of a {kind}")

    def keep(self, content: bytes) -> None:
        """Have this kept in place of what was kept before. Never waits."""
        self._newest = content
        self._changed.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write the newest one, wait no longer than that, and leave it for the next window. Idempotent."""
        self._reminder.cancel()
        self._closed = True
        self._changed.set()
        self._thread.join(timeout_s)

    def _follow(self) -> None:
        lock, path, written = None, self._folder / f"{self._kind}.json", b""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock, path = self._free_place()
            written = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            self._tell(error)
        self.found = written
        while not self._closed or self._newest not in (None, written):
            self._changed.wait()
            self._changed.clear()
            content = self._newest
            if content is not None and content != written:
                written = self._write(path, content) if lock is not None else content
        if lock is not None:
            lock.release()

    def _free_place(self) -> tuple[FileLock, Path]:
        """Return the first place that no other window has: drafts that were left come before new ones."""
        for number in range(1, _MOST + 1):
            lock = FileLock.acquire(self._folder / f"{self._kind}-{number}.lock", self._kind)
            if lock is not None:
                return lock, self._folder / f"{self._kind}-{number}.json"
        raise OSError(f"{_MOST} windows have a draft of a {self._kind} already")

    def _write(self, path: Path, content: bytes) -> bytes:
        """Write a content; return it also if that failed: it is tried again with the next change."""
        try:
            replace_file(path, content, durable=True)
            self.error = ""
        except OSError as error:
            self._tell(error)
        return content

    def _tell(self, error: OSError) -> None:
        self.error = f"what is not saved can't be kept: {error}"
        _LOG.warning("%s", self.error)
