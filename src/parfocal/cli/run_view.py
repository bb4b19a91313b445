"""What a run looks like on a terminal: a renderable made of its status and its plan's outline, nothing else.

Everything can be read without colour, in 80 columns; it costs the same however long the plan is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from parfocal.cli.run_map import map_lines
from parfocal.runs.status_parts import (
    EVENT_SIGNS,
    chip_text,
    count_facts,
    current_event,
    legend,
    queue_levels,
    run_error_text,
    time_facts,
    tone_of,
)
from parfocal.runs.status_text import event_progress_text, forecast_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parfocal.core.run_status import RunStatus
    from parfocal.runs.plans.outline import Cell, Outline
    from parfocal.runs.status_parts import Tone

_KINDS: dict[str, str] = {
    "image": "green",
    "reference": "cyan",
    "stimulus": "magenta",
    "wait": "blue",
    "confirm": "yellow",
    "acquire": "green",
    "autofocus": "yellow",
    "call": "blue",
    "condition": "blue",
}
"""The colour of each kind of event."""
_TONES: dict[Tone, str] = {
    "quiet": "bright_black",
    "going": "green",
    "waiting": "blue",
    "held": "yellow",
    "good": "white",
    "bad": "red",
}
_PREPARED_KEYS = "g start   s drop   q leave the run alone"
_KEYS = "p pause   r resume   f finish   s stop   c confirm   q leave the run alone"
_BAR = 20


def run_view(status: RunStatus, outline: Outline, width: int, asked: str = "") -> Group:
    """Return a run as lines of `width` columns.

    Parameters
    ----------
    status, outline : RunStatus, Outline
        Of the run.
    width : int
        Columns, 40 or more.
    asked : str
        What the keys have asked for last, in words.
    """
    lines = [_head(status), _legend(status, outline), *_strip(status, outline, width), Text()]
    lines += map_lines(outline.places, status.event_index.get("p"), _colour(status.event_kind), width)
    lines += _forecast(status) if status.state == "prepared" else _timing(status, width)
    lines += [*_notes(status), *_queues(status), *_errors(status), Text()]
    lines.append(Text(asked or event_progress_text(status) or status.waiting_for, style="bold"))
    keys = _PREPARED_KEYS if status.state == "prepared" else "" if status.ended else _KEYS
    lines.append(Text(keys, style="bright_black"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Group(*lines)


def _head(status: RunStatus) -> Text:
    said = f"  {status.question or status.reason}" if status.question or status.reason else ""
    chip = (f"[{chip_text(status)}]", f"bold {_TONES[tone_of(status)]}")
    return Text.assemble(chip, "  ", (status.run, "bold"), said)


def _legend(status: RunStatus, outline: Outline) -> Text:
    line = Text()
    for kind, word, sign, now in legend(status, outline):
        entry = f"[{sign} {word}]" if now else f" {sign} {word} "
        line.append(entry, style=f"{'bold' if now else 'dim'} {_KINDS[kind]}")
    return line


def _strip(status: RunStatus, outline: Outline, width: int) -> list[Text]:
    """Return the events from left to right, what is past bright, and below it a mark where the run is."""
    if not outline.cells:
        return [Text("(no events loaded)", style="dim")]
    columns = min(width, outline.events_total)
    strip = Text()
    for column, cell in enumerate(_cells_of_columns(outline, columns)):
        sign, colour = EVENT_SIGNS[cell.kind][1], _KINDS[cell.kind]
        past = _event_at(column, columns, outline.events_total) < status.events_consumed
        strip.append(sign, style=f"bold {colour}" if past else f"dim {colour}")
    return [
        strip,
        Text(" " * (current_event(status, outline) * columns // outline.events_total) + "^", style="bold"),
    ]


def _cells_of_columns(outline: Outline, columns: int) -> Iterator[Cell]:
    """Yield, for each column, the cell that its first event lies in."""
    cells = iter(outline.cells)
    cell = next(cells)
    for column in range(columns):
        event = _event_at(column, columns, outline.events_total)
        while event >= cell.first + cell.count:
            cell = next(cells)
        yield cell


def _event_at(column: int, columns: int, total: int) -> int:
    return -(-column * total // columns)


def _forecast(status: RunStatus) -> list[Text]:
    """Return what a run is expected to need that was not started yet."""
    return [Text(f"{status.events_total} events, {forecast_text(status.forecast)}")]


def _notes(status: RunStatus) -> list[Text]:
    """Return what a person should know who still can do something about it."""
    told = () if status.ended else status.forecast.warnings
    return [Text(f"note: {warning}", style="yellow") for warning in told]


def _timing(status: RunStatus, width: int) -> list[Text]:
    parts = [(f"{fact.label} {fact.text}", fact.alarm) for fact in time_facts(status)]
    parts += [(f"{fact.label}: {fact.text}", fact.alarm) for fact in count_facts(status)]
    lines = [Text()]
    for text, alarm in parts:
        if lines[-1].cell_len and lines[-1].cell_len + len(text) + 3 > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1].cell_len else "").append(text, style="bold red" if alarm else "")
    return lines


def _queues(status: RunStatus) -> Iterator[Text]:
    """Yield a bar for each queue that has a bound, and the number for one that has none."""
    for level in queue_levels(status):
        if level.part is None:
            yield Text(f"{level.name:<16.16} {level.text}")
            continue
        filled = round(level.part * _BAR)
        bar = f"{'█' * filled}{'·' * (_BAR - filled)}"
        said = f"{level.name:<16.16} {bar} {level.text}{'  NEARLY FULL' if level.nearly_full else ''}"
        yield Text(said, style="bold red" if level.nearly_full else "")


def _errors(status: RunStatus) -> Iterator[Text]:
    if not status.errors.count:
        return
    yield Text(f"{status.errors.count} error{'s' if status.errors.count > 1 else ''}", style="bold red")
    for error in status.errors.last[-3:]:
        yield Text(f"  {run_error_text(error)}", style="red")


def _colour(kind: str) -> str:
    return _KINDS.get(kind, "white")
