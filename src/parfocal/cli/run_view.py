"""What a run looks like on a terminal: a renderable made of its status and its plan's outline, nothing else.

Everything can be read without colour, in 80 columns; it costs the same however long the plan is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from parfocal.cli.run_map import map_lines
from parfocal.runs.status_text import clock_text, forecast_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parfocal.core.run_status import RunStatus
    from parfocal.runs.plans.outline import Cell, Outline

LATE_MS, FULL = 5000.0, 0.8
_KINDS = {
    "image": ("imaging", "■", "green"),
    "reference": ("reference", "◆", "cyan"),
    "stimulus": ("stimulus", "▲", "magenta"),
    "wait": ("wait", "▒", "blue"),
    "confirm": ("question", "?", "yellow"),
    "acquire": ("camera", "●", "green"),
    "autofocus": ("autofocus", "◇", "yellow"),
}
"""Of each kind of event: its word in the legend, its sign, its colour."""
_CHIPS = {"running": "green", "waiting": "blue", "paused": "yellow", "pausing": "yellow", "ended": "white"}
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
    lines += [*_queues(status), *_errors(status), Text()]
    lines.append(Text(asked or status.waiting_for or "", style="bold"))
    keys = _PREPARED_KEYS if status.state == "prepared" else "" if status.ended else _KEYS
    lines.append(Text(keys, style="bright_black"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Group(*lines)


def chip_text(status: RunStatus) -> str:
    """Return the state in one or two words, as the chip shows it.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> chip_text(RunStatus(run="a", state="waiting", wait_remaining_s=75))
    'WAITING 1:15'
    >>> chip_text(RunStatus(run="a", state="draining")), chip_text(RunStatus(run="a", state="cancelling"))
    ('STOPPING…', 'STOPPING…')
    >>> chip_text(RunStatus(run="a", state="ended", outcome="incomplete: lost 2"))
    'INCOMPLETE: LOST 2'
    """
    if status.state in ("draining", "cancelling"):
        last = status.errors.last[-1] if status.errors.last else None
        return "STOPPING…" if last is None else f"STOP FAILED: {last.type}"
    if status.state == "waiting":
        return f"WAITING {clock_text(status.wait_remaining_s)}"
    return (status.outcome if status.ended else status.state).upper()


def _head(status: RunStatus) -> Text:
    bad = status.outcome.startswith(("failed", "incomplete", "unknown")) or "FAILED" in chip_text(status)
    colour = "red" if bad else _CHIPS.get(status.state, "bright_black")
    said = f"  {status.question or status.reason}" if status.question or status.reason else ""
    return Text.assemble((f"[{chip_text(status)}]", f"bold {colour}"), "  ", (status.run, "bold"), said)


def _legend(status: RunStatus, outline: Outline) -> Text:
    kinds = {cell.kind for cell in outline.cells}
    line = Text()
    for kind, (word, sign, colour) in _KINDS.items():
        if kind in kinds:
            now = kind == status.event_kind and not status.ended
            entry = f"[{sign} {word}]" if now else f" {sign} {word} "
            line.append(entry, style=f"bold {colour}" if now else f"dim {colour}")
    return line


def _strip(status: RunStatus, outline: Outline, width: int) -> list[Text]:
    """Return the events from left to right, what is past bright, and below it a mark where the run is."""
    if not outline.cells:
        return [Text("(no events loaded)", style="dim")]
    columns = min(width, outline.events_total)
    strip = Text()
    for column, cell in enumerate(_cells_of_columns(outline, columns)):
        _, sign, colour = _KINDS[cell.kind]
        past = _event_at(column, columns, outline.events_total) < status.events_consumed
        strip.append(sign, style=f"bold {colour}" if past else f"dim {colour}")
    current = min(max(0, status.event_number), outline.events_total - 1)
    return [strip, Text(" " * (current * columns // outline.events_total) + "^", style="bold")]


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
    lines = [Text(f"{status.events_total} events, {forecast_text(status.forecast)}")]
    return lines + [Text(f"note: {warning}", style="yellow") for warning in status.forecast.warnings]


def _timing(status: RunStatus, width: int) -> list[Text]:
    late = status.lag_ms > LATE_MS
    parts: list[tuple[str, str]] = [
        (f"event {max(0, status.event_number + 1)}/{status.events_total}", "bold"),
        (f"elapsed {clock_text(status.elapsed_s)}", ""),
        (f"scheduled {clock_text(status.scheduled_s)}", ""),
        (f"{'LATE' if late else 'lag'} {_lag_text(status.lag_ms)}", "bold red" if late else ""),
        (f"remaining {clock_text(status.remaining_s)}", ""),
        (f"{status.frames_received} frames, {status.frames_stored} stored", ""),
    ]
    if status.events_dropped:
        dropped = ", ".join(f"{count} {reason}" for reason, count in status.events_dropped.items())
        parts.append((f"not done: {dropped}", "bold red"))
    if status.stimulations.asked:
        parts.append((f"stimuli: {_stimuli_text(status)}", ""))
    focus = status.autofocuses
    if focus.found or focus.failed:
        failed = f", {focus.failed} failed" if focus.failed else ""
        parts.append((f"autofocus: {focus.found} found{failed}", "bold red" if focus.failed else ""))
    lines = [Text()]
    for text, style in parts:
        if lines[-1].cell_len and lines[-1].cell_len + len(text) + 3 > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1].cell_len else "").append(text, style=style)
    return lines


def _lag_text(lag_ms: float) -> str:
    return f"{lag_ms:.0f} ms" if lag_ms < 1000 else clock_text(lag_ms / 1e3)


def _stimuli_text(status: RunStatus) -> str:
    counts = status.stimulations
    counted = (("fired", counts.fired), ("by fallback", counts.fallback), ("unsure", counts.unsure))
    return ", ".join(f"{count} {word}" for word, count in counted if count)


def _queues(status: RunStatus) -> Iterator[Text]:
    """Yield a bar for each queue that has a bound, and the number for one that has none."""
    for name, queue in status.queues.items():
        if not queue.maximum:
            if queue.depth:
                yield Text(f"{name:<16.16} {queue.depth} wait")
            continue
        part = min(1.0, queue.depth / queue.maximum)
        filled = round(part * _BAR)
        bar = f"{'█' * filled}{'·' * (_BAR - filled)}"
        full = part >= FULL
        said = f"{name:<16.16} {bar} {queue.depth} of {queue.maximum}{'  NEARLY FULL' if full else ''}"
        yield Text(said, style="bold red" if full else "")


def _errors(status: RunStatus) -> Iterator[Text]:
    if not status.errors.count:
        return
    yield Text(f"{status.errors.count} error{'s' if status.errors.count > 1 else ''}", style="bold red")
    for error in status.errors.last[-3:]:
        where = f" at event {error.event}" if error.event >= 0 else ""
        yield Text(f"  {error.source}{where}: {error.type}: {error.message}", style="red")


def _colour(kind: str) -> str:
    return _KINDS[kind][2] if kind in _KINDS else "white"
