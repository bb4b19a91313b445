"""What a closed record came to: its rows read back, drawn, counted and compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parfocal.analysis.beads.chart import draw_chart
from parfocal.analysis.beads.quality import flag_shares
from parfocal.rig.accuracy import tracking_errors
from parfocal.rig.summary import FrameCounts, Summary, latency_ms, rates, services_summary
from parfocal.storage import read_array

if TYPE_CHECKING:
    from parfocal.core.status import RigStatus
    from parfocal.rig.measurement import Measurement


def summarise(
    done: Measurement,
    status: RigStatus,
    beads: int,
    *,
    title: str,
    pixel_size_nm: float | None = None,
    seconds: bool = False,
    overlay: str | None = None,
) -> Summary:
    """Return the summary of a measurement whose record is closed, and draw ``tracks.png`` beside its rows.

    Parameters
    ----------
    done, status, beads
        What was measured, by which services, on how many beads.
    title : str
        Of the drawing.
    pixel_size_nm : float, optional
        Edge of a pixel in the sample. Only with it can rows be compared with the truth.
    seconds : bool
        Draw over time, not over the number of the frame.
    overlay : str, optional
        Picture of the beads that was kept.
    """
    run = Path(done.report.run)
    stored = done.report.stored
    tracks = read_array(run / "tracks")
    with_rows = len(np.unique(tracks["frame"])) if beads else done.tracked
    errors = None
    if "truth" in stored and pixel_size_nm is not None:
        errors = tracking_errors(tracks, read_array(run / "truth"), pixel_size_nm=pixel_size_nm)
    chart = None
    if len(tracks):
        chart = str(run / "tracks.png")
        draw_chart(tracks, Path(chart), title=title, pixel_size_nm=pixel_size_nm, seconds=seconds)
    return Summary(
        outcome=done.report.outcome,
        reason=done.report.reason,
        run=str(run),
        frames=FrameCounts(
            produced=done.produced,
            tracked=done.tracked,
            recorded=min(with_rows, stored.get("camera", with_rows)),
            dropped=done.dropped,
        ),
        beads=beads,
        flagged=flag_shares(tracks),
        latency_ms=latency_ms(tracks),
        fps=rates(tracks),
        error=errors,
        services=services_summary(status.services.values()),
        overlay=overlay,
        chart=chart,
    )
