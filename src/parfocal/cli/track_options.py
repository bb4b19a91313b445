"""The options of ``parfocal track``, in the groups that its help shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cyclopts import Group, Parameter


@Parameter(name="*", group=Group("Images", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Which images of a movie, and what they do not tell of themselves.

    Parameters
    ----------
    stream
        Which frames of a run, where it recorded several streams of them.
    channel
        Which channel of the movie: its number, from 0, or its name; "all" runs through them.
    position
        Which position of the stage (series), from 0; "all" runs through them.
    plane
        Which plane of a z stack, from 0; all are run through otherwise.
    fps
        Images a second, if the movie does not tell, or tells wrongly.
    pixel_size_um
        Edge of a pixel in the sample, likewise.
    counts_per_unit
        Counts for a unit of signed or floating-point values, such as 65535 for values from 0 to 1.
    counts_at_zero
        Counts for a value of 0.
    """

    stream: str = ""
    channel: int | str = 0
    position: int | Literal["all"] = 0
    plane: int | Literal["all"] = "all"
    fps: float | None = None
    pixel_size_um: float | None = None
    counts_per_unit: float | None = None
    counts_at_zero: float = 0.0

    def for_plan(self) -> dict[str, Any]:
        """Return them as a `TrackPlan` calls them."""
        options = asdict(self)
        return {"frame_rate_hz": options.pop("fps"), **options}


@Parameter(name="*", group=Group("Beads", sort_key=2))
@dataclass(frozen=True, kw_only=True)
class BeadOptions:
    """Which beads.

    Parameters
    ----------
    rois
        Regions of the beads: the rois.json of a run, or what the tracker saved.
    find
        Find the free-standing beads in the first image; the default without --rois.
    roi_px
        Edge of a region, px; even.
    zlut
        Z tables: the tables.npz of a run, or what the tracker saved; without them only x and y are tracked.
    """

    rois: Path | None = None
    find: bool = False
    roi_px: int = 64
    zlut: Path | None = None


@Parameter(name="*", group=Group("Camera", sort_key=3))
@dataclass(frozen=True, kw_only=True)
class CameraOptions:
    """What the counts of the camera mean: they set sigma, chi2 and the flags.

    A recorded run knows all three; of other movies they are 1, 0 and 0 otherwise.

    Parameters
    ----------
    gain_e_per_adu
        Electrons for one count of the camera.
    offset_adu
        Counts of the camera without light.
    read_noise_e
        RMS read noise of the camera, electrons.
    """

    gain_e_per_adu: float | None = None
    offset_adu: float | None = None
    read_noise_e: float | None = None
