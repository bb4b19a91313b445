"""A line that follows a script while a command waits for its end, below what the script prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from parfocal.cli.progress_line import ProgressLine
from parfocal.runs.scripts.log_text import new_text
from parfocal.runs.scripts.script_record import LOG

if TYPE_CHECKING:
    from rich.console import Console

    from parfocal.core.run_status import RunStatus


class ScriptLine(ProgressLine):
    """A line that follows a script, and above it each line of its log as it comes."""

    def __init__(self, run: str, shown: Console) -> None:
        super().__init__(run, shown)
        self._place = 0

    def show(self, status: RunStatus) -> None:
        """Show how it is now, and what it has printed since the last time."""
        if status.folder:
            log = Path(status.folder) / LOG
            text, self._place = new_text(log, self._place, is_whole=status.ended)
            if text:
                self.tell(Text(text.removesuffix("\n")))
        super().show(status)
