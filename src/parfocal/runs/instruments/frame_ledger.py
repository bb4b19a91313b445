"""What became of the frames of a run, as its camera and its tracker count them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from parfocal.ipc import Call

BY_CAMERA = "camera"
"""Reason of the frames that never left the camera."""
UNFINISHED = "unfinished"
"""Reason of the frames that were neither tracked nor dropped when a run ended."""
_ANSWER_S = 5.0


class CountingService(Protocol):
    """A service that can be asked: a `Client`, or a proxy."""

    def submit(self, command: str, /, *, timeout_s: float | None = None) -> Call:
        """Ask for a command and return at once."""
        ...


class FrameLedger(NamedTuple):
    """Frames by what became of them; ``exposed == tracked + sum(dropped.values()) + in_flight``.

    `rows` were published of beads in tracked frames, and `usable` ones of them carry no flag that spoils
    them.

    Examples
    --------
    >>> before = FrameLedger(10, 9, {"overrun": 1})
    >>> FrameLedger(110, 100, {"overrun": 3, "died": 2}).since(before)
    FrameLedger(exposed=100, tracked=91, dropped={'overrun': 2, 'died': 2}, rows=0, usable=0)
    """

    exposed: int
    tracked: int
    dropped: dict[str, int]
    rows: int = 0
    usable: int = 0

    @property
    def in_flight(self) -> int:
        """Frames whose fate is open."""
        return self.exposed - self.tracked - sum(self.dropped.values())

    def since(self, before: FrameLedger) -> FrameLedger:
        """Return what has come since `before`."""
        dropped = {
            reason: count - before.dropped.get(reason, 0)
            for reason, count in self.dropped.items()
            if count > before.dropped.get(reason, 0)
        }
        return FrameLedger(
            self.exposed - before.exposed,
            self.tracked - before.tracked,
            dropped,
            self.rows - before.rows,
            self.usable - before.usable,
        )

    def closed(self) -> FrameLedger:
        """Return the ledger with nothing in flight: what is, has been given up.

        Examples
        --------
        >>> FrameLedger(10, 8, {}).closed().dropped
        {'unfinished': 2}
        """
        if not self.in_flight:
            return self
        return self._replace(dropped={**self.dropped, UNFINISHED: self.in_flight})

    @property
    def unfinished(self) -> dict[str, int]:
        """What was given up at the end, by its reason: no service knows of that."""
        return {reason: count for reason, count in self.dropped.items() if reason == UNFINISHED}


def read_ledger(camera: CountingService, tracker: CountingService) -> FrameLedger:
    """Return the frames since camera and tracker were started.

    Raises
    ------
    CommandError
        If one of them doesn't answer just now.
    """
    calls = [tracker.submit("counts", timeout_s=_ANSWER_S), tracker.submit("row_counts", timeout_s=_ANSWER_S)]
    calls.append(camera.submit("counts", timeout_s=_ANSWER_S))
    counts, rows, of_camera = (call.result() for call in calls)
    lost = of_camera["lost"]
    by_camera = {BY_CAMERA: lost} if lost else {}
    return FrameLedger(
        counts["produced"] + lost,
        counts["tracked"],
        {**counts["dropped"], **by_camera},
        rows["rows"],
        rows["usable"],
    )


def uselessness(counts: FrameLedger, beads: int) -> str:
    """Return why tracked frames are of no use, whatever was stored; "" if they are of use.

    Parameters
    ----------
    counts : FrameLedger
        Of the run.
    beads : int
        Regions that were tracked.

    Examples
    --------
    >>> uselessness(FrameLedger(9, 9, {}), 0)
    'there was no bead to track'
    >>> uselessness(FrameLedger(9, 9, {}, rows=18, usable=0), 2)
    'not one of 18 rows is usable: all carry flags'
    >>> uselessness(FrameLedger(9, 9, {}, rows=18, usable=1), 2)
    ''
    """
    if not beads:
        return "there was no bead to track"
    if counts.tracked and not counts.usable:
        return f"not one of {counts.rows} rows is usable: all carry flags"
    return ""
