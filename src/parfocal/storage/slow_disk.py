"""A disk that is slow on demand, to try what a rig does then."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, nearest

_KINDS = ("slow disk", "free")


class SlowDisk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each batch of a stream ("" for all) is held up before it is stored.

    Examples
    --------
    >>> disk = SlowDisk.of("slow disk", {"seconds": 0.5, "stream": "camera"})
    >>> disk.delay_s("camera"), disk.delay_s("tracks")
    (0.5, 0.0)
    """

    seconds: float = 0.0
    stream: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < math.inf:
            raise BadInputError(f"seconds of a slow disk must be 0 or more, not {self.seconds}")

    @classmethod
    def of(cls, kind: str, details: dict[str, Any]) -> SlowDisk:
        """Return the disk that a fault makes; raises `BadInputError` naming what there is."""
        if kind not in _KINDS:
            raise BadInputError(f"no fault is called {kind!r}; {nearest(kind, _KINDS)}")
        if kind == "free":
            return cls()
        try:
            return msgspec.convert({"seconds": 0.2, **details}, cls)
        except msgspec.ValidationError as error:
            raise BadInputError(f"{kind} takes seconds and stream: {error}") from error

    def delay_s(self, stream: str) -> float:
        """Return how long a batch of a stream is held up, seconds."""
        return self.seconds if self.stream in ("", stream) else 0.0
