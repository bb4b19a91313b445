"""A focus sweep for z tables in words: what will move, and how good its tables became. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from parfocal.app.desktop.cell_table import TableCell
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from parfocal.analysis.beads.sweep_plan import SweepPlan
    from parfocal.core.protocols import Axis
    from parfocal.core.run_status import RunStatus

COLUMNS = {"bead": 48, "used": 50, "usable heights (nm)": 0, "chi2": 52, "sigma z (nm)": 104}
NUMBERS = (3, 4)
_FAR_FROM_1 = 1.5
"""A table whose chi2 is further from 1 than by this factor is not to be trusted."""
_SETTINGS_OF_A_FOCUS = ("focus", "z")
"""Of a lock of the height, and of the service that carries out runs: which stage moves the focus."""
_FRAMES_LATE = 3
"""So many frames pass in each plane until one counts that was exposed after the arrival."""


class TableSweep(NamedTuple):
    """A sweep that has ended whole: its name, and what the tracker told of its tables."""

    sweep: str
    quality: Mapping[str, Any]


def newest_sweep(runs: Mapping[str, RunStatus], tracker: str) -> TableSweep | None:
    """Return the newest sweep that a run has made with a tracker; None without one.

    One whose run has not ended is not looked at yet: the run holds the tracker, which takes no tables then.
    """
    for run in reversed([run for run in runs.values() if run.ended]):
        for noted in reversed(run.commands):
            details = noted.details
            if noted.command == f"{tracker}.sweep_tables" and "result" in details:
                return TableSweep(str(details.get("arguments", {}).get("sweep", "")), details["result"])
    return None


def focus_first(stages: Collection[str], settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return stages, those first that services have as the `focus` which they move, or runs as their `z`.

    Examples
    --------
    >>> focus_first(["magnet", "objective"], [{"frames": "camera"}, {"focus": "objective"}])
    ['objective', 'magnet']
    """
    named = {each.get(setting) for each in settings for setting in _SETTINGS_OF_A_FOCUS}
    return sorted(stages, key=lambda stage: stage not in named)


def held_text(runs: Mapping[str, RunStatus], services: Collection[str]) -> str:
    """Return which run uses what a sweep needs, in words; "" if none does.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> run = RunStatus(run="pull", state="running", claims=("focus", "magnet"))
    >>> held_text({"pull": run}, ("focus", "tracker"))
    'Run pull uses focus: tables can be made when it has ended.'
    >>> held_text({"pull": run}, ("tracker",))
    ''
    """
    for run in runs.values():
        used = [service for service in services if service in run.claims]
        if used and not run.ended:
            return f"Run {run.run} uses {' and '.join(used)}: tables can be made when it has ended."
    return ""


class SweepStart(NamedTuple):
    """From where a sweep begins: the stage and its axis, where it stands (nm), and the camera's rate."""

    focus: str
    axis: Axis
    home_nm: float
    rate_hz: float


def sweep_told(plan: SweepPlan, start: SweepStart, settle_s: float, beads: int) -> tuple[str, bool]:
    """Return what a sweep will do in words, and whether that can be.

    Examples
    --------
    >>> from parfocal.analysis.beads.sweep_plan import SweepPlan
    >>> from parfocal.core.protocols import Axis
    >>> plan = SweepPlan(start_nm=-1000, stop_nm=1000, step_nm=100, frames=10)
    >>> start = SweepStart("focus", Axis(name="z", unit="nm", low=0, high=9000, speed=5e4), 4000.0, 100.0)
    >>> for sentence in sweep_told(plan, start, 0.0, beads=50)[0].split(". "):
    ...     print(sentence)
    focus goes from 3000 to 5000 nm in 21 planes, then back to 4000 nm; nothing else moves
    210 images at 100 a second, about 3 s
    The regions of all 50 beads stand still meanwhile.
    >>> sweep_told(plan, start._replace(home_nm=500.0), 0.0, beads=50)
    ("the sweep goes from -500 to 1500 nm, but the limits of 'focus' are 0 and 9000 nm", False)
    """
    try:
        planes = plan.planes_nm()
        plan.check_limits(start.home_nm, (start.axis.low, start.axis.high), start.focus)
    except BadInputError as error:
        return str(error), False
    images = len(planes) * plan.frames
    each_s = (plan.frames + _FRAMES_LATE) / start.rate_hz + start.axis.seconds_for(plan.step_nm) + settle_s
    first, last = start.home_nm + planes[0], start.home_nm + planes[-1]
    return (
        f"{start.focus} goes from {first:.0f} to {last:.0f} nm in {len(planes)} planes, then back to "
        f"{start.home_nm:.0f} nm; nothing else moves. {images} images at {start.rate_hz:.3g} a second, "
        f"about {time_text(len(planes) * each_s)}. The regions of all {beads} beads stand still meanwhile."
    ), bool(beads)


