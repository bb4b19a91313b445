"""What is kept of the beads beside the rows of a run: regions, z tables, and a picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError

if TYPE_CHECKING:
    from parfocal.rig.rig import Rig

SAVE_S = 30.0


def keep_beads(rig: Rig, run: Path) -> str | None:
    """Save ``rois.json``, ``tables.npz`` (if there are any) and ``overlay.png`` in the folder of a run.

    Returns
    -------
    str or None
        The picture: the newest frame with all regions; None, with a warning, if no worker could make it.
    """
    tracker = rig["tracker"]
    tracker.save_rois(path=str(run / "rois.json"), timeout_s=SAVE_S)
    if tracker.state(timeout_s=SAVE_S)["tables"]["file"]:
        tracker.save_tables(path=str(run / "tables.npz"), timeout_s=SAVE_S)
    overlay = run / "overlay.png"
    try:
        tracker.overlay(path=str(overlay), timeout_s=SAVE_S)
    except CommandError as error:  # the rows are worth more than their picture
        logging.getLogger(__name__).warning("no picture of the beads: %s", error)
        return None
    return str(overlay)
