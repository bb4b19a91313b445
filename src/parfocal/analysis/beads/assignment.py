"""What a tracker's workers work by: regions, tables, the camera's noise, in a file of the rig's streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


class CameraNoise(msgspec.Struct, frozen=True, kw_only=True):
    """What the tracker must know of the camera to weigh pixels."""

    gain_e_per_adu: float = 1.0
    offset_adu: float = 0.0
    read_noise_e: float = 0.0
    saturation_adu: float | None = None


class FitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How beads are fitted: see `parfocal.tracking.BeadTracker`; `flat` is a file, "" for none."""

    max_chi2: float = 1.2
    tilted_light: bool = False
    flat: str = ""


class ProfileWatch(msgspec.Struct, frozen=True):
    """A bead whose radial profile is wanted, of every so many frames."""

    bead: int
    every: int = 1


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """All that a worker needs.

    Parameters
    ----------
    owner : int
        Pid of the rig's main process: an assignment of another rig is not taken over.
    rois : RoiSet
        Regions and their version.
    tables, tables_hash : str
        File with z tables, and their hash; "" for none.
    table_beads : tuple of int
        Whose tables they are, in their order; empty if the one table in the file is for all beads.
    noise : CameraNoise
        Of the camera.
    fit : FitSettings
        How beads are fitted.
    watched : ProfileWatch or None
        The bead whose radial profile is wanted.
    """

    owner: int
    rois: RoiSet
    tables: str = ""
    tables_hash: str = ""
    table_beads: tuple[int, ...] = ()
    noise: CameraNoise = CameraNoise()
    fit: FitSettings = FitSettings()
    watched: ProfileWatch | None = None

    def save(self, path: Path) -> None:
        """Write it as a whole: whoever reads meanwhile gets the one before."""
        replace_file(path, msgspec.json.encode(self))


def assignment_path(streams: Path, coordinator: str) -> Path:
    """Return where the assignment of a tracker lies."""
    return streams / f"{coordinator}.assignment"


def load_assignment(path: Path, owner: int) -> Assignment | None:
    """Return the assignment in a file, or None if there is none of this owner."""
    try:
        assignment = msgspec.json.decode(path.read_bytes(), type=Assignment)
    except FileNotFoundError:
        return None
    return assignment if assignment.owner == owner else None
