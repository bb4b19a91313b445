"""What a run of time points, channels and planes came to, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.cli.summary_view import in_columns, outcome_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from parfocal.cli.summary_view import Line
    from parfocal.rig.micromanager import AcquisitionSummary


def acquisition_view(summary: AcquisitionSummary) -> Table:
    """Return the summary of a run as two columns: what, and how much."""
    return in_columns(_lines(summary))


def _lines(summary: AcquisitionSummary) -> Iterator[Line]:
    yield outcome_line(summary.outcome, summary.reason)
    yield "events", f"{summary.events_acquired} of {summary.events_total}"
    shape = " x ".join(map(str, summary.shape))
    yield "images", f"{summary.images} stored, {shape or 0} (t, p, c, z, y, x)"
    yield "channels", ", ".join(f"{name}: {mean:.0f} counts" for name, mean in summary.mean_counts.items())
    yield "focus", f"{', '.join(f'{height:g}' for height in summary.heights_um)} um, read back"
    if summary.picture:
        yield "picture", summary.picture
    yield "saved in", summary.run
