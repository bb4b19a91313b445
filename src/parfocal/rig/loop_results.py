"""What the closed record of a run with a pipeline holds, read back, drawn and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.cells.response_chart import LitField, StimulusResponses, draw_responses
from parfocal.rig.loop_summary import LoopSummary, reporter_of, were_lit
from parfocal.rig.run_totals import run_totals
from parfocal.storage.recorded_run import open_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus
    from parfocal.storage.recorded_run import RecordedRun

PICTURE = "cells.png"
_MOST_FIELDS = 3
_CAMERA = "camera"


def summarise_loop(
    status: RunStatus,
    *,
    reporter: str,
    calibration_px: float,
    mask_iou: dict[str, float],
    title: str,
) -> LoopSummary:
    """Return the summary of a run whose record is closed, and draw ``cells.png`` beside its rows.

    Parameters
    ----------
    status : RunStatus
        The final one.
    reporter : str
        The channel that shows the reporter.
    calibration_px, mask_iou
        How well the modulator is calibrated, and how well the masks were lit.
    title : str
        Of the picture.
    """
    run = open_run(status.folder)
    tracks, column = run.tracks(), f"ratio_{reporter}"
    lit = were_lit(tracks, run.doses())
    return LoopSummary(
        **msgspec.structs.asdict(run_totals(status)),
        cells=len(np.unique(tracks[["p", "particle"]])),
        reporter=reporter_of(tracks, lit, column),
        mask_iou=mask_iou,
        calibration_px=calibration_px,
        picture=_draw(run, tracks, lit, reporter, title) if len(tracks) else None,
    )


def _draw(run: RecordedRun, tracks: NDArray[Any], lit: NDArray[np.bool_], reporter: str, title: str) -> str:
    path = run.folder / PICTURE
    started = _times_s(run.events())
    fields = [_field(run, p, tracks, lit, reporter) for p in np.unique(tracks["p"])[:_MOST_FIELDS].tolist()]
    stimuli = run.stimulations()
    fired = np.unique(stimuli["t"][stimuli["fired_ns"] >= 0])
    draw_responses(
        fields,
        _responses(tracks, lit, f"ratio_{reporter}", started),
        np.array([started[t] for t in fired.tolist()]),
        path,
        title=title,
        reporter=f"{reporter}: around the nucleus / in it",
    )
    return str(path)


def _times_s(events: NDArray[Any]) -> dict[int, float]:
    """Return when each time point began, by its index."""
    began: dict[int, float] = {}
    for t, started_s in zip(events["t"].tolist(), events["started_s"].tolist(), strict=True):
        if np.isfinite(started_s):
            began[t] = min(started_s, began.get(t, started_s))
    return began


def _field(run: RecordedRun, p: int, tracks: NDArray[Any], lit: NDArray[np.bool_], reporter: str) -> LitField:
    """Return a position at its last time point."""
    here = tracks["p"] == p
    t = int(tracks["t"][here].max())
    seen = here & (tracks["t"] == t)
    masks = list(run.frames("masks", t=t, p=p))
    return LitField(
        name=f"{tracks['position'][seen][0]}, t = {t}, {reporter}. Blue: light. Orange: nuclei without",
        image=np.asarray(run.frames(_CAMERA, t=t, p=p, c=reporter, z=0)),
        labels=np.asarray(run.frames("labels", t=t, p=p)),
        mask=masks[0].data if masks else None,
        lit=tracks["label"][seen & lit],
    )


def _responses(
    tracks: NDArray[Any], lit: NDArray[np.bool_], column: str, started: dict[int, float]
) -> StimulusResponses:
    """Return the reporter of each cell (a row) at each time point (a column)."""
    cells, row = np.unique(tracks[["p", "particle"]], return_inverse=True)
    points, at = np.unique(tracks["t"], return_inverse=True)
    values = np.full((len(cells), len(points)), np.nan)
    values[row, at] = tracks[column]
    was_lit = np.zeros(len(cells), dtype=bool)
    was_lit[row] = lit
    return StimulusResponses(np.array([started[t] for t in points.tolist()]), values, was_lit)
