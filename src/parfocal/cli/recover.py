"""``parfocal recover``: a run that was cut short, looked at and completed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from parfocal.cli.exits import Exit, exit_of_outcome
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.cli.progress_line import ProgressLine
from parfocal.cli.run import follow, print_status
from parfocal.cli.signals import counted_signals, ending_signals, interrupt
from parfocal.rig import recovering

if TYPE_CHECKING:
    from rich.console import Console

    from parfocal.rig.recovering import RigRecovery

_LISTED = 20


def recover(
    folder: Path, *, check: bool = False, yes: bool = False, detach: bool = False, json: bool = False
) -> int:
    """Complete a run that was cut short, by a kill, a crash or a cancel, in its own record.

    Its rig is started again by the file in the record, unless it runs. What differs from when the run began
    is told before anything is done: instruments, calibration, settings, versions. Then all that is left of
    the plan is carried out: each index once; a stimulus that may have been fired is never fired again, but
    listed. Ctrl-C cancels it; it can be recovered again.

    Parameters
    ----------
    folder
        Of the run.
    check
        Tell how it stands and what differs, and do nothing.
    yes
        Complete it whatever differs, without a question.
    detach
        Return when it goes on; so does its rig, in the background.
    json
        Print one JSON object in the last line: how it stands with --check, else what
        it came to, and its final status.

    Examples
    --------
    parfocal recover runs/2026-03-01T14-05-09_erk --check

    parfocal recover runs/2026-03-01T14-05-09_erk --yes
    """
    find_own_modules()
    for number in ending_signals():
        signal.signal(number, interrupt)
    shown = console(quiet=json)
    with shown.status("starting the rig of the record"):
        opened = recovering.recover(folder, detach=detach and not check)
    with opened as found, counted_signals() as came:
        _show(found, shown)
        if check and found.report.refused:  # else it is the error
            shown.print(Text(found.report.refused))
        if check or found.is_complete:
            if json:
                print_json({"outcome": found.outcome, **msgspec.to_builtins(found.report)})
            return Exit.OK
        if not yes and not _is_wanted(found, shown):
            return Exit.USAGE
        handle, rig = found.complete(), found.rig.name if found.rig is not None else ""
        line = ProgressLine(f"{rig}/{handle.name}", shown)
        status = handle.status() if detach else follow(handle, line, came)
        print_status(status, rig, json=json)
    return Exit.OK if detach else exit_of_outcome(status.outcome)


def _is_wanted(found: RigRecovery, shown: Console) -> bool:
    """Ask a person, if something differs; where nobody can be asked, tell how to say yes."""
    if not found.differences and not found.report.unsure:
        return True
    if sys.stdin is not None and sys.stdin.isatty():
        return shown.input("complete it all the same? [y/N] ").strip().lower() in ("y", "yes")
    shown.print(Text("complete it with --yes, if that does not matter"))
    return False


def _show(found: RigRecovery, shown: Console) -> None:
    report = found.report
    shown.print(Text(f"run {report.run}: {found.outcome}; recorded in {report.folder}"))
    done = f"{report.events_done} of {report.events_total} events are done, {report.events_left} are left"
    shown.print(Text("nothing of it is left to do" if found.is_complete else done))
    if report.repeated:
        shown.print(Text(f"{len(report.repeated)} of them are repeated: their frames were lost"))
    for number in report.lost[:_LISTED]:
        shown.print(Text(f"event {number} was fired, and its frame is lost"))
    for event in report.unsure[:_LISTED]:
        what = event.call or f"{event.kind} at {event.index}"
        shown.print(Text(f"event {event.number} may have happened, and is not done again: {what}"))
    if more := max(0, len(report.unsure) - _LISTED):
        shown.print(Text(f"and {more} more; --json lists them"))
    for line in report.differences:
        shown.print(Text(f"differs: {line}"))
