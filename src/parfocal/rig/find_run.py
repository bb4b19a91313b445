"""Finds runs by name in all rigs of this user: what ``parfocal pause run1`` means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError, CommandError, RigNotFoundError, RunNotFoundError, nearest
from parfocal.core.run_status import RunStatus
from parfocal.processes import directory
from parfocal.rig.opening import attach
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable


class RigRuns(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that the service `runs` of a rig knows, or why it does not tell."""

    rig: str
    runs: dict[str, RunStatus] = {}
    error: str = ""


def runs_of_rigs(rig: str | None = None) -> tuple[RigRuns, ...]:
    """Return the runs of each running rig that has a service `runs`, or of the one named.

    Raises
    ------
    RigNotFoundError
        If `rig` does not run.
    """
    if rig is not None:
        directory.rig_record(rig)
    known = [
        record for record in directory.rigs() if SERVICE in record.services and rig in (None, record.rig)
    ]
    return tuple(_ask(record.rig) for record in known)


def newest_run(runs: Iterable[tuple[str, RunStatus]]) -> tuple[str, str] | None:
    """Return rig and name of the run that began last among those that go on; None if there is no run.

    If none goes on: of the last that is prepared; else of the last that ended.

    Examples
    --------
    >>> ended = RunStatus(run="late", state="ended", created_at=9.0)
    >>> newest_run([("lab", RunStatus(run="early", state="running", created_at=1.0)), ("lab", ended)])
    ('lab', 'early')
    """
    known = list(runs)
    if not known:
        return None
    rig, newest = max(
        known,
        key=lambda each: (each[1].is_running, not each[1].ended, each[1].started_at or each[1].created_at),
    )
    return rig, newest.run


def find_run(run: str, rigs: Iterable[RigRuns] | None = None) -> tuple[str, str]:
    """Return rig and name of the run that ``NAME`` or ``RIG/NAME`` means.

    Of several runs of that name the one that has not ended is meant.

    Raises
    ------
    RunNotFoundError
        If there is none; names the nearest.
    BadInputError
        If several are possible; names them.

    Examples
    --------
    >>> left = RigRuns(rig="left", runs={"a": RunStatus(run="a", state="ended"), "b": RunStatus(run="b")})
    >>> right = RigRuns(rig="right", runs={"a": RunStatus(run="a"), "b": RunStatus(run="b")})
    >>> find_run("a", [left, right]), find_run("left/b", [left, right])
    (('right', 'a'), ('left', 'b'))
    >>> find_run("b", [left, right])
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: 'b' is a run of several rigs: say left/b or right/b
    """
    rig, _, name = run.rpartition("/")
    asked = tuple(runs_of_rigs(rig or None) if rigs is None else rigs)
    found = [each for each in asked if name in each.runs and rig in ("", each.rig)]
    going = [each for each in found if not each.runs[name].ended]
    chosen = going or found
    if len(chosen) > 1:
        stated = " or ".join(f"{each.rig}/{name}" for each in chosen)
        raise BadInputError(f"{name!r} is a run of several rigs: say {stated}")
    if not chosen:
        raise RunNotFoundError(_not_found(run, asked))
    return chosen[0].rig, name


def _not_found(run: str, asked: tuple[RigRuns, ...]) -> str:
    prefix = "{0}/" if "/" in run else ""
    known = [prefix.format(each.rig) + name for each in asked for name in each.runs]
    silent = "".join(f"; rig {each.rig!r} does not tell: {each.error}" for each in asked if each.error)
    return f"no run {run!r} ({nearest(run, known)}){silent}"


def _ask(rig: str) -> RigRuns:
    try:
        with attach(rig) as running:
            return RigRuns(rig=rig, runs=running.runs.statuses())
    except (CommandError, RigNotFoundError) as error:
        return RigRuns(rig=rig, error=str(error))
