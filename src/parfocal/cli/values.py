"""``name=value`` words from the command line, and types as it shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable


_QUOTED_OR_MODULE = re.compile(r"(?P<quoted>'[^']*')|(?:\b[A-Za-z_]\w*\.)+(?=[A-Za-z_])")


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


def short_type(text: str) -> str:
    """Return a type as people say it: without the modules that its names come from.

    Examples
    --------
    >>> short_type("dict[str, typing.Any] | parfocal.analysis.beads.rois.RoiSet")
    'dict[str, Any] | RoiSet'
    >>> short_type("typing.Literal['go.on', 'stop'] | numpy.ndarray[tuple[typing.Any, ...]]")
    "Literal['go.on', 'stop'] | ndarray[tuple[Any, ...]]"
    """
    return _QUOTED_OR_MODULE.sub(lambda found: found["quoted"] or "", text)
