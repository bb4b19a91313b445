"""The ledger: pure arithmetic from the words of a ring to `ReaderLedger`.

The writer keeps `head` (the next sequence number) and `tail` (the oldest one still in the ring). A reader
keeps its `position`, and counts what was delivered where it gives it back, and what it dropped where it finds
it gone. What is offered follows from head, what is in flight from head and position, so

    offered == delivered + dropped + in flight

compares two accounts of one thing. All counts of a reader change by one store, so the identity holds whatever
was killed between which two instructions; where it doesn't, a reader or the ring has counted wrong::

    first          position      tail                      head
      |  delivered    |   lost    |        in flight         |
      |  + recorded   | (derived) |                          |
"""

from __future__ import annotations

from typing import NamedTuple

from parfocal.core.status import ReaderLedger
from parfocal.streams.layout import unpack_lease
from parfocal.streams.liveness import Owner

FREE, ATTACHED, LEFT, DIED = range(4)
POLICIES = ("latest", "block", "fail", "drop")
LATEST, BLOCK, FAIL, DROP = range(4)
_REASONS = ("skipped", "overrun", "sampled", "died", "left")


class Record(NamedTuple):
    """One reader's account, as it stands in its entry.

    ``position`` is the next sequence number it will be offered; of those below it, ``delivered`` were
    delivered, and ``skipped``, ``overrun``, ``sampled`` and ``died`` were not. A reader that left or died
    keeps its position; ``end`` is then where offers ended, and ``lost`` how many from its position on the
    ring had let go. ``first`` is below 0 for a reader that was offered so many in earlier generations.
    """

    phase: int
    pid: int
    started: int
    policy: int
    first: int
    position: int
    delivered: int = 0
    skipped: int = 0
    overrun: int = 0
    sampled: int = 0
    died: int = 0
    end: int = 0
    lost: int = 0

    @property
    def owner(self) -> Owner:
        """The reader's process."""
        return Owner(self.pid, self.started)


class Former(NamedTuple):
    """The summed accounts of readers that are gone and whose entries were needed for others.

    ``entry`` and ``version`` say which account was added last: with it in this sum, it isn't added again.
    """

    readers: int = 0
    offered: int = 0
    delivered: int = 0
    skipped: int = 0
    overrun: int = 0
    sampled: int = 0
    died: int = 0
    left: int = 0
    entry: int = 0
    version: int = 0

    def plus(self, gone: ReaderLedger, entry: int, version: int) -> Former:
        """Return the sum with the account of one more reader, which stood in `entry` as `version`."""
        dropped = gone.dropped
        return Former(
            readers=self.readers + 1,
            offered=self.offered + gone.offered,
            delivered=self.delivered + gone.delivered,
            skipped=self.skipped + dropped.get("skipped", 0),
            overrun=self.overrun + dropped.get("overrun", 0),
            sampled=self.sampled + dropped.get("sampled", 0),
            died=self.died + dropped.get("died", 0),
            left=self.left + dropped.get("left", 0),
            entry=entry,
            version=version,
        )

    def ledger(self) -> ReaderLedger:
        """Return the sum as one account."""
        return ReaderLedger(
            name=f"{self.readers} former readers",
            pid=0,
            policy="various",
            offered=self.offered,
            delivered=self.delivered,
            dropped={reason: count for reason in _REASONS if (count := getattr(self, reason))},
            in_flight=0,
            alive=False,
        )


class Cursors(NamedTuple):
    """What the account is held against: the writer's cursors, and the reader's lease."""

    head: int
    tail: int
    lease: int = 0


def lost_unseen(position: int, cursors: Cursors) -> int:
    """Return how many from `position` on the ring has let go, not counting what a lease still holds.

    Examples
    --------
    >>> lost_unseen(10, Cursors(head=40, tail=15))
    5
    """
    if cursors.tail <= position:
        return 0
    first, after = unpack_lease(cursors.lease)
    held = max(0, min(after, cursors.tail) - max(first, position))
    return cursors.tail - position - held


def freeze(record: Record, cursors: Cursors) -> Record:
    """Return the account of a reader that died: nothing more is offered, what lies unread is lost."""
    return record._replace(phase=DIED, end=cursors.head, lost=lost_unseen(record.position, cursors))


def resume(record: Record, tail: int) -> Record:
    """Return the account of a reader that comes back: what the ring still holds is in flight again.

    Frames that were unread when it was given up and are gone now have died with it; those that came
    and went afterwards are overrun.
    """
    gone = max(0, tail - record.position)
    overrun = gone
    if record.phase == DIED:
        overrun = min(gone, record.lost + max(0, tail - record.end))
    again = record._replace(
        phase=ATTACHED, position=record.position + gone, died=record.died + gone - overrun, end=0, lost=0
    )
    return count_lost(again, overrun)


def go_on(record: Record, before: Record, missed: int) -> Record:
    """Return the account of a reader in a new ring, with what it counted in the ring before added.

    Parameters
    ----------
    record
        In the new ring, at its first frame.
    before
        In the ring that it comes from.
    missed
        How many frames lay in rings between the two, of which it saw none.
    """
    passed = before.position - before.first
    together = record._replace(
        first=record.first - passed - missed,
        delivered=record.delivered + before.delivered,
        skipped=record.skipped + before.skipped,
        overrun=record.overrun + before.overrun,
        sampled=record.sampled + before.sampled,
        died=record.died + before.died,
    )
    return count_lost(together, missed)


def count_lost(record: Record, lost: int) -> Record:
    """Return `record` with `lost` frames counted by the name that its policy gives them."""
    if record.policy == LATEST:
        return record._replace(skipped=record.skipped + lost)
    return record._replace(overrun=record.overrun + lost)


def reader_ledger(record: Record, cursors: Cursors, *, name: str, durable: bool, alive: bool) -> ReaderLedger:
    """Return what became of each frame that was offered to this reader.

    Parameters
    ----------
    record, cursors
        Taken at one instant.
    name
        What to call the reader.
    durable
        Whether it may come back under its name: what lies unread for a dead reader is then in flight
        until it is given up; otherwise it died with it.
    alive
        Whether its process lives.
    """
    attached = record.phase == ATTACHED
    if attached and not alive and not durable:
        record, attached = freeze(record, cursors), False
    end = cursors.head if attached else record.end
    lost = lost_unseen(record.position, cursors) if attached else record.lost
    unread = end - record.position - lost
    final = count_lost(record, lost)
    dropped = {
        "skipped": final.skipped,
        "overrun": final.overrun,
        "sampled": final.sampled,
        "died": final.died + (unread if record.phase == DIED else 0),
        "left": unread if record.phase == LEFT else 0,
    }
    return ReaderLedger(
        name=name,
        pid=record.pid,
        policy=POLICIES[record.policy],
        offered=end - record.first,
        delivered=record.delivered,
        dropped={reason: count for reason, count in dropped.items() if count},
        in_flight=unread if attached else 0,
        alive=attached and alive,
    )
