"""How much room a folder has, looked at in a thread: a network disk that hangs holds no window up."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.reminder import Reminder

_LOOKS_EVERY_S = 2.0


class DiskMeter:
    """Looks at the free bytes of a folder every two seconds, and at once when it is another one. Close it.

    Attributes
    ----------
    folder : str
        Which one; "" for none. One that is not there yet is looked at where it will be made.
    free_bytes : int or None
        At the last look at this folder; None before it, or if nobody can tell.
    """

    def __init__(self) -> None:
        self._folder = ""
        self._found: tuple[str, int | None] = ("", None)
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._look, name="free disk", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, "the meter of the disk")

    @property
    def folder(self) -> str:
        """Which folder is looked at."""
        return self._folder

    @folder.setter
    def folder(self, folder: str) -> None:
        if folder != self._folder:
            self._folder = folder
            self._wake.set()

    @property
    def free_bytes(self) -> int | None:
        """The free bytes of the folder, as they were found last."""
        folder, found = self._found
        return found if folder == self._folder else None

    def close(self) -> None:
        """Look no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed = True
        self._wake.set()

    def _look(self) -> None:
        while True:
            self._wake.clear()
            if self._closed:
                return
            folder = self._folder
            self._found = folder, free_bytes(folder) if folder else None
            SYSTEM_CLOCK.wait(self._wake, _LOOKS_EVERY_S)


def free_bytes(folder: str) -> int | None:
    """Return the free bytes where a folder is, or will be made; None if nobody can tell.

    Examples
    --------
    >>> free_bytes("/no/such/folder") == free_bytes("/")
    True
    """
    path = Path(folder).absolute()
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
