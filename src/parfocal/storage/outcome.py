"""Decides how a run ended (its outcome in the record) from what was asked and what was counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from parfocal.core.status import StoredCount

Ending = Literal["complete", "finished early", "cancelled", "failed"]
"""How whoever ends a run says that it ended."""

RECORDING = "recording"
INCOMPLETE = "incomplete"
UNKNOWN = "unknown: not closed"


def decide_outcome(
    ending: Ending,
    counts: Iterable[StoredCount],
    *,
    lost_before: int = 0,
    failed: bool = False,
    interrupted: bool = False,
) -> str:
    """Return the outcome that tells the truth.

    Parameters
    ----------
    ending : str
        How it was ended, in the words of whoever ended it.
    counts : iterable of StoredCount
        One for each recorded stream.
    lost_before : int
        What never came to a recorded stream.
    failed : bool
        Whether an error was one that ends the run, by policy, or a service failed for good.
    interrupted : bool
        Whether the writer of a recorded stream was started again, and nobody has compared what was asked for
        with what was produced: what it would have brought meanwhile is not known.

    Returns
    -------
    str
        ``failed`` before ``cancelled`` before ``incomplete: lost N`` before ``finished early`` before
        ``complete``.

    Examples
    --------
    >>> whole, torn = StoredCount(expected=9, stored=9), StoredCount(expected=9, stored=7)
    >>> decide_outcome("complete", [whole]), decide_outcome("complete", [whole, torn])
    ('complete', 'incomplete: lost 2')
    >>> decide_outcome("complete", [whole], lost_before=3)
    'incomplete: lost 3'
    >>> decide_outcome("cancelled", [torn]), decide_outcome("complete", [whole], failed=True)
    ('cancelled', 'failed')
    >>> decide_outcome("complete", [whole, StoredCount(expected=2, stored=0, uncounted=True)])
    'incomplete: lost at least 2'
    >>> decide_outcome("complete", [whole], interrupted=True)
    'incomplete: lost at least 0'
    """
    if failed or ending == "failed":
        return "failed"
    if ending == "cancelled":
        return "cancelled"
    counts = tuple(counts)
    lost = lost_before + sum(count.lost for count in counts)
    if interrupted or any(count.uncounted or count.unsynced for count in counts):
        return f"{INCOMPLETE}: lost at least {lost}"
    if lost or any(count.error for count in counts):
        return f"{INCOMPLETE}: lost {lost}"
    return ending


def explain_outcome(
    outcome: str,
    given: str,
    incidents: Iterable[str],
    counts: Mapping[str, StoredCount],
    losses: Mapping[str, int],
) -> str:
    """Return why a run ended as it did, in one line.

    Parameters
    ----------
    outcome : str
        How it ended. Where that says how many are lost, this says by what alone.
    given : str
        The reason of whoever ended it.
    incidents : iterable of str
        What befell services.
    counts : mapping of str to StoredCount
        Of each recorded stream.
    losses : mapping of str to int
        What never came to a recorded stream, by reason.

    Examples
    --------
    >>> torn = StoredCount(expected=9, stored=7)
    >>> explain_outcome("cancelled", "Ctrl-C", ["camera ended"], {"camera": torn}, {"late": 3})
    'Ctrl-C; camera ended; 2 of 9 of camera are missing; 3 lost (late)'
    >>> explain_outcome("incomplete: lost 4", "", [], {}, {"camera": 1, "late": 3})
    'camera: 1; late: 3'
    >>> explain_outcome("complete", "", [], {"camera": StoredCount(expected=9, stored=9)}, {})
    ''
    """
    stated = [given, *incidents]
    for name, count in counts.items():
        if count.error:
            stated.append(f"{name}: {count.error}")
        if count.lost:
            stated.append(f"{count.lost} of {count.expected} of {name} are missing")
        if count.repeated:
            stated.append(
                f"{count.repeated} of {name} came for an event that had a frame: one of each is kept"
            )
        if count.renumbered:
            stated.append(f"the producer of {name} began to count anew")
        elif count.uncounted or count.unsynced:
            stated.append(f"more of {name} may be missing than can be counted")
    told = "{reason}: {number}" if outcome.startswith(INCOMPLETE) else "{number} lost ({reason})"
    stated += [told.format(reason=reason, number=number) for reason, number in losses.items()]
    return "; ".join(dict.fromkeys(text for text in stated if text))


def seen_outcome(outcome: str, *, recorder_alive: bool) -> str:
    """Return what the outcome in a record means to who reads it now.

    Examples
    --------
    >>> seen_outcome("recording", recorder_alive=True), seen_outcome("recording", recorder_alive=False)
    ('recording', 'unknown: not closed')
    """
    return UNKNOWN if outcome == RECORDING and not recorder_alive else outcome
