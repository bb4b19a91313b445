"""The columns of the table: what each shows of a row, and by what it is sorted. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from parfocal.app.browser.rows import ImageRow

_NUMBER = re.compile(r"(\d+)")
SortKey = tuple[int, float, tuple[str | int, ...]]
"""What is empty stands last; numbers before text; text with its numbers as numbers."""


class Column(NamedTuple):
    """A column: its name, how wide it is at first (px), and what it shows and compares of a row."""

    name: str
    width: int
    text: Callable[[ImageRow], str]
    number: Callable[[ImageRow], float | None] = lambda _row: None
    tip: str = ""


def sort_key(text: str, number: float | None) -> SortKey:
    """Return by what a cell is sorted.

    Examples
    --------
    >>> sorted(["t10", "t9", "", "T1"], key=lambda text: sort_key(text, None))
    ['T1', 't9', 't10', '']
    >>> sort_key("0.65 um", 0.65) < sort_key("10 um", 10.0) < sort_key("many", None)
    True
    """
    if number is not None:
        return 0, number, ()
    if not text:
        return 2, 0.0, ()
    parts = _NUMBER.split(text.casefold())
    return 1, 0.0, tuple(int(part) if place % 2 else part for place, part in enumerate(parts))


def _counted(component: str, axis: str, words: str) -> Callable[[ImageRow], str]:
    def text(row: ImageRow) -> str:
        own = getattr(row, component)
        if own:
            return str(own)
        return f"{row.sizes[axis]} {words}" if axis in row.sizes else ""

    return text


def _count(component: str, axis: str) -> Callable[[ImageRow], float | None]:
    def number(row: ImageRow) -> float | None:
        own = getattr(row, component)
        if own:
            return float(own) if own.isdecimal() else None
        return float(row.sizes[axis]) if axis in row.sizes else None

    return number


def _channel(row: ImageRow) -> str:
    return (
        row.channel or ", ".join(row.channels) or (f"{row.sizes['c']} channels" if "c" in row.sizes else "")
    )


def _shape(row: ImageRow) -> str:
    return f"{row.shape[1]} × {row.shape[0]}" if len(row.shape) == 2 else ""  # noqa: RUF001 (the sign)


def _pixel(row: ImageRow) -> str:
    return "" if row.pixel_size_um is None else f"{row.pixel_size_um:.4g} µm"


def _time(row: ImageRow) -> str:
    if not row.time_ns:
        return ""
    return datetime.fromtimestamp(row.time_ns // 10**9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _outcome(row: ImageRow) -> str:
    if row.problem:
        return f"cannot be read: {row.problem}"
    return "running" if row.outcome == "recording" else row.outcome


COLUMNS = (
    Column("name", 190, lambda row: row.name),
    Column("kind", 68, lambda row: row.kind),
    Column("well", 42, lambda row: row.well),
    Column("site", 46, lambda row: row.site),
    Column("channel", 92, _channel),
    Column("z", 62, _counted("z", "z", "planes"), _count("z", "z")),
    Column("t", 72, _counted("t", "t", "times"), _count("t", "t")),
    Column("outcome", 146, _outcome, tip="how a run ended; why a file cannot be read"),
    Column("shape", 82, _shape, lambda row: float(row.shape[0] * row.shape[1]) if row.shape else None),
    Column("dtype", 56, lambda row: row.dtype),
    Column("pixel", 70, _pixel, lambda row: row.pixel_size_um, "edge of a pixel in the sample"),
    Column(
        "time", 132, _time, lambda row: float(row.time_ns) or None, "when a run began, a file was changed"
    ),
)
BY_NAME = {column.name: column for column in COLUMNS}


def key_of(row: ImageRow, column: str) -> SortKey:
    """Return by what a row is sorted in a column."""
    found = BY_NAME[column]
    return sort_key(found.text(row), found.number(row))
