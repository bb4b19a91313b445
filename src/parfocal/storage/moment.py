"""One instant on both clocks, for records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from parfocal.core.clock import Clock


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One instant, on the clock that the data's times are on, and in UTC."""

    utc: str
    utc_ns: int
    monotonic_ns: int

    @classmethod
    def now(cls, clock: Clock) -> Moment:
        """Return the instant that `clock` shows."""
        utc_ns = clock.utc_ns()
        text = datetime.fromtimestamp(utc_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return cls(
            utc=f"{text}.{utc_ns // 1000 % 10**6:06d}Z", utc_ns=utc_ns, monotonic_ns=clock.monotonic_ns()
        )
