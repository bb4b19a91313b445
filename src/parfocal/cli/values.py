"""``name=value`` words from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable


def named_values(words: Iterable[str]) -> dict[str, Any]:
    """Return what ``name=value`` words say; a value is JSON where it reads as such, else text.

    Raises
    ------
    BadInputError
        If a word has no ``=``.

    Examples
    --------
    >>> named_values(["count=10", "input=in1", "on=true", "roi=[1, 2]"])
    {'count': 10, 'input': 'in1', 'on': True, 'roi': [1, 2]}
    """
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise BadInputError(f"{word!r} is no argument; write name=value")
        values[name] = _value(text)
    return values


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
