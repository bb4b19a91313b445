"""How much room a folder has, looked at in a thread: a network disk that hangs holds no window up."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.reminder import Reminder

_LOOKS_EVERY_S = 2.0


class DiskMeter:
    """Looks at the free bytes of a folder every two seconds. Close it.

    Attributes
    ----------
    folder : str
        Which one; "" for none. One that is not there yet is looked at where it will be made.
    free_bytes : int or None
        At the last look; None before it, or if nobody can tell.
    """

    def __init__(self) -> None:
        self.folder = ""
        self.free_bytes: int | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, name="free disk", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, "the meter of the disk")

    def close(self) -> None:
        """Look no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.is_set():
            self.free_bytes = free_bytes(self.folder) if self.folder else None
            SYSTEM_CLOCK.wait(self._closed, _LOOKS_EVERY_S)


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
