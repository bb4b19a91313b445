"""Results as the records that a command declares: the reply names their classes.

A reply holds plain data and the declared type; the caller converts the data to that. A program that lacks a
class gets the plain data. Only dataclasses and structs are made, never another class that a reply names.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import is_dataclass
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from parfocal.ipc.convert import from_plain

_CONTAINERS = {"list": list, "tuple": tuple, "dict": dict, "set": set}
_UNION, _NONE, _REPEATED, _PLAIN = "union", "none", "...", ""


class Declared:
    """Given as ``returns=Declared``: convert a result to what its command declares."""


def result_name(annotation: Any) -> str:
    """Return how others are told of a declared result: "module:Class", "" if all of it is plain data.

    A container of records is JSON: the container's name, and what stands in it. A choice between several
    records that plain data does not tell apart is plain data.

    Examples
    --------
    >>> from parfocal.core.messages import Hello
    >>> result_name(Hello), result_name(float)
    ('parfocal.core.messages:Hello', '')
    >>> result_name(dict[str, Hello | None])
    '["dict", "", ["union", "parfocal.core.messages:Hello", "none"]]'
    """
    described = _describe(annotation)
    if isinstance(described, list):
        return json.dumps(described) if _is_distinct(annotation) else ""
    return "" if described in (_NONE, _REPEATED) else str(described)


@cache
def result_type(name: str) -> Any:
    """Return the type that `result_name` named; `Any` for each class in it that there is not here.

    Examples
    --------
    >>> result_type("parfocal.core.messages:Hello").__name__
    'Hello'
    >>> result_type('["list", "parfocal.core.messages:Hello"]')
    list[parfocal.core.messages.Hello]
    >>> result_type("builtins:eval"), result_type("no.such:Thing"), result_type("")
    (typing.Any, typing.Any, typing.Any)
    """
    return _made(json.loads(name) if name.startswith("[") else name)


def _is_distinct(annotation: Any) -> bool:
    try:
        msgspec.json.Decoder(annotation, dec_hook=from_plain)
    except TypeError:
        return False
    return True


def _describe(annotation: Any) -> Any:
    """Return the name of a record, a list that begins with a container's name, or `_PLAIN`."""
    if _is_record(annotation):
        module, name = annotation.__module__, annotation.__qualname__
        return _PLAIN if module == "__main__" or "." in name else f"{module}:{name}"
    if annotation is ...:
        return _REPEATED
    if annotation is NoneType:
        return _NONE
    origin = get_origin(annotation)
    container = _UNION if origin in (Union, UnionType) else getattr(origin, "__name__", "")
    inside = [_describe(each) for each in get_args(annotation)]
    holds_records = any(each not in (_PLAIN, _NONE, _REPEATED) for each in inside)
    return [container, *inside] if holds_records and container in (*_CONTAINERS, _UNION) else _PLAIN


def _made(described: Any) -> Any:
    """Return the type that `_describe` described."""
    if isinstance(described, list):
        container, *inside = described
        types = tuple(map(_made, inside))
        return reduce(or_, types) if container == _UNION else _CONTAINERS[container][types]  # type: ignore[index]
    if described in (_NONE, _REPEATED):
        return None if described == _NONE else ...
    return _record(described)


def _record(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if module else None
    except (ImportError, AttributeError):
        return Any
    return found if _is_record(found) else Any


def _is_record(thing: Any) -> bool:
    return isinstance(thing, type) and (is_dataclass(thing) or issubclass(thing, msgspec.Struct))
