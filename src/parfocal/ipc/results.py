"""Results as the dataclass or struct that the command declares: the reply names the class.

A reply holds plain data and the name; the caller converts the data to that class. A program that lacks the
class gets the plain data. Only dataclasses and structs are made, never another class that a reply names.
"""

from __future__ import annotations

import importlib
from dataclasses import is_dataclass
from functools import cache
from typing import Any

import msgspec


class Declared:
    """Given as ``returns=Declared``: convert a result to what its command declares."""


def result_name(annotation: Any) -> str:
    """Return where others find a declared result, "module:Class"; "" if it arrives as plain data.

    Examples
    --------
    >>> from parfocal.core.messages import Hello
    >>> result_name(Hello), result_name(list[Hello]), result_name(float)
    ('parfocal.core.messages:Hello', '', '')
    """
    if not _is_record(annotation):
        return ""
    module, name = annotation.__module__, annotation.__qualname__
    return "" if module == "__main__" or "." in name else f"{module}:{name}"


@cache
def result_type(name: str) -> Any:
    """Return the class that `result_name` named; `Any` if there is none here.

    Examples
    --------
    >>> result_type("parfocal.core.messages:Hello").__name__
    'Hello'
    >>> result_type("builtins:eval"), result_type("no.such:Thing"), result_type("")
    (typing.Any, typing.Any, typing.Any)
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if module else None
    except (ImportError, AttributeError):
        return Any
    return found if _is_record(found) else Any


def _is_record(thing: Any) -> bool:
    return isinstance(thing, type) and (is_dataclass(thing) or issubclass(thing, msgspec.Struct))
