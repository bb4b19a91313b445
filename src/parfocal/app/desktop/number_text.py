"""Numbers as people write them into fields: with a point in every country. Pure."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d+")
_MOST = 2**63


def read_number(text: str) -> float | None:
    """Return the number that a text is, whole if written so; None if it is none, or too large to be sent.

    Examples
    --------
    >>> read_number("2.5"), read_number("-3"), read_number("1e3"), read_number("1,5")
    (2.5, -3, 1000.0, None)
    >>> read_number("1e400"), read_number("10000000000000000000")
    (None, None)
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    if not _WHOLE.fullmatch(text):
        return number
    return int(text) if abs(number) < _MOST else None
