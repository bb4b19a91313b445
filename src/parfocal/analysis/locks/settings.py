"""The settings of both locks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Bead = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LockConfig(BaseModel):
    """What both locks are told; all but the names of services and streams can be changed while they run.

    Parameters
    ----------
    tracker : str
        Service that has the regions.
    tracks : str
        Its stream of rows.
    interval_s : float
        Time between two corrections.
    window : int
        How many fresh frames are averaged for one.
    silent_after_s : float
        Without any row for so long, the lock pauses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracker: str = "tracker"
    tracks: str = "tracks"
    interval_s: Annotated[float, Field(ge=0.02, le=3600)] = 1.0
    window: Annotated[int, Field(ge=1, le=10_000)] = 10
    silent_after_s: Annotated[float, Field(ge=0.1, le=3600)] = 2.0


class XYLockConfig(LockConfig):
    """Settings of the XY-lock.

    Parameters
    ----------
    beads : "all" or list of int
        Whose regions follow.
    max_px : float
        How far a region moves in one correction.
    corrections : str
        Name of the stream of corrections (`parfocal.analysis.locks.corrections.XY_DTYPE`).
    """

    beads: Literal["all"] | Annotated[tuple[Bead, ...], Field(min_length=1)] = "all"
    max_px: Annotated[float, Field(ge=1, le=1000)] = 10.0
    corrections: str = "xy_corrections"


class ZLockConfig(LockConfig):
    """Settings of the Z-lock.

    Parameters
    ----------
    beads : list of int
        By whose height the focus is held: beads that are stuck to the glass.
    focus, axis : str
        The stage that is moved, and which axis of it, "" for its only one. The heights of the z tables rise
        with its position.
    target_nm : "latch" or float
        Which height the beads are held at: each where it is when the lock is switched on, or all at this one.
    damping : float
        Which part of the error one correction leaves, 0 to below 1.
    max_nm, min_nm : float
        The largest correction, and the smallest that is worth a move.
    settle_s : float
        How long after its arrival the focus is left to settle before a frame counts.
    outside : "latch" or "off"
        What happens when somebody else moves the focus: the lock holds the beads at the height that they have
        then, also if another `target_nm` was set, or switches itself off.
    outside_nm : float
        How far from where the lock left it the focus has to stand to have been moved by somebody else.
    while_claimed : "pause" or "correct"
        What it does while a run claims the focus.
    corrections : str
        Name of the stream of corrections (`parfocal.analysis.locks.corrections.Z_DTYPE`).
    """

    beads: tuple[Bead, ...] = ()
    focus: str = "focus"
    axis: str = ""
    target_nm: Literal["latch"] | Annotated[float, Field(allow_inf_nan=False)] = "latch"
    damping: Annotated[float, Field(ge=0, lt=1)] = 0.2
    max_nm: Positive = 500.0
    min_nm: NotNegative = 1.0
    settle_s: NotNegative = 0.0
    outside: Literal["latch", "off"] = "latch"
    outside_nm: Positive = 20.0
    while_claimed: Literal["pause", "correct"] = "pause"
    corrections: str = "z_corrections"

    @field_validator("beads")
    @classmethod
    def _each_once(cls, beads: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(beads))
