"""The settings of the service that knows forces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from parfocal.analysis.force.live_settings import LiveConfig
from parfocal.analysis.force.magnet_table import MagnetTable


class ForceConfig(LiveConfig):
    """Which magnet pulls, what is known of its force, and how forces are made of motion (see `LiveConfig`).

    Parameters
    ----------
    magnet : str
        The stage that moves the magnet.
    axis, rotation : str
        Its axes for height and for turns; "" for its only one that is a length, or an angle.
    heights, forces_pn : list of float
        The table, measured: heights in the unit of the axis, falling forces. One that was set by a command
        is kept beside the rig, and goes before these.
    table_file : Path, optional
        Where that is kept instead.
    tick_s : float
        How often a ramp moves the magnet.
    """

    magnet: str = "magnet"
    axis: str = ""
    rotation: str = ""
    heights: tuple[float, ...] = ()
    forces_pn: tuple[float, ...] = ()
    table_file: Path | None = None
    tick_s: Annotated[float, Field(ge=0.01, le=1)] = 0.05

    @model_validator(mode="after")
    def _is_a_table(self) -> ForceConfig:
        if self.heights or self.forces_pn:
            MagnetTable(self.heights, self.forces_pn)
        return self
