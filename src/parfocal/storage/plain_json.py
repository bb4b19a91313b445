"""JSON of what others put into a record, such as a plan or a device's state: nobody knows what it holds."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from parfocal.core.errors import sendable

_DEEPEST = 50


def encode_plain(value: Any) -> bytes:
    """Return `value` as JSON; what JSON has no words for is spelled out as text.

    Examples
    --------
    >>> encode_plain({"n": np.int64(3), "at": {1, 2}, 5: "key"})
    b'{"n":3,"at":[1,2],"5":"key"}'
    """
    try:
        return msgspec.json.encode(value, enc_hook=plain)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.json.encode(spelled(value))


def plain(value: Any) -> Any:
    """Return what JSON can hold of a value that it does not know: numbers of arrays, text of all else."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)


def spelled(value: Any, depth: int = 0) -> Any:
    """Return `value` with text wherever it holds a number, a key, a text or a depth that JSON does not."""
    match value:
        case dict() if depth < _DEEPEST:
            return {spelled(str(key)): spelled(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [spelled(item, depth + 1) for item in value]
        case np.ndarray() | np.generic():
            return spelled(value.tolist(), depth + 1)
        case None | bool() | float():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else hex(value)
    return sendable(str(value))
