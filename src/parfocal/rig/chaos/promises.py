"""Which promises of a laboratory held: compares plain facts, and tells what is wrong with them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from parfocal.core.run_status import RunStatus
    from parfocal.core.status import StreamStatus
    from parfocal.devices.simulated.microscope.sample import LightChange

Promise = Literal[
    "nothing is lost silently",
    "nothing dies silently",
    "nothing stays on",
    "every long thing is a handle",
    "the record tells the truth",
]

PROMISES: tuple[Promise, ...] = get_args(Promise)

SEEN_WITHIN_S = 1.0
DARK_WITHIN_S = 3.0
READY_WITHIN_S = 60.0
PAUSED_WITHIN_S = 10.0
ENDS_WITHIN_S = 60.0
CANCELLED_WITHIN_S = 20.0


class BrokenPromise(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was broken.

    Attributes
    ----------
    promise : Promise
        Which.
    told : str
        What was found, and what should be.
    run : str
        In which run.
    faults : tuple of str
        What had been done to that run.
    """

    promise: Promise
    told: str
    run: str
    faults: tuple[str, ...]


class ChaosReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all runs.

    Attributes
    ----------
    rig, seed : str, int
        Which laboratory; the seed of what was done.
    runs, faults : int
        How many runs there were, and how much was done to them.
    outcomes : dict of str to int
        How the runs ended, without what was lost in each.
    checks : dict of Promise to int
        How often each promise was looked at; one that cannot be seen in this laboratory has 0.
    breaches : tuple of BrokenPromise
        Where one did not hold.
    folder : str
        Where the records are; "" if they were removed, as everything held.
    """

    rig: str
    seed: int
    runs: int = 0
    faults: int = 0
    outcomes: dict[str, int] = {}
    checks: dict[str, int] = {}
    breaches: tuple[BrokenPromise, ...] = ()
    folder: str = ""

    @property
    def held(self) -> bool:
        """Whether every promise held that was looked at."""
        return not self.breaches


class LostProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was killed, or stood still until it was given up.

    Attributes
    ----------
    service : str
        Whose.
    lost_s, seen_s : float, float or None
        When that was done, and when the laboratory told it, seconds of one clock.
    within_s : float
        How long it may take.
    """

    service: str
    lost_s: float
    seen_s: float | None
    within_s: float


