"""``parfocal export``: a recorded run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from parfocal.cli.output import console, print_json


def export(
    run: Path,
    *,
    to: Literal["tiff", "csv"],
    stream: str = "",
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Write the frames of a run as OME-TIFF, or its rows as CSV, for programs that know no Zarr or Parquet.

    A file for each stream: `export/camera.ome.tif`, one page a frame, with times and pixel size;
    `export/tracks.csv`, one line a row. Nothing is overwritten.

    Parameters
    ----------
    run
        Folder of the run.
    to
        tiff for frames, csv for rows.
    stream
        Only this stream.
    out
        Folder for the files; `export` in the run's folder otherwise.
    json
        Print the files as one JSON line.

    Examples
    --------
    parfocal export runs/2026-03-01T14-05-09_beads --to csv

    parfocal export runs/2026-03-01T14-05-09_beads --to tiff --out /data/for-fiji
    """
    from parfocal.rig.export import export_run

    shown = console(quiet=json)
    files = export_run(run, to, stream=stream, out=out, report=lambda text: shown.print(text, soft_wrap=True))
    if json:
        print_json({"files": [str(file) for file in files]})
