"""What a plan does by a condition: where it is looked at, for how long, and what follows. Plain data."""

from __future__ import annotations

from typing import Literal

import msgspec

from parfocal.runs.conditions.condition import Condition, Otherwise

Role = Literal["start", "stop", "respond"]
"""Before a part of a plan that waits for it; at the end of one that ends with it; between two, likewise."""

_AFTER = {
    "go on": "goes on as if it had been",
    "skip": "leaves out what depends on it",
    "end": "ends the run",
    "fail": "fails",
}


class ConditionCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition in a plan.

    Attributes
    ----------
    condition : Condition
        What is to be true.
    role : Role
        What depends on it.
    timeout_s : float or None
        How long at most: from when the run comes to it, or from the begin of the part that ends with it;
        None: without limit before a part, and until the end of one.
    otherwise : Otherwise
        What follows where it was not met in time.
    leaves_out : int
        How many of the next events "skip" leaves out.
    depth : int
        How many others it lies in.
    """

    condition: Condition
    role: Role
    timeout_s: float | None = None
    otherwise: Otherwise = "fail"
    leaves_out: int = 0
    depth: int = 0

    @property
    def words(self) -> str:
        """What it is, in words.

        Examples
        --------
        >>> from parfocal.runs.conditions.values import Lag
        >>> ConditionCheck(condition=Lag(below=9), role="start", timeout_s=60).words
        'starts when lag below 9 ms; if not within 60 s, fails'
        """
        word = {"start": "starts when", "stop": "stops when", "respond": "responds when"}[self.role]
        told = f"{word} {self.condition.words}"
        if self.role == "start" and self.timeout_s is None:
            return told
        limit = "" if self.timeout_s is None else f" within {self.timeout_s:g} s"
        after = "goes on" if (self.role, self.otherwise) == ("stop", "go on") else _AFTER[self.otherwise]
        return f"{told}; if not{limit}, {after}"


class Watch(msgspec.Struct, frozen=True):
    """A condition that an event is watched by; once it is met, all before the event `closing` is left out."""

    check: ConditionCheck
    closing: int
