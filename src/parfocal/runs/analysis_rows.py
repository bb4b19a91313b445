"""The rows that a run's pipeline leaves: the cells of each image, each stimulus, the light each cell got."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.frames import blank_rows
from parfocal.runs.machine.counts import LEFT_OUT, NO_MASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.event_log import SettledEvent
    from parfocal.runs.pipeline.analysed import AnalysedFrame
    from parfocal.runs.plans.event import Event

OUTCOMES = ("fired", "fallback", "lost", "skipped", "failed", "unsure", "cancelled", NO_MASK, LEFT_OUT)
"""What the numbers in the column `outcome` of a stimulation mean.

"fallback" was fired with an older mask; "no mask" was left out, as the policy for late masks says.
"""
_LIT = ("fired", "fallback", "lost", "unsure")
"""The outcomes of stimuli that were, or may have been, fired: a lost one is one whose frame did not come."""
_EVENT = [("number", "<i8"), ("phase_id", "<i8"), ("t", "<i4"), ("p", "<i4")]
_OF_LIGHT = [*_EVENT, ("c", "<i4")]
_PHASE_IDS = range(-(2**63), 2**63)
_CELL = [("label", "<i4"), ("particle", "<i8")]
_PLACE_PX, _PLACE_UM = ("y_px", "x_px"), ("y_um", "x_um")
_PARENT = "parent"
STIMULATION = np.dtype(
    [
        *_OF_LIGHT,
        ("image_event", "<i8"),
        ("frame", "<i8"),
        ("mask_hash", "<u8"),
        ("outcome", "u1"),
        ("lit_px", "<i8"),
        *((name, "<f8") for name in ("asked_power", "power", "exposure_ms", "x_um", "y_um", "z_um")),
        *((name, "i1") for name in ("shutter", "mask_read")),
        *((name, "<i8") for name in ("image_ns", "mask_ns", "shown_ns", "fired_ns")),
        ("image_to_stim_ms", "<f8"),
    ]
)
"""A stimulus. `number` is that of its event, `image_event` of the one whose image its mask was made from, and
`frame` the camera's number of that image; `mask_read` is 1 if the modulator told its mask itself, and 0 if
it took it without an error, and cannot tell; times are on the monotonic clock."""
DOSE = np.dtype([*_OF_LIGHT, *_CELL, ("dose", "<f8")])
"""How much light a cell got by a stimulus: power x ms x the part of the cell that was lit."""


def track_dtype(columns: Iterable[str]) -> np.dtype[Any]:
    """Return the dtype of the cells of an image: where they are, what they are called, and `columns` (f8).

    `parent` is the particle that a cell divided from. Columns that every row has are not repeated.

    Examples
    --------
    >>> track_dtype(["area_px", "y_px"]).names[-4:]
    ('y_um', 'x_um', 'area_px', 'parent')
    """
    known = [*_EVENT, *_CELL, *((name, "<f8") for name in (*_PLACE_PX, *_PLACE_UM))]
    names = {name for name, _ in known} | {_PARENT}
    own = [(name, "<f8") for name in dict.fromkeys(columns) if name not in names]
    return np.dtype([*known, *own, (_PARENT, "<i8")])


def track_rows(
    dtype: np.dtype[Any], frame: AnalysedFrame, shape: tuple[int, ...], pixel_size_um: float | None
) -> NDArray[np.void]:
    """Return the rows (n,) of the cells of an image; none of one that was not segmented, which has no labels.

    Parameters
    ----------
    dtype : dtype
        As of `track_dtype`; a column that the cells do not have is NaN, or -1.
    frame : AnalysedFrame
        The cells, and where the stage stood: the centre of the image is there.
    shape : tuple of int
        Of the image, (y, x).
    pixel_size_um : float or None
        Of the image; without it there are no places on the stage.
    """
    columns, stage = frame.columns, frame.exposure
    rows = _blank(dtype, len(columns.get("label", ())), frame.event)
    for name in dtype.names or ():
        if name in columns:
            rows[name] = columns[name]
    if pixel_size_um is not None:
        stage_um = stage.y_um, stage.x_um
        for at_px, at_um, size, centre_um in zip(_PLACE_PX, _PLACE_UM, shape, stage_um, strict=True):
            origin_um = math.nan if centre_um is None else centre_um
            rows[at_um] = origin_um + (rows[at_px] - (size - 1) / 2) * pixel_size_um
    return rows


def stimulation_row(done: SettledEvent) -> NDArray[np.void]:
    """Return the row (1,) of a stimulus: which mask, what was asked for, what was read back, and when.

    Of what is not known it holds -1, NaN, or 0 for the hash.
    """
    rows = _blank(STIMULATION, 1, done.event)
    told = {"asked_power": done.event.power, "mask_hash": 0} | _of_mask(done) | _of_light(done)
    for name, value in told.items():
        if value is not None:
            rows[name] = value
    rows["outcome"] = OUTCOMES.index(_outcome(done))
    return rows


def dose_rows(done: SettledEvent) -> NDArray[np.void]:
    """Return the rows (n,) of the light that the cells got by a stimulus; none if it was not fired.

    The dose is NaN where nobody knows it: the stimulus may have been fired, or its frame was lost.
    """
    facts = done.stimulus
    if facts is None or facts.mask is None or _outcome(done) not in _LIT:
        return np.empty(0, DOSE)
    columns = facts.mask.columns
    rows = _blank(DOSE, len(columns.get("label", ())), done.event)
    for name in ("label", "particle"):
        if name in columns:
            rows[name] = columns[name]
    if facts.fired is not None and "lit" in columns:
        exposed = facts.fired.exposed
        power = done.event.power if exposed.power is None else exposed.power
        if power is not None:
            rows["dose"] = columns["lit"] * power * exposed.header.exposure_ns * 1e-6
    return rows


def _outcome(done: SettledEvent) -> str:
    if done.outcome == "acquired":
        return "fallback" if done.mask_is_older else "fired"
    return done.outcome


def _of_mask(done: SettledEvent) -> dict[str, float | None]:
    facts = done.stimulus
    if facts is None or facts.mask is None:
        return {}
    mask = facts.mask
    return {
        "image_event": mask.stimulus.image_event,
        "frame": mask.stimulus.frame,
        "image_ns": mask.image_ns,
        "mask_ns": mask.mask_ns,
    }


def _of_light(done: SettledEvent) -> dict[str, float | None]:
    facts = done.stimulus
    if facts is None or facts.fired is None:
        return {}
    fired, exposed, shown = facts.fired, facts.fired.exposed, facts.fired.shown
    since_ns = None if facts.mask is None else fired.fired_ns - facts.mask.image_ns
    return {
        "mask_hash": None if shown is None else shown.hash,
        "lit_px": None if shown is None else shown.lit_px,
        "power": exposed.power,
        "exposure_ms": exposed.header.exposure_ns * 1e-6,
        "x_um": exposed.x_um,
        "y_um": exposed.y_um,
        "z_um": exposed.z_um,
        "shutter": fired.shutter,
        "mask_read": None if shown is None else shown.read_back,
        "shown_ns": None if shown is None else shown.shown_ns,
        "fired_ns": fired.fired_ns,
        "image_to_stim_ms": None if since_ns is None else since_ns * 1e-6,
    }


def _blank(dtype: np.dtype[Any], count: int, event: Event) -> NDArray[np.void]:
    """Return rows of an event that hold nothing else yet."""
    rows = blank_rows(dtype, count)
    phase = event.metadata.get("phase_id", -1)
    is_id = isinstance(phase, int) and phase in _PHASE_IDS
    rows["number"], rows["phase_id"] = event.number, phase if is_id else -1
    for axis in set("tpc") & set(dtype.names or ()):
        rows[axis] = event.index.get(axis, -1)
    return rows
