"""A line that follows a run while a command waits for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.runs.status_text import progress_text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from parfocal.core.run_status import RunStatus

_LOOK_S = 0.1


class ProgressLine:
    """A line that follows a run, and its questions above it."""

    def __init__(self, run: str, shown: Console) -> None:
        self._run = run
        self._asked = ""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:10}"),
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=shown,
        )
        self._task = self._progress.add_task("pending", total=None, text="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, status: RunStatus) -> None:
        """Show how it is now."""
        self._progress.update(
            self._task,
            description=status.state,
            completed=status.events_acquired,
            total=status.events_total or None,
            text=progress_text(status),
        )
        if status.question and status.question != self._asked:
            self.tell(Text(f"{status.question}  (answer with `parfocal confirm {self._run}`)"))
        self._asked = status.question

    def tell(self, text: Text) -> None:
        """Print something above the line."""
        self._progress.console.print(text, soft_wrap=True)

    def rest(self) -> None:
        """Wait until it is worth another look."""
        SYSTEM_CLOCK.sleep(_LOOK_S)
