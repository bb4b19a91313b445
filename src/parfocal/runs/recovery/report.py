"""How a run stands that was killed, for people and programs. Plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.runs.earlier_run import KilledRun

_LISTED = 1000


class UnsureEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of which nobody knows whether it has happened: never done again."""

    number: int
    kind: str
    index: dict[str, int] = {}
    call: str = ""


class RecoveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands.

    Attributes
    ----------
    run, folder : str
        Its name, and that of its record.
    events_total, events_done, events_left : int
        Those that are done were acquired, or declared dropped; those that are left include the repeated ones.
    first : int
        The first event that has to be done.
    repeated : tuple of int
        Events that were done, and whose frames were lost with the processes; at most 1000.
    unsure : tuple of UnsureEvent
        Stimuli and calls that may have happened: they are not done again.
    lost : tuple of int
        Stimuli that were fired, and whose frames are gone.
    differences : tuple of str
        What of the rig was another thing when the run began, in words.
    refused : str
        Why it can't be completed; "" if it can.
    """

    run: str
    folder: str
    events_total: int
    events_done: int
    events_left: int
    first: int
    repeated: tuple[int, ...] = ()
    unsure: tuple[UnsureEvent, ...] = ()
    lost: tuple[int, ...] = ()
    differences: tuple[str, ...] = ()
    refused: str = ""


def report_of(
    folder: str, killed: KilledRun, differences: Sequence[str] = (), *, refused: str = ""
) -> RecoveryReport:
    """Return what is told of a run that was killed."""
    run, recovery = killed
    events = (run.schedule.event(number) for number in recovery.unsure[:_LISTED])
    return RecoveryReport(
        run=run.run,
        folder=folder,
        events_total=recovery.total,
        events_done=recovery.total - recovery.left,
        events_left=recovery.left,
        first=recovery.first,
        repeated=recovery.repeated[:_LISTED],
        unsure=tuple(
            UnsureEvent(
                number=event.number,
                kind=event.kind,
                index=event.index,
                call="" if event.call is None else event.call.name,
            )
            for event in events
        ),
        lost=recovery.lost[:_LISTED],
        differences=tuple(differences),
        refused=refused,
    )
