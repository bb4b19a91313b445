"""How a run ended, in the words of its record: decided here, from what was asked and what was counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Ending = Literal["complete", "finished early", "cancelled", "failed"]
"""How whoever ends a run says that it ended."""

RECORDING = "recording"
UNKNOWN = "unknown: not closed"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recorded stream between the first and the last moment of a run.

    ``expected == stored + lost`` always.

    Attributes
    ----------
    expected : int
        Frames or rows that the run should hold: all that were produced, and those that the camera itself
        says it lost.
    stored : int
        What is on the disk.
    error : str
        What ended the recording of this stream early; "" if nothing did.
    uncounted : bool
        Whether more may be lost than `expected` knows of.
    """

    expected: int
    stored: int
    error: str = ""
    uncounted: bool = False

    @property
    def lost(self) -> int:
        """Frames or rows that are not on the disk."""
        return self.expected - self.stored


def decide_outcome(
    ending: Ending, counts: Iterable[Count], *, lost_before: int = 0, failed: bool = False
) -> str:
    """Return the outcome that tells the truth.

    Parameters
    ----------
    ending : str
        How it was ended, in the words of whoever ended it.
    counts : iterable of Count
        One for each recorded stream.
    lost_before : int
        What never came to a recorded stream.
    failed : bool
        Whether an error was one that ends the run, by policy.

    Returns
    -------
    str
        ``failed`` before ``cancelled`` before ``incomplete: lost N`` before ``finished early`` before
        ``complete``.

    Examples
    --------
    >>> whole, torn = Count(expected=9, stored=9), Count(expected=9, stored=7)
    >>> decide_outcome("complete", [whole]), decide_outcome("complete", [whole, torn])
    ('complete', 'incomplete: lost 2')
    >>> decide_outcome("complete", [whole], lost_before=3)
    'incomplete: lost 3'
    >>> decide_outcome("cancelled", [torn]), decide_outcome("complete", [whole], failed=True)
    ('cancelled', 'failed')
    >>> decide_outcome("complete", [whole, Count(expected=2, stored=0, uncounted=True)])
    'incomplete: lost at least 2'
    """
    if failed or ending == "failed":
        return "failed"
    if ending == "cancelled":
        return "cancelled"
    counts = tuple(counts)
    lost = lost_before + sum(count.lost for count in counts)
    if any(count.uncounted for count in counts):
        return f"incomplete: lost at least {lost}"
    if lost or any(count.error for count in counts):
        return f"incomplete: lost {lost}"
    return ending


def seen_outcome(outcome: str, *, recorder_alive: bool) -> str:
    """Return what the outcome in a record means to who reads it now.

    Examples
    --------
    >>> seen_outcome("recording", recorder_alive=True), seen_outcome("recording", recorder_alive=False)
    ('recording', 'unknown: not closed')
    """
    return UNKNOWN if outcome == RECORDING and not recorder_alive else outcome
