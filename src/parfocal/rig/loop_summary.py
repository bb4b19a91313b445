"""What a run with a pipeline came to, in one object: pure functions on its status and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.runs.event_log import OUTCOMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus

_IMAGES = ("image", "reference")


class LoopEvents(msgspec.Struct, frozen=True, kw_only=True):
    """How many events the plan has, and how many were carried out."""

    total: int
    acquired: int


class LoopFrames(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the images: ``received == stored + dropped``. Those of stimuli are not counted."""

    received: int
    stored: int
    dropped: int


class LoopStimulations(msgspec.Struct, frozen=True, kw_only=True):
    """How many stimuli were settled, how many were fired, and how many were without the wanted mask."""

    asked: int
    fired: int
    fallback: int


class LoopReporter(msgspec.Struct, frozen=True, kw_only=True):
    """The reporter at the last time point, cytoplasm over nucleus: mean of the cells, and its standard error.

    NaN where there is no such cell.
    """

    lit: float
    lit_error: float
    unlit: float
    unlit_error: float


class LoopSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What a run with a pipeline came to: the last line that ``--json`` prints.

    Attributes
    ----------
    outcome, reason, run : str
        How it ended and why, and the folder of its record.
    events, frames, stimulations
        Counts.
    latency_ms : dict
        "image_to_stim": p50 and p99 over the stimuli, from the end of the exposure of an image until the
        stimulus begins whose mask was made of it; NaN if none was fired.
    lag_ms : dict
        p50 and max over the images: how much later they began than the plan has it.
    errors : int
        How many there were.
    cells : int
        Followed in all positions.
    reporter : LoopReporter
        Of lit cells and of those that were not.
    mask_iou : dict
        "min" and "mean" over the stimuli: the mask that was made, beside what the simulated modulator really
        lit of the sample, intersection over union.
    calibration_px : float
        How well the modulator is calibrated: RMS of the spots, camera pixels.
    picture : str or None
        What the cells did, and which were lit; None if there was no cell.
    """

    outcome: str
    reason: str
    run: str
    events: LoopEvents
    frames: LoopFrames
    stimulations: LoopStimulations
    latency_ms: dict[str, dict[str, float]]
    lag_ms: dict[str, float]
    errors: int
    cells: int
    reporter: LoopReporter
    mask_iou: dict[str, float]
    calibration_px: float
    picture: str | None = None


def lag_ms(events: NDArray[Any]) -> dict[str, float]:
    """Return how much later the images of a log of events began than they should."""
    late = (events["started_s"] - events["scheduled_s"])[_exposed(events)] * 1e3
    return {"p50": _percentile(late, 50), "max": _percentile(late, 100)}


def image_to_stim_ms(stimulations: NDArray[Any]) -> dict[str, float]:
    """Return how long it was from an image to the stimulus whose mask was made of it."""
    took = stimulations["image_to_stim_ms"]
    took = took[np.isfinite(took)]
    return {"p50": _percentile(took, 50), "p99": _percentile(took, 99)}


def frame_counts(status: RunStatus, events: NDArray[Any], stored: int, lost: int) -> LoopFrames:
    """Return what became of the images.

    Parameters
    ----------
    status, events
        Of the run, and its log.
    stored : int
        How many images the record holds.
    lost : int
        How many exposures of the plan it lacks; those that were never made count as well.
    """
    exposures = np.isin(events["kind"], [EVENT_KINDS.index(name) for name in (*_IMAGES, "stimulus")])
    never = int(np.count_nonzero(exposures & (events["frame"] < 0)))
    return LoopFrames(received=status.frames_received, stored=stored, dropped=max(0, lost - never))


def reporter_of(tracks: NDArray[Any], lit: NDArray[np.bool_], column: str) -> LoopReporter:
    """Return the reporter at the last time point; `lit` tells of each row whether its cell ever was."""
    last = tracks["t"] == tracks["t"].max(initial=-1)
    values = (_mean_and_error(tracks[column][last & chosen]) for chosen in (lit, ~lit))
    (lit_mean, lit_error), (unlit_mean, unlit_error) = values
    return LoopReporter(lit=lit_mean, lit_error=lit_error, unlit=unlit_mean, unlit_error=unlit_error)


def were_lit(tracks: NDArray[Any], doses: NDArray[Any]) -> NDArray[np.bool_]:
    """Return of each row of a cell whether that cell got light by any stimulus.

    Examples
    --------
    >>> cell = np.dtype([("p", int), ("particle", int)])
    >>> doses = np.array([(0, 3, 2.0), (1, 4, 0.0)], [*cell.descr, ("dose", float)])
    >>> were_lit(np.array([(0, 3), (0, 4), (1, 3), (1, 4)], cell), doses)
    array([ True, False, False, False])
    """
    lit = doses[doses["dose"] > 0]
    known = set(zip(lit["p"].tolist(), lit["particle"].tolist(), strict=True))
    cells = zip(tracks["p"].tolist(), tracks["particle"].tolist(), strict=True)
    return np.fromiter((cell in known for cell in cells), bool, len(tracks))


def _exposed(events: NDArray[Any]) -> NDArray[np.bool_]:
    images = np.isin(events["kind"], [EVENT_KINDS.index(name) for name in _IMAGES])
    return np.asarray(images & (events["outcome"] == OUTCOMES.index("acquired")))


def _percentile(values: NDArray[Any], part: float) -> float:
    return float(np.percentile(values, part)) if values.size else float("nan")


def _mean_and_error(values: NDArray[Any]) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    error = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
    return float(values.mean()), error
