"""What live forces and force-extension curves go by."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError

MOST_BEAD = 2**31 - 1
"""Beads have numbers from 0 to this."""
FARTHEST_NM = 1e8
"""No surface below a bead is as far away: a decimetre."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LiveConfig(BaseModel):
    """How forces are made of the motion of beads. All but names of services and streams can be changed live.

    Parameters
    ----------
    camera, frames, tracks : str
        The camera, the stream of its frames, and that of the tracker's rows.
    interval_s, window_s : float
        How often there is a new force, and over which time of motion.
    field_axis : "x" or "y"
        The axis of the camera along the magnet's field.
    pendulum : "long" or "short"
        Across the field a bead turns with its tether: a long pendulum, whose motion is slower, and whose
        force depends on `radius_nm`. Along the field it is a short one.
    radius_nm : float
        Of the beads.
    contour_nm, contour_sigma_nm, persistence_nm : float
        Of the tethers. They tell the extension of beads whose anchors are not known; 0 for a contour length
        that is not known either.
    stretch_pn : float, optional
        Stretch modulus of the tethers, about 1000 for double-stranded DNA; None for chains that have none.
    longer_is : "lower z" or "higher z"
        Which way `z_nm` goes when a tether gets longer. In tables of a focus sweep it is the height of the
        focal plane above the bead.
    references : list of int
        Beads that are stuck to the surface: their common motion is subtracted.
    temperature_k : float
        Of the fluid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str = "camera"
    frames: str = "camera"
    tracks: str = "tracks"
    interval_s: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    window_s: Annotated[float, Field(ge=1, le=600)] = 20.0
    field_axis: Literal["x", "y"] = "y"
    pendulum: Literal["long", "short"] = "long"
    radius_nm: Positive = 500.0
    contour_nm: NotNegative = 0.0
    contour_sigma_nm: NotNegative = 0.0
    persistence_nm: Positive = 50.0
    stretch_pn: Positive | None = None
    longer_is: Literal["lower z", "higher z"] = "lower z"
    references: tuple[Annotated[int, Field(ge=0, le=MOST_BEAD)], ...] = ()
    temperature_k: Annotated[float, Field(ge=250, le=400)] = 298.0

    def physics(self) -> TetherPhysics:
        """Return what the numbers depend on."""
        across = "x" if self.field_axis == "y" else "y"
        return TetherPhysics(
            axis=across if self.pendulum == "long" else self.field_axis,
            radius_nm=self.radius_nm if self.pendulum == "long" else 0.0,
            contour_nm=self.contour_nm,
            contour_sigma_nm=self.contour_sigma_nm,
            persistence_nm=self.persistence_nm,
            stretch_pn=self.stretch_pn,
            z_sign=-1 if self.longer_is == "lower z" else 1,
            temperature_k=self.temperature_k,
        )


class TetherPhysics(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers depend on, for whoever makes them.

    Attributes
    ----------
    axis : str
        Of the motion, "x" or "y".
    radius_nm : float
        What the pendulum has beside its tether: 0 for a short one.
    contour_nm, contour_sigma_nm, persistence_nm, stretch_pn, temperature_k
        As in `LiveConfig`.
    z_sign : int
        1 where `z_nm` grows with the extension, else -1.
    """

    axis: str = "x"
    radius_nm: float = 500.0
    contour_nm: float = 0.0
    contour_sigma_nm: float = 0.0
    persistence_nm: float = 50.0
    stretch_pn: float | None = None
    z_sign: int = -1
    temperature_k: float = 298.0


class Anchor(msgspec.Struct, frozen=True):
    """Where the surface below a bead is, as its `z_nm` would be there, and how well that is known, nm."""

    z_nm: float
    sigma_nm: float = 0.0


def checked_anchor(z_nm: float, sigma_nm: float = 0.0) -> Anchor:
    """Return an anchor; `BadInputError` if a number can be none.

    Examples
    --------
    >>> checked_anchor(880.0, 5.0)
    Anchor(z_nm=880.0, sigma_nm=5.0)
    """
    if not (abs(z_nm) <= FARTHEST_NM and 0 <= sigma_nm <= FARTHEST_NM):
        raise BadInputError(
            f"anchors are finite heights in nm, up to {FARTHEST_NM:g}, not {z_nm} with sigma_nm {sigma_nm}"
        )
    return Anchor(float(z_nm), float(sigma_nm))
