"""What a lock does just now."""

from __future__ import annotations

from typing import Literal

import msgspec

LockState = Literal["off", "waiting", "holding", "paused"]


class LockStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A lock just now.

    Attributes
    ----------
    on : bool
        Whether it is switched on.
    state : str
        "off"; "waiting" for fresh samples; "holding"; or "paused": it goes on by itself once the reason is
        gone.
    reason : str
        Why it waits, has paused or switched itself off; "" for nothing to tell.
    lost : tuple of int
        Beads that it goes by and that are not good now.
    corrections : int
        How many were made since it was switched on.
    targets_nm : dict of int to float
        Of the Z-lock: at which height each bead is held.
    error_nm : float or None
        Of the Z-lock: mean height of the beads above their targets, at the last look.
    """

    on: bool = False
    state: LockState = "off"
    reason: str = ""
    lost: tuple[int, ...] = ()
    corrections: int = 0
    targets_nm: dict[int, float] = {}
    error_nm: float | None = None
