"""How far a job is, as it tells whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.ipc import Call

FIRST_START = "the first start on a machine compiles for half a minute"
"""What whoever waits for a laboratory is told, as nothing else shows why that takes so long."""


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: what it does, which part of it is done, a few words, the record if there is one.

    `notes` are lines that whoever started the job should read, each told once.
    """

    phase: str
    fraction: float
    text: str = ""
    run: str = ""
    notes: tuple[str, ...] = ()


def result_reported(call: Call, phase: str, report: Callable[[JobProgress], None]) -> Any:
    """Return the result of a call to a service; its progress is reported as that of a phase of the job."""
    call.on_progress(lambda p: report(JobProgress(phase=phase, fraction=p.fraction, text=p.text)))
    return call.result()
