"""What a run came to, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.rig.offline.movies import MoviesSummary
    from parfocal.rig.summary import Summary

Line = tuple[str, str | Text]
"""What, and how much."""


def summary_view(summary: Summary) -> Table:
    """Return the summary of a run that was tracked as two columns: what, and how much."""
    return in_columns(_lines(summary))


def movies_view(summary: MoviesSummary) -> Table:
    """Return what many movies came to: a line for each, and one for all."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("movie", "outcome", "frames", "beads", "saved in"):
        table.add_column(name, justify="right" if name in ("frames", "beads") else "left", overflow="fold")
    for one in summary.movies:
        why = f" ({one.reason})" if one.reason else ""
        found = one.summary
        counts = ("", "") if found is None else (str(found.frames.tracked), str(found.beads))
        table.add_row(one.movie, Text(f"{one.outcome}{why}"), *counts, one.run)
    for run in summary.left:
        table.add_row("", Text("of a movie that was begun again"), "", "", run)
    table.add_row("", Text.assemble((summary.outcome, "bold"), f" {summary.reason}".rstrip()), "", "", "")
    return table


def in_columns(lines: Iterable[Line]) -> Table:
    """Return lines as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black")
    table.add_column()
    for name, text in lines:
        table.add_row(name, text)
    return table


def outcome_line(outcome: str, reason: str) -> Line:
    """Return how it ended, and why."""
    return "outcome", Text.assemble((outcome, "bold"), f" ({reason})" if reason else "")


def _flags(shares: dict[str, float]) -> str:
    """Return which flags the rows carry.

    Examples
    --------
    >>> _flags({"saturated": 0.921}), _flags({})
    ('; rows flagged: 92.1% saturated', '')
    """
    stated = ", ".join(f"{share:.1%} {flag}" for flag, share in shares.items())
    return f"; rows flagged: {stated}" if stated else ""


def _lines(summary: Summary) -> list[Line]:
    frames = summary.frames
    dropped = ", ".join(f"{count} {reason}" for reason, count in frames.dropped.items()) or "0"
    counted = f"{frames.produced} produced = {frames.tracked} tracked + {dropped} dropped"
    delay = summary.latency_ms
    lines: list[Line] = [
        outcome_line(summary.outcome, summary.reason),
        *(("warning", warning) for warning in summary.warnings),
        ("frames", f"{counted}; {frames.recorded} recorded"),
        ("beads", f"{summary.beads}{_flags(summary.flagged)}"),
    ]
    if frames.tracked > 1 and summary.beads:
        taken = f"{summary.fps['camera']:.1f} fps camera" if summary.fps["camera"] > 0 else "times untold"
        tracked = f", {summary.fps['tracked']:.1f} fps tracked" if summary.fps["tracked"] > 0 else ""
        lines.append(("rate", taken + tracked))
    if summary.beads and summary.movie is None:
        late = f"{delay['p50']:.1f} ms median, {delay['p99']:.1f} ms p99"
        lines.append(("latency", f"{late}, from exposure end to readable row"))
    if summary.error is not None:
        x, y, z = (summary.error[f"{axis}_rms_nm"] for axis in "xyz")
        lines.append(("error", f"x {x:.2f} nm, y {y:.2f} nm, z {z:.2f} nm RMS against the truth"))
        x, y, z = (summary.error[f"{axis}_over_bound"] for axis in "xyz")
        bound = f"x {x:.2f}, y {y:.2f}, z {z:.2f} times the Cramer-Rao bound"
        lines.append(("", f"{bound}; {summary.error['flagged']:.1%} of rows flagged unusable"))
    lines += [("picture", picture) for picture in (summary.overlay, summary.chart) if picture]
    lines.append(("saved in", summary.run))
    return lines