class StoredFrames(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of one stream of a record: what it says, and what is there.

    Attributes
    ----------
    stream : str
        Which.
    expected, stored, lost : int
        As the record says.
    found : int
        How many can be read.
    twice : int
        How many of these have the number of another one.
    blank : int
        How many of these hold nothing but zeros, which no camera sends.
    """

    stream: str
    expected: int
    stored: int
    lost: int
    found: int
    twice: int = 0
    blank: int = 0


def silent_deaths(losses: Iterable[LostProcess], held_up_s: float = 0.0) -> Iterator[str]:
    """Tell which lost processes were not seen in time; the machine stood still for `held_up_s` of it.

    Examples
    --------
    >>> list(silent_deaths([LostProcess(service="camera", lost_s=1.0, seen_s=2.5, within_s=1.0)]))
    ['camera was lost, and that was seen after 1.50 s: at most 1.00 s']
    """
    for loss in losses:
        limit_s = loss.within_s + held_up_s
        if loss.seen_s is None:
            yield f"{loss.service} was lost, and nobody has told it"
        elif loss.seen_s - loss.lost_s > limit_s:
            took_s = loss.seen_s - loss.lost_s
            yield f"{loss.service} was lost, and that was seen after {took_s:.2f} s: at most {limit_s:.2f} s"


def wrong_ledgers(streams: Mapping[str, StreamStatus]) -> Iterator[str]:
    """Tell which readers of which streams have not counted everything that was offered to them."""
    for name, stream in streams.items():
        for reader in stream.readers:
            if reader.imbalance:
                yield f"stream {name}: {reader.imbalance}"


def long_lights(changes: Iterable[LightChange], now_ns: int, most_s: float) -> Iterator[str]:
    """Tell which lights were on for longer than `most_s` without a break, until now.

    Examples
    --------
    >>> from parfocal.devices.simulated.microscope.sample import LightChange
    >>> changes = [LightChange(0, "blue", 0.5), LightChange(2 * 10**9, "blue", 0.0)]
    >>> list(long_lights(changes, 9 * 10**9, 1.0))
    ['light blue was on for 2.0 s: at most 1.0 s']
    """
    on_since: dict[str, int] = {}
    spans: list[tuple[str, int]] = []
    for change in changes:
        if change.level > 0.0:
            on_since.setdefault(change.light, change.time_ns)
        elif change.light in on_since:
            spans.append((change.light, change.time_ns - on_since.pop(change.light)))
    spans.extend((light, now_ns - since_ns) for light, since_ns in on_since.items())
    for light, span_ns in spans:
        if span_ns * 1e-9 > most_s:
            yield f"light {light} was on for {span_ns * 1e-9:.1f} s: at most {most_s:.1f} s"


def false_counts(frames: Iterable[StoredFrames]) -> Iterator[str]:
    """Tell where a record counts other frames than it holds.

    Examples
    --------
    >>> list(false_counts([StoredFrames(stream="camera", expected=9, stored=9, lost=0, found=8)]))
    ['camera: 9 frames are stored by the record, and 8 can be read']
    """
    for one in frames:
        if one.expected != one.stored + one.lost:
            yield f"{one.stream}: {one.expected} expected, but {one.stored} stored and {one.lost} lost"
        if one.found != one.stored:
            yield f"{one.stream}: {one.stored} frames are stored by the record, and {one.found} can be read"
        if one.twice:
            yield f"{one.stream}: {one.twice} frames have the number of another"
        if one.blank:
            yield f"{one.stream}: {one.blank} frames that are counted as stored hold no pixels"


def false_outcomes(status: RunStatus, recorded: str, frames: Iterable[StoredFrames]) -> Iterator[str]:
    """Tell where the outcome of a run is not what its numbers, or its record, say.

    Parameters
    ----------
    status : RunStatus
        The final one.
    recorded : str
        The outcome in the record.
    frames : iterable of StoredFrames
        Of the record.
    """
    lost = sum(one.lost for one in frames)
    dropped = sum(count for why, count in status.events_dropped.items() if why != "no mask")
    if status.outcome == "complete" and lost:
        yield f"the run is complete, and {lost} frames are lost in its record"
    if status.outcome == "complete" and (dropped or status.events_acquired != status.events_total):
        yield f"the run is complete with {status.events_acquired} of {status.events_total} events"
    if recorded == "complete" and status.outcome != "complete":
        yield f"the record is complete, and the run is {status.outcome!r}"
    if recorded == "recording":
        yield "the run has ended, and its record says that it goes on"


def lost_cancels(status: RunStatus | None, *, asked: bool, engine_lost: bool) -> Iterator[str]:
    """Tell whether a run went on, or ended otherwise, although somebody had it cancelled while it could be.

    Parameters
    ----------
    status : RunStatus or None
        The final one; None if it has not ended.
    asked : bool
        Whether the cancel was answered while the run was not ending by itself.
    engine_lost : bool
        Whether the process that carries out runs was killed or stopped in this run.
    """
    if not asked or engine_lost:
        return
    if status is None:
        yield "the run was cancelled, and goes on"
    elif status.outcome not in ("cancelled", "failed"):
        yield f"the run was cancelled, and its outcome is {status.outcome!r}"


def outcomes(runs: Iterable[str]) -> dict[str, int]:
    """Count how runs ended, whatever was lost in each.

    Examples
    --------
    >>> outcomes(["complete", "incomplete: lost 3", "incomplete: lost 1"])
    {'complete': 1, 'incomplete': 2}
    """
    return dict(Counter(outcome.partition(":")[0] for outcome in runs))
