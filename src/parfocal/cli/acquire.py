"""``parfocal acquire``: the camera of a rig runs by itself, and what its mode says is recorded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from parfocal.cli.run import carry_out
from parfocal.core.errors import BadInputError
from parfocal.rig.rig import Rig
from parfocal.runs.acquisition_mode import AcquisitionMode


def acquire(
    rig: str,
    *,
    mode: AcquisitionMode = "tracks",
    seconds: float | None = None,
    frames: int | None = None,
    out: Path | None = None,
    name: str = "",
    live: bool = False,
    force: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Have the camera run by itself, record what the mode says, and show how far it is.

    It is a run as any other: `parfocal pause`, `resume`, `cancel` and `finish` steer it. Ctrl-C cancels it,
    and waits for its record to be closed; a second one leaves.

    Parameters
    ----------
    rig
        A running rig; else a built-in one or a file, which is started, and ended again after the run.
    mode
        What is recorded beside the rows of devices: tracks, tracks+roi-video, tracks+video, roi-video or
        video. The video of the regions shows the beads that there are when it begins.
    seconds
        For how long; pauses do not count.
    frames
        How many frames, instead of that. Without either it goes on until `parfocal finish`.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    live
        It is seen, and nothing of it is stored.
    force
        Use instruments although another run, or another program, holds them; the record says so.
    detach
        Return when the run has begun. It goes on, and so does its rig, in the background.
    json
        Print the final status as one JSON object in the last line.

    Examples
    --------
    parfocal acquire tweezers --seconds 60 --name pull1

    parfocal acquire tweezers --mode tracks+roi-video --seconds 60 --out /data/today --json
    """
    if seconds is not None and frames is not None:
        raise BadInputError("give --seconds or --frames, not both")
    start = partial(
        Rig.acquire,
        mode=mode,
        seconds=seconds,
        frames=frames,
        name=name,
        folder="" if out is None else out,
        save=not live,
        force=force,
    )
    return carry_out(rig, start, detach=detach, json=json)
