"""The newest records of a rig's log, read from its file in a thread."""

from __future__ import annotations

import re
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.reminder import Reminder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_RECORDS = 5000
_FIRST_BYTES = 2**19
_LOOKS_EVERY_S = 0.25
_HEAD = re.compile(r"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d\.\d{3}) (\w+) +parfocal\.[^.:]+\.([^:]+): (.*)")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogEntry(NamedTuple):
    """A record of a log: when, how serious, of which service, and what it says, of one or more lines."""

    time: str
    level: str
    service: str
    text: str


def log_entries(lines: Iterable[str]) -> list[LogEntry]:
    r"""Return the records that lines of a log hold; what comes before the first is left out. Pure.

    Examples
    --------
    >>> lines = ["2026-11-29 16:00:01.250 ERROR   parfocal.lab.camera: ValueError", "  line 3"]
    >>> log_entries(lines)
    [LogEntry(time='16:00:01.250', level='ERROR', service='camera', text='ValueError\n  line 3')]
    """
    found: list[LogEntry] = []
    for line in lines:
        if (head := _HEAD.match(line)) is not None:
            found.append(LogEntry(*head.groups()))
        elif found:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
    return found


def chosen_entries(
    entries: Iterable[LogEntry], level: str = "DEBUG", service: str = "", words: str = ""
) -> list[LogEntry]:
    """Return the records that are at least so serious, of a service, and have all of these words. Pure.

    Examples
    --------
    >>> entries = [
    ...     LogEntry("1", "INFO", "camera", "ready"),
    ...     LogEntry("2", "ERROR", "camera.driver", "No light"),
    ... ]
    >>> [entry.time for entry in chosen_entries(entries, "WARNING", "camera", "LIGHT")]
    ['2']
    """
    wanted = [word.lower() for word in words.split()]
    serious = LEVELS[LEVELS.index(level) :]
    return [
        entry
        for entry in entries
        if entry.level in serious
        and service in ("", entry.service.partition(".")[0])
        and all(word in f"{entry.service} {entry.text}".lower() for word in wanted)
    ]


class LogTail:
    """Follows the file of a log, also when it is moved away and begun anew.

    Attributes
    ----------
    entries : tuple of LogEntry
        The newest, the oldest first; another tuple whenever there are more.
    """

    def __init__(self, path: Path) -> None:
        self.entries: Sequence[LogEntry] = ()
        self._path = path
        self._kept: deque[LogEntry] = deque(maxlen=MOST_RECORDS)
        self._place: tuple[int, int] = (0, 0)
        self._rest = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"log {path.name}", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the tail of {path}")

    def close(self) -> None:
        """Read no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed.set()

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                text = self._read()
            except OSError:  # no rig of that name runs
                text = ""
            if text:
                self._take(text)
            SYSTEM_CLOCK.wait(self._closed, _LOOKS_EVERY_S)

    def _read(self) -> str:
        """Return what was written since the last time; of a file that is new the end."""
        status = self._path.stat()
        inode, begin = self._place
        if inode != status.st_ino or begin > status.st_size:
            begin = max(0, status.st_size - _FIRST_BYTES)
            self._rest = ""
        if begin == status.st_size and inode == status.st_ino:
            return ""
        with self._path.open("rb") as file:
            file.seek(begin)
            content = file.read()
        self._place = (status.st_ino, begin + len(content))
        return content.decode(errors="replace")

    def _take(self, text: str) -> None:
        """Keep whole records; lines that go on with the last one are added to it."""
        *lines, self._rest = (self._rest + text).split("\n")
        while self._kept and lines and _HEAD.match(lines[0]) is None:
            last = self._kept.pop()
            self._kept.append(last._replace(text=f"{last.text}\n{lines.pop(0)}"))
        self._kept.extend(log_entries(lines))
        self.entries = tuple(self._kept)
