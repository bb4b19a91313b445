"""Whether a condition holds, by what was last seen of its values: yes, no, or nobody can tell. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from parfocal.runs.conditions.condition import AllOf, AnyOf, Comparison, Condition, Negation, Told


class Observation(msgspec.Struct, frozen=True):
    """What was last seen of a value that is compared.

    Attributes
    ----------
    value : float, bool, str or None
        What it was; None if nobody could tell.
    at_ns : int
        When, on the monotonic clock.
    problem : str
        Why nobody could; "" if somebody did.
    met_since_ns : int or None
        Since when it has been as wanted at each look; None if it is not.
    looked_ns : int
        When somebody looked last, and everything that was exposed before had been analysed.
    asked_ns : int
        When that look began: it shows nothing that was so only before.
    """

    value: Told | None
    at_ns: int
    problem: str = ""
    met_since_ns: int | None = None
    looked_ns: int = 0
    asked_ns: int = 0


Facts = Mapping[str, Observation]
"""What was last seen of each value, by the key of its comparison."""


class Verdict(NamedTuple):
    """Whether a condition holds, None if it cannot be told; and what is known of it, in words."""

    holds: bool | None
    text: str


def observed(
    asked: Comparison,
    before: Observation | None,
    value: Told | None,
    at_ns: int,
    problem: str = "",
    looked_ns: int | None = None,
    asked_ns: int | None = None,
) -> Observation:
    """Return what is known of a value after another look at it, at `looked_ns` if that is not `at_ns`.

    `asked_ns` is when the look began, if that is not `at_ns`.

    Examples
    --------
    >>> from parfocal.runs.conditions.values import Lag
    >>> first = observed(Lag(below=9), None, 5.0, 100)
    >>> observed(Lag(below=9), first, 6.0, 200).met_since_ns
    100
    >>> observed(Lag(below=9), first, 9.0, 200).met_since_ns
    """
    since_ns = None
    if value is not None and asked.is_met_by(value):
        is_fresh = before is not None and at_ns - before.at_ns <= asked.stale_s * 1e9
        since_ns = before.met_since_ns if before is not None and is_fresh else None
        since_ns = at_ns if since_ns is None else since_ns
    looked_ns = at_ns if looked_ns is None else looked_ns
    asked_ns = at_ns if asked_ns is None else asked_ns
    return Observation(value, at_ns, problem, since_ns, looked_ns, asked_ns)


def holds(condition: Condition, facts: Facts, now_ns: int) -> bool | None:
    """Return whether a condition holds, None if it cannot be told; quickly, as a run asks before each step.

    What cannot be told makes a whole uncertain only where it matters: a part that does not hold decides
    "all", and one that does decides "any".

    Examples
    --------
    >>> from parfocal.runs.conditions.values import FreeDisk, Lag
    >>> low = {FreeDisk(above=20).key: Observation(7.0, 0)}
    >>> both, one = FreeDisk(above=20) & Lag(below=9), FreeDisk(above=20) | Lag(below=9)
    >>> holds(both, low, 0), holds(one, low, 0), holds(~one, low, 0)
    (False, None, None)
    """
    match condition:
        case Comparison():
            return _compared(condition, facts.get(condition.key), now_ns)
        case AllOf(conditions=conditions):
            found = [holds(one, facts, now_ns) for one in conditions]
            return False if False in found else None if None in found else True
        case AnyOf(conditions=conditions):
            found = [holds(one, facts, now_ns) for one in conditions]
            return True if True in found else None if None in found else False
        case Negation(condition=inner):
            opposite = holds(inner, facts, now_ns)
            return None if opposite is None else not opposite
    raise AssertionError(condition)


def judged(condition: Condition, facts: Facts, now_ns: int) -> Verdict:
    """Return whether a condition holds, with what is known of the values that decide it.

    Examples
    --------
    >>> from parfocal.runs.conditions.values import FreeDisk, Lag
    >>> both = FreeDisk(above=20) & Lag(below=9)
    >>> judged(both, {FreeDisk(above=20).key: Observation(7.0, 0)}, 0)
    Verdict(holds=False, text='free disk is 7 GB, and not above 20 GB')
    >>> judged(both, {}, 0).text
    'free disk is not known yet; lag is not known yet'
    """
    verdict = holds(condition, facts, now_ns)
    return Verdict(verdict, "; ".join(dict.fromkeys(_texts(condition, facts, now_ns, verdict))))


def _compared(asked: Comparison, seen: Observation | None, now_ns: int) -> bool | None:
    if seen is None or seen.value is None or now_ns - seen.at_ns > asked.stale_s * 1e9:
        return None
    if seen.met_since_ns is not None:
        return seen.at_ns - seen.met_since_ns >= asked.for_s * 1e9
    return None if asked.is_met_by(seen.value) is None else False


def _texts(condition: Condition, facts: Facts, now_ns: int, verdict: bool | None) -> Iterator[str]:
    """Yield what is known of the values by which a condition has that verdict."""
    match condition:
        case Comparison():
            yield _text(condition, facts.get(condition.key), now_ns)
        case AllOf(conditions=conditions) | AnyOf(conditions=conditions):
            for one in conditions:
                if holds(one, facts, now_ns) is verdict:
                    yield from _texts(one, facts, now_ns, verdict)
        case Negation(condition=inner):
            yield from _texts(inner, facts, now_ns, None if verdict is None else not verdict)


def _text(asked: Comparison, seen: Observation | None, now_ns: int) -> str:
    if seen is None:
        return f"{asked.title} is not known yet"
    if seen.value is None:
        return f"{asked.title} cannot be told: {seen.problem}"
    told = f"{asked.title} is {asked.value_text(seen.value)}"
    age_s = (now_ns - seen.at_ns) * 1e-9
    if age_s > asked.stale_s:
        return f"{asked.title} was {asked.value_text(seen.value)} {age_s:.3g} s ago, too long"
    if (met := asked.is_met_by(seen.value)) is None:
        return f"{told}, which is no number"
    if not met or seen.met_since_ns is None:
        return f"{told}, and not {asked.limits_text}"
    lasted_s = (seen.at_ns - seen.met_since_ns) * 1e-9
    if lasted_s < asked.for_s:
        return f"{told}, for {lasted_s:.3g} s only, and not {asked.limits_text}"
    return f"{told}, which is {asked.limits_text}"
