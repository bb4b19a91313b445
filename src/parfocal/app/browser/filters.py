"""Which rows are shown: a search over all columns, and a condition for each column. Pure.

::

    dapi              holds this text, whatever the case
    A01, A02          one of several
    =A1               this text exactly
    !GFP              all others
    >10   <=0.65   3..7   numbers, where the column has any
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from parfocal.app.browser.columns import BY_NAME, COLUMNS, Column
from parfocal.app.browser.rows import ImageRow

Condition = Callable[[str, float | None], bool]
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)")
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)")
_SIGNS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


class RowFilter(NamedTuple):
    """Conditions by column, and words that have to stand somewhere in a row."""

    conditions: tuple[tuple[Column, Condition], ...] = ()
    words: tuple[str, ...] = ()

    def matches(self, row: ImageRow) -> bool:
        """Whether a row is shown."""
        for column, holds in self.conditions:
            if not holds(column.text(row), column.number(row)):
                return False
        if not self.words:
            return True
        text = "\n".join([row.path, *(column.text(row) for column in COLUMNS)]).casefold()
        return all(word in text for word in self.words)

    def without(self, column: str) -> RowFilter:
        """Return it without the condition of a column."""
        return self._replace(conditions=tuple(one for one in self.conditions if one[0].name != column))


def parse_filter(search: str, columns: Mapping[str, str]) -> RowFilter:
    """Return the filter that people have typed: ``column:condition`` may stand in the search as well.

    Parameters
    ----------
    search : str
        Words, all of which a row has to hold.
    columns : mapping of str to str
        Conditions by the name of a column; empty ones are none.

    Examples
    --------
    >>> row = ImageRow(path="plate/x.tif", name="x", well="B03", t="12", channel="DAPI")
    >>> [parse_filter(text, {}).matches(row) for text in ("b03 dapi", "t:>10", "t:3..7", "gfp")]
    [True, True, False, False]
    >>> parse_filter("", {"well": "=B03", "channel": "!gfp, !cy5"}).matches(row)
    True
    """
    typed = {name: text for name, text in columns.items() if text.strip() and name in BY_NAME}
    words = []
    for word in search.split():
        name, colon, text = word.partition(":")
        if colon and text and name in BY_NAME:
            typed[name] = f"{typed[name]}, {text}" if name in typed else text
        else:
            words.append(word.casefold())
    conditions = tuple((BY_NAME[name], _condition(text)) for name, text in typed.items())
    return RowFilter(conditions, tuple(words))


def _condition(text: str) -> Condition:
    """Return one condition; of several, between commas, one has to hold, and all that begin with "!"."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wanted = [_single(part) for part in parts if not part.startswith("!")]
    refused = [_single(part[1:].strip()) for part in parts if len(part) > 1 and part.startswith("!")]

    def holds(shown: str, number: float | None) -> bool:
        if any(one(shown, number) for one in refused):
            return False
        return not wanted or any(one(shown, number) for one in wanted)

    return holds


def _single(text: str) -> Condition:
    compared, span = _COMPARED.fullmatch(text), _RANGE.fullmatch(text)
    if compared is not None:
        sign, limit = _SIGNS[compared[1]], float(compared[2])
        return lambda _shown, number: number is not None and bool(sign(number, limit))
    if span is not None:
        low, high = float(span[1]), float(span[2])
        return lambda _shown, number: number is not None and low <= number <= high
    if text.startswith("="):
        exact = text[1:].strip().casefold()
        return lambda shown, _number: shown.casefold() == exact
    part = text.casefold()
    return lambda shown, _number: part in shown.casefold()
