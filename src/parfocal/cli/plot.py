"""``parfocal plot``: the pictures of a recorded run."""

from __future__ import annotations

from pathlib import Path

from parfocal.cli.output import console, print_json


def plot(run: Path, *, stream: str = "", out: Path | None = None, json: bool = False) -> None:
    """Draw the pictures of a recorded run: tracks of beads or of cells, other rows over time, frames.

    `tracks.png` of tracks, those of cells over the last images; `overlay.png` of beads in a frame, if it
    recorded frames; `STREAM.png` of other rows, such as a sensor's, over time, and of the last frame of a
    stream that nobody tracked. Images that are not there are told.

    Parameters
    ----------
    run
        Folder of the run.
    stream
        Only of this one; which tracks, where it recorded those of several trackers.
    out
        Folder for the pictures; the run's own otherwise, where they replace those that are there.
    json
        Print the files as one JSON line.

    Examples
    --------
    parfocal plot runs/2026-03-01T14-05-09_beads
    """
    from parfocal.rig.plot import plot_run

    told: list[str] = []
    pictures = plot_run(run, stream=stream, out=out, report=told.append)
    if json:
        print_json({"files": [str(picture) for picture in pictures], "missing": told})
        return
    for line in told:
        console().print(line, soft_wrap=True)
    for picture in pictures:
        console().print(str(picture), soft_wrap=True)
