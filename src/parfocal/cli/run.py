"""``parfocal run``: a plan carried out by a rig, with a line that follows it."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from parfocal.cli.exits import Exit, exit_of_outcome
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.cli.progress_line import ProgressLine
from parfocal.cli.run_watch import WatchedRun, outline_of
from parfocal.cli.signals import counted_signals, ending_signals, interrupt
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.run_status import StimMode
from parfocal.rig.opening import attach_or_open, is_up
from parfocal.rig.run_totals import run_totals
from parfocal.runs.pipeline.requested_run import requested_run
from parfocal.runs.status_text import forecast_text, line_in_rig

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from parfocal.core.run_status import RunStatus
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.pipeline.requested_run import RequestedRun


def run(
    rig: str,
    plan: Path,
    *,
    out: Path | None = None,
    name: str = "",
    continues: str = "",
    pipeline: str = "",
    stim_mode: StimMode | None = None,
    force: bool = False,
    watch: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Carry out a plan, and show how far it is until it has ended.

    The run goes on in a process of its rig: other terminals see it with `parfocal runs`, and steer it with
    `parfocal pause`, `resume`, `cancel`, `finish` and `confirm`. Ctrl-C cancels it, and waits for its record
    to be closed; a second one leaves.

    Parameters
    ----------
    rig
        A running rig; else a built-in one or a file, which is started, and ended again after the run.
    plan
        YAML, TOML or JSON file with the plan; it may hold a pipeline, too.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    continues
        A run of this rig that has ended: its indices and files go on.
    pipeline
        What is done with its images, up to the masks of its stimuli: "module:object" of a Pipeline, instead
        of that in the file. Its module may lie in the working directory, or beside the file.
    stim_mode
        From which image the mask of a stimulus is made: of its time point, or of the one before; by default
        as the file says, else of its time point.
    force
        Use instruments although another run, or another program, holds them; the record says so.
    watch
        Show all of it meanwhile: its plan as a strip, its positions as a map, times, queues, errors. Keys
        pause, resume, finish, stop and confirm it; q leaves that for the line.
    detach
        Return when the run has begun. It goes on, and so does its rig, in the background.
    json
        Print what it came to, and its final status, as one JSON object in the last line.

    Examples
    --------
    parfocal run microscope plan.yaml

    parfocal run microscope plan.yaml --out /data/today --name first --json

    parfocal run my-lab.toml plan.yaml --detach

    parfocal run optogenetics plan.yaml --pipeline steps:pipeline --watch
    """
    if watch and detach:
        raise BadInputError(
            "--watch shows a run until it has ended, --detach returns before; give one of them, and see a "
            "run that goes on with `parfocal runs --watch`"
        )
    find_own_modules(plan)
    asked = requested_run(plan, pipeline or None, stim_mode)  # a wrong one is refused before all else

    def start(running: Rig) -> RunHandle:
        return running.run(
            asked.plan,
            name=name,
            folder="" if out is None else out,
            continues=continues,
            force=force,
            **_beside_plan(asked),
        )

    return carry_out(rig, start, watch=watch, detach=detach, json=json)


