"""Whole numbers on the command line: one with a fraction is refused, where it would be rounded."""

from __future__ import annotations

from typing import Any, get_args

from cyclopts import Token, convert


def converted(kind: Any, tokens: Any) -> Any:
    """Return what was written for a parameter of a kind, as `cyclopts.convert` does.

    Raises
    ------
    ValueError
        If a whole number is wanted, and it has a fraction.
    """
    if _is_whole(kind):
        for token in tokens:
            if isinstance(token, Token) and "." in token.value and not float(token.value).is_integer():
                raise ValueError(f"{token.value!r} is no whole number")
    return convert(kind, tokens)


def _is_whole(kind: Any) -> bool:
    """Return whether all numbers of a kind are whole.

    Examples
    --------
    >>> _is_whole(int), _is_whole(tuple[int, int]), _is_whole(float), _is_whole(tuple[int, float])
    (True, True, False, False)
    """
    parts = [part for part in get_args(kind) if part not in (type(None), ...)]
    return all(map(_is_whole, parts)) if parts else kind is int
