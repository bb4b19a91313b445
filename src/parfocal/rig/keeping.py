"""What is kept of the beads beside the rows of a run: regions, z tables, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.rig.rig import Rig

SAVE_S = 30.0


def keep_beads(rig: Rig, run: Path) -> str:
    """Save ``rois.json``, ``tables.npz`` (if there are any) and ``overlay.png`` in the folder of a run.

    Returns
    -------
    str
        The picture: the newest frame with all regions.
    """
    tracker = rig["tracker"]
    tracker.save_rois(path=str(run / "rois.json"), timeout_s=SAVE_S)
    if tracker.state(timeout_s=SAVE_S)["tables"]["file"]:
        tracker.save_tables(path=str(run / "tables.npz"), timeout_s=SAVE_S)
    overlay = run / "overlay.png"
    tracker.overlay(path=str(overlay), timeout_s=SAVE_S)
    return str(overlay)
