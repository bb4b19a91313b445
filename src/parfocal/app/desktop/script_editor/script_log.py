"""What a script prints while it runs: the end of its log, read in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPlainTextEdit

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.runs.scripts.log_text import new_text
from parfocal.runs.scripts.script_record import LOG

if TYPE_CHECKING:
    from parfocal.app.desktop.background import BackgroundResult, BackgroundWork

_EVERY_S = 0.25
_MOST_BYTES, _MOST_LINES = 2**18, 5000


class ScriptLog(QPlainTextEdit):
    """Shows the log in the folder of a run.

    Parameters
    ----------
    work : BackgroundWork
        Reads it.
    """

    def __init__(self, work: BackgroundWork) -> None:
        super().__init__()
        self._work = work
        self._folder = ""
        self._place = 0
        self._due_s = 0.0
        self._is_reading = False
        self.setReadOnly(True)
        self.setMaximumBlockCount(_MOST_LINES)
        self.setPlaceholderText("what the script prints and logs")

    def follow(self, folder: str) -> None:
        """Show the log of the run in this folder from now on."""
        if folder != self._folder:
            self._folder, self._place = folder, 0
            self.clear()

    def refresh(self) -> None:
        """Have what is new read, if it is time."""
        now_s = SYSTEM_CLOCK.monotonic_ns() / 1e9
        if self._folder and not self._is_reading and now_s >= self._due_s:
            self._is_reading, self._due_s = True, now_s + _EVERY_S
            folder, place = self._folder, self._place
            self._work.do(lambda: (folder, *new_text(Path(folder) / LOG, place, _MOST_BYTES)), self._take)

    def _take(self, result: BackgroundResult[tuple[str, str, int]]) -> None:
        self._is_reading = False
        if result.value is None or result.value[0] != self._folder:
            return
        _, text, self._place = result.value
        if text:
            bar = self.verticalScrollBar()
            is_at_end = bar.value() >= bar.maximum() - 2
            cursor = self.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            cursor.insertText(text)
            if is_at_end:
                bar.setValue(bar.maximum())
