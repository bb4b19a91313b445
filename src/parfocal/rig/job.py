"""How far a job is, as it tells whoever started it."""

from __future__ import annotations

import msgspec


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: what it does, which part of it is done, a few words, the record if there is one.

    `notes` are lines that whoever started the job should read, each told once.
    """

    phase: str
    fraction: float
    text: str = ""
    run: str = ""
    notes: tuple[str, ...] = ()
