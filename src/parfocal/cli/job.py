"""A job with live progress, a summary at its end, and an exit code that says how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from parfocal.cli.exits import exit_of_outcome
from parfocal.cli.output import console, print_json
from parfocal.cli.signals import interrupted_once
from parfocal.core.errors import BadInputError
from parfocal.storage import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from parfocal.rig.job import JobProgress as Step


class _HasOutcome(Protocol):
    @property
    def outcome(self) -> str: ...


JobSummary = TypeVar("JobSummary", bound=_HasOutcome)


def run_job(
    job: Callable[[Callable[[Step], None]], JobSummary],
    view: Callable[[JobSummary], RenderableType],
    *,
    json: bool,
) -> int:
    """Run a job and show how far it is; print its summary; return the exit code.

    Parameters
    ----------
    job : callable
        Is given a function to tell its progress, and returns its summary, also after Ctrl-C in a measurement.
    view : callable
        Returns the summary as people read it.
    json : bool
        Keep stdout for the one JSON line; progress goes to stderr.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, SIGTERM or SIGHUP at another time; says what is saved.
    """
    shown = console(quiet=json)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description:14}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        console=shown,
    ) as progress:
        bars: dict[str, int] = {}
        run = ""

        def report(step: Step) -> None:
            nonlocal run
            run = step.run or run
            for note in step.notes:
                progress.console.print(note, soft_wrap=True)
            if step.phase not in bars:
                for done in bars.values():
                    progress.update(done, completed=1.0)  # type: ignore[arg-type]
                bars[step.phase] = progress.add_task(step.phase, total=1.0, text="")
            progress.update(bars[step.phase], completed=step.fraction, text=step.text)  # type: ignore[arg-type]

        try:
            with interrupted_once():
                summary = job(report)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"everything was ended in order; {_saved(run)}") from None
        for done in bars.values():
            progress.update(done, completed=1.0)  # type: ignore[arg-type]
    if json:
        print_json(summary)
    else:
        shown.print(view(summary))
    return exit_of_outcome(summary.outcome)


def _saved(run: str) -> str:
    if not run:
        return "nothing had been recorded yet"
    try:
        outcome = read_manifest(Path(run)).outcome
    except BadInputError as error:
        return f"but nothing is left of the record: {error}"
    return f"the record says {outcome!r}, rows are saved in {run}"