def time_text(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> time_text(2.6), time_text(90.0)
    ('3 s', '1.5 min')
    """
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{max(1, round(seconds))} s"


def quality_rows(
    quality: Mapping[str, Any], left_out: Collection[int], newest: Mapping[int, Any]
) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each bead of a sweep: usable heights and chi2, and how well z is known now.

    Examples
    --------
    >>> quality = {
    ...     "beads": [3, 5],
    ...     "without": [7],
    ...     "usable_nm": [[-900, 900], [-900, 300]],
    ...     "chi2": [1.04, 2.6],
    ... }
    >>> rows = quality_rows(quality, {5}, {})
    >>> [[cell.text for cell in rows[bead]] for bead in rows]
    [['3', 'yes', '-900 to 900', '1.04', ''], ['5', 'no', '-900 to 300', '2.60', ''], ['7', '', 'no bead was seen', '', '']]
    """  # noqa: E501
    rows: dict[str, tuple[TableCell, ...]] = {}
    for bead, usable, chi2 in zip(quality["beads"], quality["usable_nm"], quality["chi2"], strict=True):
        used = bead not in left_out
        is_good = 1 / _FAR_FROM_1 < chi2 < _FAR_FROM_1
        tip = "Of the images about their own profile: 1 for a symmetric bead and a true gain of the camera"
        rows[str(bead)] = (
            TableCell(str(bead)),
            TableCell("yes" if used else "no", "text" if used else "faint"),
            TableCell(f"{usable[0]:.0f} to {usable[1]:.0f}"),
            TableCell(f"{chi2:.2f}", "good" if is_good else "flagged", tip),
            _accuracy(newest.get(bead)),
        )
    for bead in quality["without"]:
        cells = (TableCell(str(bead)), TableCell(""), TableCell("no bead was seen", "flagged"))
        rows[str(bead)] = (*cells, TableCell(""), TableCell(""))
    return rows


def _accuracy(row: Any) -> TableCell:
    """Return the standard deviation of the height of a bead in its newest row, by the table in use."""
    sigma = float("nan") if row is None else float(row["sigma_z_nm"])
    return TableCell("" if sigma != sigma else f"{sigma:.1f}", "faint", "By the table that is in use now")


def in_use_text(state: Mapping[str, Any] | None, beads: int) -> str:
    """Return whose tables are in use.

    Examples
    --------
    >>> in_use_text({"tables": {"file": "a", "beads": [1, 2], "hash": "f"}}, 3)
    'In use: tables of 2 of 3 beads.'
    >>> in_use_text({"tables": {"file": "", "beads": [], "hash": ""}}, 3)
    'No bead has a table yet: heights are not known.'
    """
    if state is None:
        return ""
    tables = msgspec.to_builtins(state.get("tables", {}))
    if not tables.get("hash"):
        return "No bead has a table yet: heights are not known."
    own = len(tables.get("beads", ()))
    return f"In use: tables of {own} of {beads} beads." if own else "In use: one table for all beads."
