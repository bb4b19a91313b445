"""Text from a command line, read as the value that a declared type takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from functools import reduce
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from parfocal.core.errors import BadInputError

S = TypeVar("S", bound=msgspec.Struct)
Kind = Literal["null", "truth", "number", "text", "list", "object"]
"""A kind of value that JSON has."""
ALL: frozenset[Kind] = frozenset({"null", "truth", "number", "text", "list", "object"})

_TYPES: tuple[tuple[tuple[type, ...], Kind], ...] = (
    ((NoneType,), "null"),
    ((bool,), "truth"),
    ((str, bytes, PurePath, date, time, timedelta), "text"),
    ((int, float), "number"),
    ((list, tuple, set, frozenset), "list"),
    ((Mapping,), "object"),
)


def kinds_of(annotation: Any) -> frozenset[Kind]:
    """Return the kinds of values that an annotation takes; all of them where it does not say.

    Examples
    --------
    >>> sorted(kinds_of(str | None)), sorted(kinds_of(Literal["off", 1])), kinds_of(Any) == ALL
    (['null', 'text'], ['number', 'text'], True)
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kinds_of(parts[0])
    if origin in (Union, UnionType):
        return _union(map(kinds_of, parts))
    if origin is Literal:
        return _union(kinds_of(type(value)) for value in parts)
    declared = NoneType if annotation is None else origin or annotation
    if not isinstance(declared, type):
        return ALL
    if issubclass(declared, Enum):
        return _union(kinds_of(type(member.value)) for member in declared)
    return next((frozenset({kind}) for types, kind in _TYPES if issubclass(declared, types)), ALL)


def read_value(text: str, kinds: Collection[Kind] = ALL) -> Any:
    """Return the value of a text where these kinds are taken: JSON if it reads so, else the text itself.

    Examples
    --------
    >>> read_value("4711", kinds_of(int)), read_value("4711", kinds_of(str)), read_value("in1")
    (4711, '4711', 'in1')
    >>> read_value('"4711"', kinds_of(str)), read_value("null", kinds_of(str | None))
    ('4711', None)
    """
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    fits = kinds_of(type(value)) <= set(kinds)
    return text if not fits and "text" in kinds else value


def named_values(words: Iterable[str], kinds: Callable[[str], Collection[Kind]]) -> dict[str, Any]:
    """Return what ``name=value`` words say, each value read as one of the `kinds` that its name takes.

    Raises
    ------
    BadInputError
        If a word has no ``=``, or no name before it.

    Examples
    --------
    >>> types = {"count": int, "serial": str}
    >>> named_values(["count=10", "serial=4711", "note=a=b"], lambda name: kinds_of(types.get(name, Any)))
    {'count': 10, 'serial': '4711', 'note': 'a=b'}
    """
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise BadInputError(f"{word!r} is no argument; write name=value")
        values[name] = read_value(text, kinds(name))
    return values


def named_fields(words: Iterable[str], kind: type[S], what: str) -> S:
    """Return the struct whose fields ``name=value`` words give; errors call it `what`.

    Raises
    ------
    BadInputError
        If it has no such field, or a value is not one of its type.

    Examples
    --------
    >>> class Lamp(msgspec.Struct, forbid_unknown_fields=True):
    ...     power: float = 1.0
    >>> named_fields(["power=0.5"], Lamp, "lamp")
    Lamp(power=0.5)
    """
    types = get_type_hints(kind)
    values = named_values(words, lambda name: kinds_of(types.get(name, Any)))
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise BadInputError(f"{what}: {error}; known: {', '.join(types)}") from error


def _union(kinds: Iterable[frozenset[Kind]]) -> frozenset[Kind]:
    return reduce(frozenset.union, kinds, frozenset())
