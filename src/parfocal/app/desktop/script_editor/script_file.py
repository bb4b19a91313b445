"""The file of the script that is edited, looked at again and again: other programs may change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from parfocal.app.desktop.background import BackgroundResult, BackgroundWork

_EVERY_S = 0.5


class ScriptFile:
    """Follows a file.

    Parameters
    ----------
    work : BackgroundWork
        Reads it.

    Attributes
    ----------
    text : str or None
        What the file held the last two times, so that nothing is taken that is half written; None before
        that is known, and if it is gone.
    """

    def __init__(self, work: BackgroundWork) -> None:
        self.text: str | None = None
        self._last: str | None = None
        self._work = work
        self._due_s = 0.0
        self._look = 0
        self._is_reading = False

    def forget(self) -> None:
        """Know nothing of the file any more, also not what is being read: it is written, or another one."""
        self.text = self._last = None
        self._look += 1

    def refresh(self, path: str) -> None:
        """Have the file read, if it is time."""
        now_s = SYSTEM_CLOCK.monotonic_ns() / 1e9
        if path and not self._is_reading and now_s >= self._due_s:
            self._is_reading, self._due_s = True, now_s + _EVERY_S
            look = self._look
            self._work.do(lambda: read_text(Path(path)), lambda result: self._take(result, look))

    def _take(self, result: BackgroundResult[str], look: int) -> None:
        self._is_reading = False
        if look != self._look:
            return
        if result.value is None or result.value == self._last:
            self.text = result.value
        self._last = result.value


def read_text(path: Path) -> str:
    """Return the text of a script.

    Raises
    ------
    BadInputError
        If it can't be read as text; names it.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} can't be read: {error}") from error
