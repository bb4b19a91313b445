"""Whether an answer is to the question that a run asks now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from parfocal.core.run_status import RunStatus


def check_asked(status: RunStatus, question: str, event: int) -> None:
    """Refuse an answer to a question that a run does not ask.

    Parameters
    ----------
    status : RunStatus
        How the run is now.
    question, event : str, int
        Those of the status whose question was read; "" if the answer is to whatever is asked.

    Raises
    ------
    BadInputError
        If the run asks nothing now, something else, or the same in another event.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> asks = RunStatus(run="a", state="waiting", question="is the drug in?", event_number=7)
    >>> check_asked(asks, "is the drug in?", 7)
    >>> check_asked(asks, "", -1)
    >>> check_asked(asks, "dish in?", 3)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: 'dish in?' is not asked any more: run 'a' asks 'is the drug in?' now
    """
    if not question or (status.question, status.event_number) == (question, event):
        return
    now = f"asks {status.question!r} now" if status.question else "asks nothing now"
    raise BadInputError(f"{question!r} is not asked any more: run {status.run!r} {now}")
