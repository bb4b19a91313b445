"""What a closed loop came to, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.cli.summary_view import in_columns, outcome_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from parfocal.cli.summary_view import Line
    from parfocal.rig.loop_summary import LoopSummary


def loop_view(summary: LoopSummary) -> Table:
    """Return the summary of a run with a pipeline as two columns: what, and how much."""
    return in_columns(_lines(summary))


def _lines(summary: LoopSummary) -> Iterator[Line]:
    frames, stimuli, reporter = summary.frames, summary.stimulations, summary.reporter
    took, lag = summary.latency_ms["image_to_stim"], summary.lag_ms
    yield outcome_line(summary.outcome, summary.reason)
    yield "events", f"{summary.events.acquired} of {summary.events.total}"
    yield "images", f"{frames.received} received = {frames.stored} stored + {frames.dropped} dropped"
    yield "stimuli", f"{stimuli.asked} asked for, {stimuli.fired} fired, {stimuli.fallback} without mask"
    if stimuli.fired:
        yield "", f"{took['p50']:.0f} ms median, {took['p99']:.0f} ms p99, from an image to its stimulus"
        overlap = f"{summary.mask_iou['mean']:.3f} overlap of masks and lit regions (IoU)"
        yield "light", f"{overlap}, calibrated within {summary.calibration_px:.2f} px"
    yield "lag", f"{lag['p50']:.0f} ms median, {lag['max']:.0f} ms at most, of an image behind the plan"
    yield "cells", str(summary.cells)
    yield "reporter", f"{reporter.lit:.3f} +- {reporter.lit_error:.3f} of lit cells"
    yield "", f"{reporter.unlit:.3f} +- {reporter.unlit_error:.3f} of the others, at the last time point"
    if summary.errors:
        yield "errors", str(summary.errors)
    if summary.picture:
        yield "picture", summary.picture
    yield "saved in", summary.run