def carry_out(
    rig: str,
    start: Callable[[Rig], RunHandle],
    *,
    settle: Callable[[RunHandle, RunStatus], None] = lambda *_: None,
    line: Callable[[str, Console], ProgressLine] = ProgressLine,
    watch: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Start a run in a rig, which is opened if it is not up, and follow it to its end; return the exit code.

    The first Ctrl-C, or SIGTERM, cancels the run. With `detach` nothing is followed, and the rig goes on.
    `line` makes what follows it, of its name and where people read.
    `settle` is called with the handle of a run that has ended, and its final status, while the rig is up.
    """
    for number in ending_signals():
        signal.signal(number, interrupt)
    shown = console(quiet=json)
    ends_it = detach and not is_up(rig)
    with shown.status(f"starting {rig}"):
        opened = attach_or_open(rig, detach=detach)
    signals: AbstractContextManager[list[str]] = nullcontext([]) if detach else counted_signals()
    with opened as running, signals as came:  # one that comes while the run is started cancels it, too
        handle = _begun(running, start, ends_it=ends_it)
        if detach:
            status = handle.status()
        else:
            status = follow(handle, display_of(handle, running, line, watch=watch, json=json), came)
        if not detach:
            settle(handle, status)
        print_status(status, running.name, json=json)
    return Exit.OK if detach else exit_of_outcome(status.outcome)


def prepare(
    rig: str,
    plan: Path,
    *,
    out: Path | None = None,
    name: str = "",
    continues: str = "",
    pipeline: str = "",
    stim_mode: StimMode | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Check a plan against a rig, and keep it ready: `parfocal start` has it begin.

    Nothing moves, nothing is claimed. It is shown by `parfocal runs`, with its events by
    `parfocal runs --watch`, and dropped by `parfocal cancel`.

    Parameters
    ----------
    rig
        A running rig; else a built-in one or a file, which is started in the background.
    plan
        YAML, TOML or JSON file with the plan; it may hold a pipeline, too.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    continues
        A run of this rig that has ended: its indices and files go on.
    pipeline, stim_mode
        As for `parfocal run`.
    force
        Use instruments although another run, or another program, holds them; the record says so.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal prepare microscope plan.yaml --name evening

    parfocal start evening
    """
    find_own_modules(plan)
    asked = requested_run(plan, pipeline or None, stim_mode)
    shown = console(quiet=json)
    ends_it = not is_up(rig)

    def begin(running: Rig) -> RunHandle:
        return running.prepare(
            asked.plan,
            name=name,
            folder="" if out is None else out,
            continues=continues,
            force=force,
            **_beside_plan(asked),
        )

    with shown.status(f"asking {rig}"):
        opened = attach_or_open(rig, detach=True)
    with opened as running:
        handle = _begun(running, begin, ends_it=ends_it)
        status = handle.status()
        print_status(status, running.name, json=json)


def _begun(rig: Rig, start: Callable[[Rig], RunHandle], *, ends_it: bool) -> RunHandle:
    """Start a run; where that is refused, `ends_it` has the rig end that was started for it."""
    try:
        return start(rig)
    except BaseException:
        if ends_it:
            rig.stop()
        raise


def _beside_plan(asked: RequestedRun) -> dict[str, Any]:
    """Return how a rig is told of the pipeline and the interlocks, if there are any."""
    request, told = asked.pipeline, dict[str, Any]()
    if request is not None:
        told |= {"pipeline": request.pipeline, "stim_mode": request.mode}
    return {**told, "interlocks": asked.interlocks} if asked.interlocks else told


def display_of(
    handle: RunHandle,
    rig: Rig,
    line: Callable[[str, Console], ProgressLine] = ProgressLine,
    *,
    watch: bool = False,
    json: bool,
) -> ProgressLine | WatchedRun:
    """Return what shows a run while it is waited for: a line, or with `watch` all that is known of it."""
    shown = console(quiet=json)
    own = line(f"{rig.name}/{handle.name}", shown)
    return WatchedRun(handle, outline_of(rig, handle.name), shown, own) if watch else own


def follow(handle: RunHandle, display: ProgressLine | WatchedRun, came: list[str]) -> RunStatus:
    """Show the run until it has ended, and return its final status; the first signal in `came` cancels it.

    Raises
    ------
    KeyboardInterrupt
        At the second signal: the run goes on ending.
    """
    cancelled = False
    with display:
        while not (status := handle.status()).ended:
            display.show(status)
            if came and not cancelled:
                with suppress(CommandError):  # its engine is being started again: the next look asks anew
                    handle.cancel("Ctrl-C" if came[0] == "SIGINT" else came[0])
                    cancelled = True
            if len(came) > 1:
                raise KeyboardInterrupt(f"run {handle.name!r} is still being ended: see `parfocal runs`")
            display.rest()
        display.show(status)
    return status


def told_of(status: RunStatus, rig: str) -> dict[str, Any]:
    """Return a run as ``--json`` prints it: its status, and of one that has ended what it came to.

    Then ``run`` is the folder of its record, ``name`` its name, ``lag_ms`` the lag over all its images, and
    ``errors`` how many there were, of which ``last_errors`` tells the last.
    """
    told = {"rig": rig, "name": status.run, **msgspec.to_builtins(status)}
    if not status.ended:
        return told
    return {
        **told,
        **msgspec.to_builtins(run_totals(status)),
        "last_errors": msgspec.to_builtins(status.errors.last),
    }


def print_status(status: RunStatus, rig: str, *, json: bool) -> None:
    """Print how a run of a rig is, and where it is recorded."""
    if json:
        print_json(told_of(status, rig))
        return
    shown = console()
    shown.print(Text(f"run {line_in_rig(rig, status)}"))
    for error in status.errors.last:
        shown.print(Text(f"  {error.source}: {error.type}: {error.message}"))
    for warning in status.forecast.warnings:
        shown.print(Text(f"  note: {warning}"))
    if status.folder:
        shown.print(Text(f"recorded in {status.folder}"))
    if status.state == "prepared":
        shown.print(Text(forecast_text(status.forecast)))
        shown.print(Text(f"start it with `parfocal start {rig}/{status.run}`"))
    elif not status.ended:
        shown.print(
            Text(f"it goes on; see `parfocal runs`, end it with `parfocal cancel {rig}/{status.run}`")
        )
