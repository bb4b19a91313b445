"""What the exit code of a command says, so that scripts can use it."""

from __future__ import annotations

from enum import IntEnum

from parfocal.core import errors


class Exit(IntEnum):
    """Exit codes of ``parfocal``."""

    OK = 0
    FAILED = 1
    """It ran and failed."""
    USAGE = 2
    """A value, a file or a setting cannot be used; nothing was touched."""
    INCOMPLETE = 3
    """The run ended, but frames were lost; the record says how many."""
    NOT_THERE = 4
    """No such rig, service or run is there."""
    INTERRUPTED = 130
    """Ctrl-C; everything was ended in order."""


NOT_THERE = (
    errors.RigNotFoundError,
    errors.ServiceNotFoundError,
    errors.RunNotFoundError,
    errors.ServiceUnavailableError,
)


def exit_of(error: BaseException) -> Exit:
    """Return the exit code for an error.

    Examples
    --------
    >>> exit_of(errors.RigNotFoundError("no rig 'bench' is running"))
    <Exit.NOT_THERE: 4>
    """
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, NOT_THERE):
        return Exit.NOT_THERE
    if isinstance(error, errors.BadInputError | errors.BadArgumentsError | errors.UnknownCommandError):
        return Exit.USAGE
    if isinstance(error, errors.CommandFailedError) and isinstance(error.original, errors.BadInputError):
        return Exit.USAGE
    return Exit.FAILED


def exit_of_outcome(outcome: str) -> Exit:
    """Return the exit code for the outcome of a run.

    Examples
    --------
    >>> exit_of_outcome("complete"), exit_of_outcome("incomplete: lost 3")
    (<Exit.OK: 0>, <Exit.INCOMPLETE: 3>)
    """
    if outcome in ("complete", "finished early"):
        return Exit.OK
    if outcome.startswith("incomplete"):
        return Exit.INCOMPLETE
    return Exit.INTERRUPTED if outcome == "cancelled" else Exit.FAILED
