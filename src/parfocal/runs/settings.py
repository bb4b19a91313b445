"""The settings of a run service: which service of the rig plays which part in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.run_status import FailurePolicy


class RunSettings(BaseModel):
    """Which services a run uses, and by which rules.

    Parameters
    ----------
    camera, xy, z, channels, recorder, tracker : str
        Names of services; "" for a rig without one.
    lights : list of str
        Lights that are leased to a run, and dark after it.
    folder : Path or None
        Where runs go; None for the recorder's own folder.
    on_failure : str
        What an event that failed does: "stop" ends the run, "go on" declares the event dropped, "pause" has a
        person look.
    rest : dict
        Where axes of `xy` and `z` go at the end of a run; those not named go back to where they were found.
    answer_s : float
        How long an instrument may take to answer, beside what was asked of it.
    restart_s : float
        How long an instrument that ended may take to come back before the run fails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str = ""
    xy: str = ""
    z: str = ""
    channels: str = ""
    lights: tuple[str, ...] = ()
    recorder: str = ""
    tracker: str = ""
    folder: Path | None = None
    on_failure: FailurePolicy = "stop"
    rest: dict[str, float] = {}
    answer_s: Annotated[float, Field(gt=0)] = 5.0
    restart_s: Annotated[float, Field(gt=0)] = 15.0
