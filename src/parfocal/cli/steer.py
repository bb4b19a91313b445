"""``parfocal start``, ``pause``, ``resume``, ``cancel`` and so on: steering a run from any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.text import Text

from parfocal.cli.output import console, print_json
from parfocal.core.errors import BadInputError
from parfocal.core.run_status import ResumePolicy, RunStatus
from parfocal.rig.find_run import find_run
from parfocal.rig.opening import attach
from parfocal.runs.status_text import line_in_rig

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.runs.handle import RunHandle


def start(run: str, *, rig: str | None = None, json: bool = False) -> None:
    """Have a run begin that was prepared, or tell what has changed since; `parfocal runs` shows how it goes.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    rig
        Which rig it is prepared in.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal start evening

    parfocal start evening --rig microscope --json
    """
    _steer(run if rig is None else f"{rig}/{run}", lambda handle: handle.start(), json)


def pause(run: str, *, reason: str = "", json: bool = False) -> None:
    """Have a run expose nothing more, after the exposure in flight, until `parfocal resume`.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    reason
        Why; the record keeps it.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal pause run1

    parfocal pause microscope/run1 --reason "a bubble"
    """
    _steer(run, lambda handle: handle.pause(reason), json)


def resume(run: str, *, policy: ResumePolicy = "shift", gap_s: float = 0.0, json: bool = False) -> None:
    """Have a paused run go on, once what its interlocks ask for was looked at again.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    policy
        "shift" moves the rest of the schedule by the length of the pause; "catch up" exposes what is overdue;
        "skip" leaves it out.
    gap_s
        Least time between two time points while it catches up.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal resume run1

    parfocal resume run1 --policy skip
    """
    _steer(run, lambda handle: handle.resume(policy, gap_s), json)


def cancel(run: str, *, reason: str = "", json: bool = False) -> None:
    """End a run now; what was acquired is kept, and the record says that it was cancelled.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    reason
        Why; the record keeps it.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal cancel run1 --reason "out of focus"
    """
    _steer(run, lambda handle: handle.cancel(reason), json, also_ended=True)


def finish(run: str, *, reason: str = "", json: bool = False) -> None:
    """End a run after the event in hand: it is complete up to there.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    reason
        Why; the record keeps it.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal finish run1
    """
    _steer(run, lambda handle: handle.finish(reason), json)


def confirm(
    run: str,
    *,
    no: Annotated[bool, Parameter(name="--no")] = False,
    text: str = "",
    json: bool = False,
) -> None:
    """Answer the question at which a run waits for a person.

    Parameters
    ----------
    run
        NAME, or RIG/NAME if several rigs have a run of that name.
    no
        Answer no: the run is cancelled.
    text
        What should be known of it; the record keeps it.
    json
        Print the status of the run as one JSON object.

    Examples
    --------
    parfocal confirm run1 --text "dish is in place"
    """
    _steer(run, lambda handle: handle.confirm(not no, text), json)


def _steer(run: str, ask: Callable[[RunHandle], RunStatus], json: bool, *, also_ended: bool = False) -> None:
    """Ask something of a run; refused of one that has ended, unless `also_ended`."""
    rig, name = find_run(run)
    with attach(rig) as running:
        handle = running.runs[name]
        if not also_ended and (known := handle.status()).ended:
            raise BadInputError(f"nothing was done, as the run has ended: {line_in_rig(rig, known)}")
        status = ask(handle)
    if json:
        print_json({"rig": rig, **msgspec.to_builtins(status)})
    else:
        console().print(Text(line_in_rig(rig, status)))
