"""What a run came to, in one object: counts of its final status, and times of the rows of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import ParfocalError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.runs.event_log import OUTCOMES
from parfocal.storage.recorded_run import EVENT_LOG, STIMULATIONS, open_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus

_IMAGES = ("image", "reference")


class EventTotals(msgspec.Struct, frozen=True, kw_only=True):
    """How many events the plan has, and how many were carried out."""

    total: int
    acquired: int


class FrameTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the images: ``received == stored + dropped``. Those of stimuli are not counted."""

    received: int
    stored: int
    dropped: int


class StimulusTotals(msgspec.Struct, frozen=True, kw_only=True):
    """How many stimuli were settled, how many were fired, and how many were without the wanted mask."""

    asked: int
    fired: int
    fallback: int


class RunTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to: the last line that ``--json`` prints of it begins so.

    Attributes
    ----------
    outcome, reason, run : str
        How it ended and why, and the folder of its record; "" if it has none.
    events, frames, stimulations
        Counts.
    latency_ms : dict
        "image_to_stim": p50 and p99 over the stimuli, from the end of the exposure of an image until the
        stimulus begins whose mask was made of it; NaN if none was fired.
    lag_ms : dict
        p50 and max over the images: how much later they began than the plan has it; NaN if there is none.
    errors : int
        How many there were.
    """

    outcome: str
    reason: str
    run: str
    events: EventTotals
    frames: FrameTotals
    stimulations: StimulusTotals
    latency_ms: dict[str, dict[str, float]]
    lag_ms: dict[str, float]
    errors: int


def run_totals(status: RunStatus) -> RunTotals:
    """Return what a run came to that has ended; times are those of its record, if that can be read."""
    events, stimulations = _rows_of(status.folder)
    return RunTotals(
        outcome=status.outcome,
        reason=status.reason,
        run=status.folder,
        events=EventTotals(total=status.events_total, acquired=status.events_acquired),
        frames=frame_totals(status),
        stimulations=StimulusTotals(
            asked=status.stimulations.asked,
            fired=status.stimulations.fired,
            fallback=status.stimulations.fallback,
        ),
        latency_ms={"image_to_stim": image_to_stim_ms(stimulations)},
        lag_ms=lag_ms(events),
        errors=status.errors.count,
    )


def frame_totals(status: RunStatus) -> FrameTotals:
    """Return what became of the images of a run.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus, Stimulations
    >>> frame_totals(
    ...     RunStatus(run="a", frames_received=9, frames_stored=10, stimulations=Stimulations(fired=2))
    ... )
    FrameTotals(received=9, stored=8, dropped=1)
    """
    received, stored = status.frames_received, status.frames_stored - status.stimulations.fired
    return FrameTotals(received=received, stored=stored, dropped=received - stored)


def lag_ms(events: NDArray[Any] | None) -> dict[str, float]:
    """Return how much later the images of a log of events began than they should."""
    late = np.empty(0)
    if events is not None:
        late = (events["started_s"] - events["scheduled_s"])[_exposed(events)] * 1e3
    return {"p50": _percentile(late, 50), "max": _percentile(late, 100)}


def image_to_stim_ms(stimulations: NDArray[Any] | None) -> dict[str, float]:
    """Return how long it was from an image to the stimulus whose mask was made of it."""
    took = np.empty(0) if stimulations is None else stimulations["image_to_stim_ms"]
    took = took[np.isfinite(took)]
    return {"p50": _percentile(took, 50), "p99": _percentile(took, 99)}


def _rows_of(folder: str) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Return the events and the stimulations of a record; None for what it doesn't have."""
    try:
        run = open_run(folder)
        streams = run.streams("rows")
        events = run.events() if EVENT_LOG in streams else None
        return events, run.stimulations() if STIMULATIONS in streams else None
    except ParfocalError:  # it has none, or its folder is gone: what the run came to is told all the same
        return None, None


def _exposed(events: NDArray[Any]) -> NDArray[np.bool_]:
    images = np.isin(events["kind"], [EVENT_KINDS.index(name) for name in _IMAGES])
    return np.asarray(images & (events["outcome"] == OUTCOMES.index("acquired")))


def _percentile(values: NDArray[Any], part: float) -> float:
    return float(np.percentile(values, part)) if values.size else float("nan")
