"""What a window shows of a run, made of its status and its plan's outline: frozen data, without Qt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from parfocal.runs.plans.outline import Outline
from parfocal.runs.status_parts import (
    Fact,
    chip_text,
    command_text,
    count_facts,
    legend,
    place_text,
    queue_levels,
    run_error_text,
    time_facts,
    tone_of,
)
from parfocal.runs.status_text import bytes_text, clock_text, event_progress_text, state_text

if TYPE_CHECKING:
    from parfocal.core.run_status import RunForecast, RunStatus
    from parfocal.runs.plans.outline import MapPosition
    from parfocal.runs.status_parts import LegendEntry, QueueLevel, Tone

Action = Literal["start", "drop", "pause", "resume", "stop", "confirm"]

NO_OUTLINE = Outline(events_total=0, cells=(), places=())


@dataclass(frozen=True)
class RunView:
    """A run as a window shows it.

    Attributes
    ----------
    name, chip, said : str
        Of the run, its state in one or two words, and what is to be said of that.
    tone : Tone
        How the state is to be taken.
    question : str
        What a person is asked; "" if nothing.
    choices : tuple of str
        The answers that there are to choose from; none for yes or no.
    asked_by : int
        The number of the event that asks it.
    silent : str
        Why nothing is told of it just now; "" if it is.
    warning : str
        What a person should know before it is started, a line each.
    legend, outline, consumed, event, kind
        The strip: kinds of events, its cells, how many events are past, which one is in hand, and its kind.
    places, place, place_text
        The map: all positions, the number of the active one, and that in words.
    times, counts, forecast : tuple of Fact
        What is told of it.
    queues : tuple of QueueLevel
        How much waits.
    errors, commands : tuple of str
        A line each, the newest last; `errors_total` counts all.
    actions : frozenset of Action
        What can be asked of it now.
    folder : str
        Where its record is.
    """

    name: str
    chip: str
    tone: Tone
    said: str
    question: str
    choices: tuple[str, ...]
    asked_by: int
    silent: str
    warning: str
    legend: tuple[LegendEntry, ...]
    outline: Outline
    consumed: int
    event: int
    kind: str
    places: tuple[MapPosition, ...]
    place: int | None
    place_text: str
    times: tuple[Fact, ...]
    counts: tuple[Fact, ...]
    forecast: tuple[Fact, ...]
    queues: tuple[QueueLevel, ...]
    errors: tuple[str, ...]
    errors_total: int
    commands: tuple[str, ...]
    actions: frozenset[Action]
    folder: str


def run_view(status: RunStatus, outline: Outline = NO_OUTLINE, silent: str = "") -> RunView:
    """Return what a window shows of a run.

    Parameters
    ----------
    status, outline : RunStatus, Outline
        Of the run.
    silent : str
        Why its rig does not answer; "" if it does.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> view = run_view(RunStatus(run="a", state="paused", reason="a bubble"))
    >>> view.chip, view.said, sorted(view.actions)
    ('PAUSED', 'a bubble', ['resume', 'stop'])
    """
    place = status.event_index.get("p")
    prepared = status.state == "prepared"
    return RunView(
        name=status.run,
        chip="NO ANSWER" if silent else chip_text(status),
        tone="bad" if silent else tone_of(status),
        said=f"was {state_text(status)}" if silent else _said(status),
        question=status.question,
        choices=status.choices,
        asked_by=status.event_number,
        silent=silent,
        warning="" if status.ended else "\n".join(f"Note: {each}" for each in status.forecast.warnings),
        legend=legend(status, outline),
        outline=outline,
        consumed=status.events_consumed,
        event=-1 if prepared or status.ended else status.event_number,
        kind=status.event_kind,
        places=outline.places,
        place=None if status.ended else place,
        place_text=place_text(outline.places, None if status.ended else place),
        times=() if prepared else tuple(time_facts(status)),
        counts=() if prepared else tuple(count_facts(status)),
        forecast=tuple(_forecast(status.forecast, status.events_total)) if prepared else (),
        queues=tuple(queue_levels(status)),
        errors=tuple(run_error_text(error) for error in status.errors.last),
        errors_total=status.errors.count,
        commands=tuple(command_text(command) for command in status.commands),
        actions=actions_of(status),
        folder=status.folder,
    )


def actions_of(status: RunStatus) -> frozenset[Action]:
    """Return what can be asked of a run in its state.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> [sorted(actions_of(RunStatus(run="a", state=state))) for state in ("prepared", "running", "ended")]
    [['drop', 'start'], ['pause', 'stop'], []]
    """
    if status.state == "prepared":
        return frozenset({"start", "drop"})
    if status.state in ("cancelling", "draining", "ended"):
        return frozenset()
    steering: Action = "resume" if status.is_paused else "pause"
    asked: set[Action] = {"confirm"} if status.question else set()
    return frozenset({steering, "stop"} | asked)


def _said(status: RunStatus) -> str:
    if status.reason or status.ended:
        return status.reason
    waits = f"waits for {status.waiting_for}" if status.waiting_for else ""
    return event_progress_text(status) or waits


def _forecast(forecast: RunForecast, events: int) -> list[Fact]:
    """Return what a run is expected to need that was not started yet."""
    facts = [
        Fact("events", str(events)),
        Fact("takes", clock_text(forecast.duration_s)),
        Fact("largest move", f"{forecast.largest_move_um:.6g} µm"),
    ]
    if forecast.disk_bytes:
        free = forecast.disk_free_bytes
        room = "" if free is None else f" of {bytes_text(free)} free"
        short = free is not None and forecast.disk_bytes > free
        facts.append(Fact("disk", f"up to {bytes_text(forecast.disk_bytes)}{room}", short))
    if forecast.analysis_s:
        facts.append(Fact("analysis", f"{1e3 * forecast.analysis_s:.0f} ms an image"))
    return facts
