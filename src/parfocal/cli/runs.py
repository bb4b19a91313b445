"""``parfocal runs``: what was recorded, and how it ended."""

from __future__ import annotations

from pathlib import Path

from rich.table import Column, Table

from parfocal.cli.output import console, print_json
from parfocal.storage import list_runs


def runs(folder: Path = Path("runs"), *, json: bool = False) -> None:
    """List the runs in a folder, oldest first: how long each lasted, how it ended, what is stored.

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
    table = Table(Column("run", overflow="fold"), "seconds", "outcome", "stored", box=None, pad_edge=False)
    for run in found:
        seconds = "" if run.duration_s is None else f"{run.duration_s:.1f}"
        stored = ", ".join(f"{count} {name}" for name, count in run.stored.items())
        table.add_row(Path(run.folder).name, seconds, run.outcome, stored)
    console().print(table)
