"""``parfocal runs`` and ``note``: what was recorded, how it ended, and what people say about it."""

from __future__ import annotations

from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from parfocal.cli.output import console, print_json
from parfocal.core.errors import BadInputError
from parfocal.storage import annotate_run, list_runs


def runs(folder: Path = Path("runs"), *, json: bool = False) -> None:
    """List the runs in a folder, oldest first: how long, how each ended and why, what is stored and said.

    Parameters
    ----------
    folder
        Where they lie.
    json
        Print them as one JSON line.

    Examples
    --------
    parfocal runs

    parfocal runs /data/today --json
    """
    found = list_runs(folder)
    if json:
        print_json({"runs": found})
        return
    table = Table(
        Column("run", overflow="fold"), "seconds", Column("outcome", overflow="fold"), "stored",
        Column("said", overflow="fold"), box=None, pad_edge=False,
    )  # fmt: skip
    for run in found:
        seconds = "" if run.duration_s is None else f"{run.duration_s:.1f}"
        stored = ", ".join(f"{count} {name}" for name, count in run.stored.items())
        why = "; ".join(filter(None, (run.reason, *run.warnings)))
        outcome = f"{run.outcome} ({why})" if why else run.outcome
        said = "; ".join(filter(None, (run.operator, run.sample, run.notes)))
        table.add_row(*map(Text, (Path(run.folder).name, seconds, outcome, stored, said)))
    console().print(table)


def note(
    run: Path, *, operator: str | None = None, sample: str | None = None, notes: str | None = None
) -> None:
    """Say who made a run, of what, and what was seen: while it is recorded, or at any time after.

    The record keeps what was said before, with its time.

    Parameters
    ----------
    run
        Folder of the run.
    operator
        Who made it.
    sample
        Of what.
    notes
        Whatever should be known of it.

    Examples
    --------
    parfocal note runs/2026-03-01T14-05-09_beads --sample "lambda DNA" --notes "drifts after 5 s"
    """
    if operator is None and sample is None and notes is None:
        raise BadInputError("there is nothing to note: give --operator, --sample or --notes")
    annotate_run(run, operator=operator, sample=sample, notes=notes)
    console().print(Text(f"noted in {run}"))
