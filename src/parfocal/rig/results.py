"""What a closed record came to: its rows read back, counted and compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parfocal.rig.accuracy import tracking_errors
from parfocal.rig.summary import FrameCounts, Summary, latency_ms, rates, services_summary
from parfocal.storage import read_array

if TYPE_CHECKING:
    from parfocal.core.status import RigStatus
    from parfocal.rig.measurement import Measurement


def summarise(done: Measurement, status: RigStatus, beads: int, pixel_size_nm: float) -> Summary:
    """Return the summary of a measurement whose record is closed, from what is on disk."""
    run = Path(done.report.run)
    stored = done.report.stored
    tracks = read_array(run / "tracks")
    with_rows = len(np.unique(tracks["frame"])) if beads else done.tracked
    errors = None
    if "truth" in stored:
        errors = tracking_errors(tracks, read_array(run / "truth"), pixel_size_nm=pixel_size_nm)
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
        latency_ms=latency_ms(tracks),
        fps=rates(tracks),
        error=errors,
        services=services_summary(status.services.values()),
    )
