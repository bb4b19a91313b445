"""What a closed record came to: its rows read back, drawn, counted and compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.chart import draw_chart
from parfocal.analysis.beads.quality import advice_on_chi2, usable
from parfocal.rig.accuracy import tracking_errors
from parfocal.rig.digest import MOST_ROWS, digest_of, sampled_rows
from parfocal.rig.summary import FrameCounts, Summary, services_summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.status import RigStatus
    from parfocal.rig.tracked_run import TrackedRun
    from parfocal.storage import Manifest


def _advice(manifest: Manifest, tracks: NDArray[Any]) -> tuple[str, ...]:
    """Return what the chi2 of good rows says of the camera's gain and noise, if they cannot be as told."""
    noise = manifest.devices.get("tracker", {}).get("noise")
    if noise is None or not len(tracks):
        return ()
    chi2 = tracks["chi2"][usable(tracks)]
    advice = advice_on_chi2(chi2[np.isfinite(chi2)], noise["gain_e_per_adu"])
    return (" ".join(advice.split()),) if advice else ()


def summarise(
    done: TrackedRun,
    status: RigStatus,
    beads: int,
    *,
    title: str,
    pixel_size_nm: float | None = None,
    seconds: bool = False,
) -> Summary:
    """Return the summary of a run whose record is closed, and draw ``tracks.png`` beside its rows.

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
    """
    run, stored, ledger = done.folder, done.stored, done.ledger
    digest = digest_of(run / "tracks")
    every = max(1, -(-digest.rows // MOST_ROWS))
    tracks = sampled_rows(run / "tracks", every)
    errors = None
    if "truth" in stored and pixel_size_nm is not None and len(tracks):
        truth = sampled_rows(run / "truth", every)
        errors = tracking_errors(tracks, truth, pixel_size_nm=pixel_size_nm)
    chart = None
    if len(tracks):
        chart = str(run / "tracks.png")
        shown = title if every == 1 else f"{title} (one frame of {every})"
        draw_chart(tracks, Path(chart), title=shown, pixel_size_nm=pixel_size_nm, seconds=seconds)
    with_rows = digest.frames if beads else ledger.tracked
    overlay = run / "overlay.png"
    return Summary(
        outcome=done.manifest.outcome,
        reason=done.manifest.reason,
        warnings=(*done.manifest.warnings, *_advice(done.manifest, tracks)),
        run=str(run),
        frames=FrameCounts(
            produced=ledger.exposed,
            tracked=ledger.tracked,
            recorded=min(with_rows, stored.get("camera", with_rows)),
            dropped=ledger.dropped,
        ),
        beads=beads,
        flagged=digest.flagged(),
        latency_ms=digest.latency_ms(),
        fps=digest.rates(),
        error=errors,
        services=services_summary(status.services.values()),
        overlay=str(overlay) if overlay.exists() else None,
        chart=chart,
    )
