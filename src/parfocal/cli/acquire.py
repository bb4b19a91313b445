"""``parfocal acquire``: the camera of a rig runs by itself, and what its mode says is recorded."""

from __future__ import annotations

from parfocal.cli.record_options import RECORDED, RecordOptions
from parfocal.core.errors import BadInputError
from parfocal.rig.rig import Rig


def acquire(
    rig: str, *, seconds: float | None = None, frames: int | None = None, record: RecordOptions = RECORDED
) -> int:
    """Have the camera run by itself, record what the mode says, and show how far it is.

    It is a run as any other: `parfocal pause`, `resume`, `cancel` and `finish` steer it. Ctrl-C cancels it,
    and waits for its record to be closed; a second one leaves.

    Parameters
    ----------
    rig
        A running rig; else a built-in one or a file, which is started, and ended again after the run.
    seconds
        For how long; pauses do not count.
    frames
        How many frames, instead of that. Without either it goes on until `parfocal finish`.

    Examples
    --------
    parfocal acquire tweezers --seconds 60 --name pull1

    parfocal acquire tweezers --mode tracks+roi-video --seconds 60 --out /data/today --json
    """
    if seconds is not None and frames is not None:
        raise BadInputError("give --seconds or --frames, not both")
    return record.carry_out(rig, Rig.acquire, seconds=seconds, frames=frames)
