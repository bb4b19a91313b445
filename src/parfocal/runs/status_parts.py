"""What every view of a run shows, on a terminal or in a window, piece by piece: plain data. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parfocal.core.event_kinds import EventKind
    from parfocal.core.run_status import RunCommand, RunError, RunStatus
    from parfocal.runs.plans.outline import MapPosition, Outline

LATE_MS, FULL = 5000.0, 0.8

Tone = Literal["quiet", "going", "waiting", "held", "good", "bad"]
"""How a state is to be taken; each view has a colour for it."""

EVENT_SIGNS: dict[EventKind, tuple[str, str]] = {
    "image": ("imaging", "■"),
    "reference": ("reference", "◆"),
    "stimulus": ("stimulus", "▲"),
    "wait": ("wait", "▒"),
    "confirm": ("question", "?"),
    "acquire": ("camera", "●"),
    "autofocus": ("autofocus", "◇"),
    "call": ("call", "▶"),
    "condition": ("condition", "◈"),
}
"""Of each kind of event: its word in a legend, and its sign."""


class LegendEntry(NamedTuple):
    """A kind of event that a plan has; `now` says whether the event in hand is one."""

    kind: EventKind
    word: str
    sign: str
    now: bool


class Fact(NamedTuple):
    """Something that is told of a run: what, how much, and whether it should alarm."""

    label: str
    text: str
    alarm: bool = False


class QueueLevel(NamedTuple):
    """How full a queue is: `part` is 0 to 1, or None for one that is not bounded by a number."""

    name: str
    depth: int
    maximum: int
    part: float | None

    @property
    def nearly_full(self) -> bool:
        """Whether little more will fit in."""
        return self.part is not None and self.part >= FULL

    @property
    def text(self) -> str:
        """How much waits, in words."""
        return f"{self.depth} of {self.maximum}" if self.maximum else f"{self.depth} wait"


def chip_text(status: RunStatus) -> str:
    """Return the state in one or two words.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> chip_text(RunStatus(run="a", state="waiting", wait_remaining_s=75))
    'WAITING 1:15'
    >>> chip_text(RunStatus(run="a", state="waiting", question="is it in focus?"))
    'QUESTION'
    >>> chip_text(RunStatus(run="a", state="draining")), chip_text(RunStatus(run="a", state="cancelling"))
    ('STOPPING…', 'STOPPING…')
    >>> chip_text(RunStatus(run="a", state="ended", outcome="incomplete: lost 2"))
    'INCOMPLETE: LOST 2'
    """
    if status.state in ("draining", "cancelling"):
        last = status.errors.last[-1] if status.errors.last else None
        return "STOPPING…" if last is None else f"STOP FAILED: {last.type}"
    if status.state == "waiting":
        word = "QUESTION" if status.question else "WAITING"
        limit = "" if status.question and not status.wait_remaining_s else clock_text(status.wait_remaining_s)
        return f"{word} {limit}".rstrip()
    return (status.outcome if status.ended else status.state).upper()


def tone_of(status: RunStatus) -> Tone:
    """Return how the state of a run is to be taken.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> tone_of(RunStatus(run="a", state="ended", outcome="incomplete: lost 2"))
    'bad'
    >>> tone_of(RunStatus(run="a", state="ended", outcome="cancelled"))
    'quiet'
    """
    if status.ended:
        if status.outcome.startswith(("failed", "incomplete", "unknown")):
            return "bad"
        return "good" if status.outcome in ("complete", "finished early") else "quiet"
    if status.state in ("draining", "cancelling"):
        return "bad" if status.errors.last else "quiet"
    if status.question or status.is_paused:
        return "held"
    return {"running": "going", "waiting": "waiting"}.get(status.state, "quiet")  # type: ignore[return-value]


def legend(status: RunStatus, outline: Outline) -> tuple[LegendEntry, ...]:
    """Return the kinds of events that the plan has."""
    kinds = {cell.kind for cell in outline.cells}
    return tuple(
        LegendEntry(kind, word, sign, kind == status.event_kind and not status.ended)
        for kind, (word, sign) in EVENT_SIGNS.items()
        if kind in kinds
    )


def current_event(status: RunStatus, outline: Outline) -> int:
    """Return the number of the event at which the strip is marked."""
    return min(max(0, status.event_number), outline.events_total - 1)


def time_facts(status: RunStatus) -> Iterator[Fact]:
    """Yield how far a run is, and how it keeps its times.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> [fact for fact in time_facts(RunStatus(run="a", lag_ms=6000.0)) if fact.alarm]
    [Fact(label='LATE', text='0:06', alarm=True)]
    """
    late = status.lag_ms > LATE_MS
    word = "step" if status.script else "event"
    yield Fact(word, f"{max(0, status.event_number + 1)}/{status.events_total}")
    yield Fact("elapsed", clock_text(status.elapsed_s))
    if status.script:  # it has no schedule
        return
    yield Fact("scheduled", clock_text(status.scheduled_s))
    yield Fact("LATE" if late else "lag", _lag_text(status.lag_ms), late)
    yield Fact("remaining", clock_text(status.remaining_s))
    if status.forecast.duration_s:
        yield Fact("expected", clock_text(status.forecast.duration_s))


def count_facts(status: RunStatus) -> Iterator[Fact]:
    """Yield what became of frames, events, stimuli and searches for the focus.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> [fact.text for fact in count_facts(RunStatus(run="a", frames_received=9, frames_stored=8))]
    ['9 received, 8 stored']
    """
    fired = status.stimulations.fired  # their frames are stored, too
    more = f" + {fired} of stimuli" if fired else ""
    yield Fact("frames", f"{status.frames_received}{more} received, {status.frames_stored} stored")
    for told in status.conditions:
        yield Fact("until", told)
    for told in status.breached:
        yield Fact("breached", told, alarm=True)
    if status.events_dropped:
        dropped = ", ".join(f"{count} {reason}" for reason, count in status.events_dropped.items())
        yield Fact("not done", dropped, alarm=True)
    counts = status.stimulations
    if counts.asked:
        counted = (("fired", counts.fired), ("by fallback", counts.fallback), ("unsure", counts.unsure))
        yield Fact("stimuli", ", ".join(f"{count} {word}" for word, count in counted if count))
    focus = status.autofocuses
    if focus.found or focus.failed:
        failed = f", {focus.failed} failed" if focus.failed else ""
        yield Fact("autofocus", f"{focus.found} found{failed}", alarm=focus.failed > 0)


def queue_levels(status: RunStatus) -> Iterator[QueueLevel]:
    """Yield each queue that has a bound, and each other one in which something waits."""
    for name, queue in status.queues.items():
        if queue.maximum:
            yield QueueLevel(name, queue.depth, queue.maximum, min(1.0, queue.depth / queue.maximum))
        elif queue.depth:
            yield QueueLevel(name, queue.depth, 0, None)


def run_error_text(error: RunError) -> str:
    """Return an error in a line.

    Examples
    --------
    >>> from parfocal.core.run_status import RunError
    >>> run_error_text(RunError(source="xy", type="DeviceError", message="stuck", event=2))
    'xy at event 2: DeviceError: stuck'
    """
    where = f" at event {error.event}" if error.event >= 0 else ""
    return f"{error.source}{where}: {error.type}: {error.message}"


def command_text(command: RunCommand) -> str:
    """Return what somebody asked of a run, at which local time, and who.

    Examples
    --------
    >>> from parfocal.core.run_status import RunCommand
    >>> command_text(RunCommand(command="pause", at=0.0, by="notebook", details={"reason": "a bubble"}))[8:]
    '  pause: a bubble  (notebook)'
    """
    reason = command.details.get("reason") or command.details.get("policy") or command.details.get("text")
    said = f": {reason}" if reason else ""
    by = f"  ({command.by})" if command.by else ""
    return f"{time.strftime('%H:%M:%S', time.localtime(command.at))}  {command.command}{said}{by}"


def place_text(places: Sequence[MapPosition], active: int | None) -> str:
    """Return which position of how many is meant, with its name and where it is.

    Examples
    --------
    >>> from parfocal.runs.plans.outline import MapPosition
    >>> place_text([MapPosition("", 0.0, 0.0), MapPosition("B2", 300.0, None)], 1)
    'FOV 2/2  B2  x 300.0 um'
    """
    if active is None or active >= len(places):
        return f"{len(places)} FOVs"
    place = places[active]
    parts = [f"FOV {active + 1}/{len(places)}", place.name]
    parts += [
        f"{axis} {value:.1f} um"
        for axis, value in (("x", place.x_um), ("y", place.y_um))
        if value is not None
    ]
    return "  ".join(filter(None, parts))


def _lag_text(lag_ms: float) -> str:
    return f"{lag_ms:.0f} ms" if lag_ms < 1000 else clock_text(lag_ms / 1e3)
