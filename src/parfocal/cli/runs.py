"""``parfocal runs`` and ``note``: what goes on, what was recorded, and what people say about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import to_builtins
from rich.table import Column, Table
from rich.text import Text

from parfocal.app.display import check_window
from parfocal.cli.output import console, print_json
from parfocal.cli.run_watch import run_to_watch, watch_run
from parfocal.core.errors import BadInputError
from parfocal.rig.find_run import find_run, runs_of_rigs
from parfocal.runs.status_text import progress_text, state_text
from parfocal.storage import annotate_run, list_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.core.run_status import RunStatus
    from parfocal.storage.catalogue import RunSummary

DEFAULT_FOLDER = Path("runs")


def runs(
    folder: Path | None = None,
    *,
    rig: str | None = None,
    watch: bool = False,
    window: bool = False,
    run: str | None = None,
    theme: Literal["dark", "light", "red"] = "dark",
    screenshot: Path | None = None,
    seconds: float = 2.0,
    json: bool = False,
) -> None:
    """List the runs that go on now in all rigs or are prepared, and those recorded in a folder, oldest first.

    Of each: how far it is, or how long it took; how it ended and why, what is stored and said.

    Parameters
    ----------
    folder
        Where records lie; `runs` in the working directory by default, if there is one.
    rig
        Only the runs of this rig, those that have ended included, and no folder unless it is named.
    watch
        Show one run until it has ended: its plan as a strip, its positions as a map, times, queues, errors.
        Keys start, pause, resume, finish, stop and confirm it; q leaves it alone.
    window
        Show the same in a window, with buttons, and go on with whichever run begins next.
    run
        Which run to watch, NAME or RIG/NAME; by default the one that began last.
    theme
        Colours of the window.
    screenshot
        Write what the window shows to this PNG file, and end.
    seconds
        How long to wait before the screenshot.
    json
        Print them as one JSON line.

    Examples
    --------
    parfocal runs

    parfocal runs --watch

    parfocal runs --window

    parfocal runs --window --screenshot runs.png --seconds 3

    parfocal runs /data/today --json

    parfocal runs --rig microscope
    """
    if screenshot is not None and not window:
        raise BadInputError(f"--screenshot {screenshot} is of the --window; give both")
    if window and watch:
        raise BadInputError("--watch shows a run here, --window in a window; give one of them")
    if window:
        _show_window(rig, run, theme, screenshot, seconds)
        return
    if watch:
        watch_run(run or run_to_watch(rig))
        return
    if run is not None:
        raise BadInputError(f"--run {run} names the run to --watch, or that of a --window; give both")
    if folder is None and rig is None and DEFAULT_FOLDER.is_dir():
        folder = DEFAULT_FOLDER
    stated = runs_of_rigs(rig)
    live = [(each.rig, run) for each in stated for run in each.runs.values() if rig or not run.ended]
    found = () if folder is None else list_runs(folder)
    for each in stated:
        if each.error:
            console(quiet=True).print(Text(f"rig {each.rig!r} does not tell its runs: {each.error}"))
    if json:
        print_json({"live": [{"rig": name, **to_builtins(run)} for name, run in live], "runs": found})
        return
    if not live and not found:
        where = f"in {folder}" if folder is not None else "here"
        console().print(Text(f"no run goes on, and none is recorded {where}"))
    if live:
        console().print(_live_table(live))
    if found:
        console().print(_record_table(found))


def _show_window(
    rig: str | None, run: str | None, theme: str, screenshot: Path | None, seconds: float
) -> None:
    check_window(screenshot, seconds)
    from parfocal.app.run_window.window import show_runs

    chosen = None if run is None else find_run(run if rig is None else f"{rig}/{run}")
    show_runs(rig=rig or "", run=chosen, theme=theme, screenshot=screenshot, seconds=seconds)
    if screenshot is not None:
        console().print(Text(f"picture in {screenshot}"))


def _live_table(live: Sequence[tuple[str, RunStatus]]) -> Table:
    table = Table(Column("live run", overflow="fold"), "state", "", box=None, pad_edge=False)
    for rig, run in live:
        of_script = f" (of {run.parent})" if run.parent else ""
        table.add_row(*map(Text, (f"{rig}/{run.run}{of_script}", state_text(run), progress_text(run))))
    return table


def _record_table(found: Sequence[RunSummary]) -> Table:
    table = Table(
        Column("run", overflow="fold"), "seconds", Column("outcome", overflow="fold"), "stored",
        Column("said", overflow="fold"), box=None, pad_edge=False,
    )  # fmt: skip
    for run in found:
        seconds = "" if run.duration_s is None else f"{run.duration_s:.1f}"
        stored = ", ".join(f"{count} {name}" for name, count in run.stored.items())
        why = "; ".join(filter(None, (run.reason, *run.warnings)))
        outcome = f"{run.outcome} ({why})" if why else run.outcome
        said = "; ".join(filter(None, (run.operator, run.sample, run.notes)))
        table.add_row(*map(Text, (Path(run.folder).name, seconds, outcome, stored, said)))
    return table


def note(
    run: Path, *, operator: str | None = None, sample: str | None = None, notes: str | None = None
) -> None:
    """Say who made a run, of what, and what was seen: while it is recorded, or at any time after.

    The record keeps what was said before, with its time.

    Parameters
    ----------
    run
        Folder of the run.
    operator
        Who made it.
    sample
        Of what.
    notes
        Whatever should be known of it.

    Examples
    --------
    parfocal note runs/2026-03-01T14-05-09_beads --sample "lambda DNA" --notes "drifts after 5 s"
    """
    if operator is None and sample is None and notes is None:
        raise BadInputError("there is nothing to note: give --operator, --sample or --notes")
    annotate_run(run, operator=operator, sample=sample, notes=notes)
    console().print(Text(f"noted in {run}"))
