"""``parfocal reprocess``: the images of a record, analysed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.cli.job import run_job
from parfocal.cli.own_modules import find_own_modules
from parfocal.cli.summary_view import Line, in_columns, outcome_line

if TYPE_CHECKING:
    from rich.table import Table

    from parfocal.rig.offline.reprocess import ReprocessSummary


def reprocess(
    folder: Path,
    *,
    pipeline: str,
    out: Path,
    workers: int | None = None,
    dask: str = "",
    stream: str = "",
    json: bool = False,
) -> int:
    """Analyse the images of a record again, and write what is found into a new one.

    Positions are analysed side by side, the time points of each in order. Nothing is stimulated: the new
    record has the masks that would have been shown, beside labels and tracks, and names its source.

    Parameters
    ----------
    folder
        Of a run with images of a plan, or of an OME-Zarr that another program has written.
    pipeline
        The steps, as "module:object"; modules beside FOLDER and in the working directory are found.
    out
        Of the new record; must not exist.
    workers
        Processes here that share the positions; by default as the pipeline says.
    dask
        Address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers do it instead; they have to
        see FOLDER and OUT at the same places.
    stream
        Of which camera, where the record has several.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal reprocess runs/2026-03-01T14-05-09_erk --pipeline steps:pipeline --out runs/erk-again --workers 2

    parfocal reprocess /data/erk --pipeline steps:pipeline --out /data/erk-2 --dask tcp://10.0.0.1:8786
    """
    from parfocal.rig.offline.reprocess import reprocess as again  # what it needs takes a second to import

    find_own_modules(folder)
    return run_job(
        lambda report: again(folder, pipeline, out, workers=workers, dask=dask, stream=stream, report=report),
        _view,
        json=json,
    )


def _view(summary: ReprocessSummary) -> Table:
    """Return the summary as two columns: what, and how much."""
    failed = f", {summary.failed} failed" if summary.failed else ""
    counted = f"{summary.analysed} of {summary.time_points} analysed{failed}; {summary.positions} positions"
    rate = f"{summary.took_s:.1f} s, {summary.time_points / max(summary.took_s, 1e-3):.1f} a second"
    lines: list[Line] = [
        outcome_line(summary.outcome, summary.reason),
        *(("error", error) for error in summary.errors),
        *(("warning", warning) for warning in summary.warnings),
        ("time points", counted),
        ("cells", f"{summary.cells} rows"),
        ("took", rate),
        ("source", summary.source),
        ("saved in", summary.run),
    ]
    return in_columns(lines)
