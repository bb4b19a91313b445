"""The viewers of this user, and the runs of a folder, as rows of texts. Pure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.app.browser.viewer_watch import age_in_words
from parfocal.app.desktop.cell_table import TableCell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.app.browser.viewer_watch import ViewerLine
    from parfocal.app.desktop.cell_table import CellTone
    from parfocal.storage.catalogue import RunSummary

VIEWER_COLUMNS = {"viewer": 0, "kind": 66, "state": 70, "memory": 62, "age": 48}
RUN_COLUMNS = {"run": 0, "began": 112, "lasted": 58, "outcome": 120}
_STATES: dict[str, CellTone] = {"hung": "alarm", "ready": "good", "starting": "accent"}
_OUTCOMES: dict[str, CellTone] = {"complete": "good", "recording": "accent", "cancelled": "faint"}


def viewer_rows(lines: Iterable[ViewerLine]) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each viewer, by its name."""
    return {
        line.info.name: (
            TableCell(line.info.name, tip=f"process {line.info.pid}"),
            TableCell(line.info.kind, "faint"),
            TableCell(line.info.state, _STATES.get(line.info.state, "text"), line.info.error),
            TableCell(f"{line.memory_mb:.0f} MB" if line.memory_mb else ""),
            TableCell(age_in_words(line.age_s), "faint"),
        )
        for line in lines
    }


def run_rows(runs: Iterable[RunSummary]) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each run, by its folder, the newest first.

    Examples
    --------
    >>> from parfocal.storage.catalogue import RunSummary
    >>> run = RunSummary(
    ...     folder="/data/a",
    ...     started_utc="2026-11-29T18:00:00.5Z",
    ...     duration_s=75.0,
    ...     outcome="incomplete: lost 3",
    ...     stored={},
    ...     lost={},
    ... )
    >>> row = run_rows([run])["/data/a"]
    >>> row[0].text, row[2].text, row[3].text, row[3].tone
    ('a', '1 min', 'incomplete: lost 3', 'flagged')
    """
    return {run.folder: _run_row(run) for run in reversed(tuple(runs))}


def _run_row(run: RunSummary) -> tuple[TableCell, ...]:
    told = "\n".join(line for line in (run.folder, run.sample, run.notes) if line)
    outcome = "running" if run.outcome == "recording" else run.outcome
    lasted = "" if run.duration_s is None else age_in_words(run.duration_s)
    return (
        TableCell(run.name or Path(run.folder).name, tip=told),
        TableCell(_local(run.started_utc), "faint"),
        TableCell(lasted),
        TableCell(outcome, _OUTCOMES.get(run.outcome, "flagged"), run.reason or outcome),
    )


def _local(utc: str) -> str:
    """Return a moment as the clock on the wall has it; what cannot be read as it is."""
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%m-%d %H:%M:%S")
    except ValueError:
        return utc
