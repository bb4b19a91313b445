"""Has msgspec know a type before threads use it: two that do so first, at the same moment, crash the process.

It learns what a struct holds when that is first converted or decoded, and another thread that uses the struct
meanwhile reads what is half filled in (msgspec 0.22).
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import msgspec

_LEARNING = threading.Lock()


def known(*types: Any) -> None:
    """Return when msgspec knows these types, and all that they hold. Any thread.

    Modules call it at their end with structs that threads share; who converts to other types does before.

    Raises
    ------
    TypeError
        If msgspec can't convert to one of them.
    """
    for kind in types:
        _learn(kind)


@cache
def _learn(kind: Any) -> None:
    with _LEARNING:
        msgspec.msgpack.Decoder(kind)
