"""Makes the ring of a stream: a new one, the one of a dead writer taken over, or the next generation.

The next generation keeps the readers that follow the stream: they get entries in the new ring before it can
be found by its name. So a blocking reader misses nothing, however long it still reads in the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamInUseError, StreamNotFoundError, StreamTimeoutError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import deadline_of
from parfocal.streams.ledger import Record
from parfocal.streams.liveness import this_process
from parfocal.streams.reader_table import (
    finish_release,
    give_up_if_dead,
    ledger_of,
    read_former,
    read_name,
    read_record,
    write_former,
    write_name,
    write_record,
)
from parfocal.streams.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path

_ARRIVE_S = 5.0
_LOOK_S = 0.01


def take_ring(path: Path, layout: at.Layout) -> Segment:
    """Return the ring to write: a new one, one that a dead writer left, or one that replaces such a one.

    Raises
    ------
    StreamInUseError
        If a living process writes it.
    StreamTimeoutError
        If a blocking reader would lose what lies in the one to replace; names it.
    """
    deadline = deadline_of(_ARRIVE_S)
    while True:
        try:
            old = Segment.attach(path, writable=True)
        except StreamNotFoundError:
            ring = Segment.create(path, layout, generation=1)
            if ring.publish(replace=False):
                return ring
            continue
        with old.locked():
            if not old.is_current():
                continue
            if old.writer_alive():
                raise StreamInUseError(
                    f"process {old.writer().pid} writes stream {path.stem!r}; end it first"
                )
            if old.layout == layout and old.words[at.CLOSED] == at.OPEN:
                old.adopt(this_process())
                return old
            awaited = _awaited(old)
            if not awaited:
                return _succeed(old, layout)
        _wait_for(awaited, old, deadline)


def next_generation(old: Segment, layout: at.Layout, timeout_s: float | None) -> Segment:
    """Give the name of a ring that this process writes to a new one, which it writes from now on.

    Raises
    ------
    StreamTimeoutError
        If a blocking reader has not got to the old ring yet, and still has not after `timeout_s`; names it.
    """
    deadline = deadline_of(timeout_s)
    while True:
        with old.locked():
            old.check_current()
            awaited = _awaited(old)
            if not awaited:
                return _succeed(old, layout)
        _wait_for(awaited, old, deadline)


def _wait_for(reader: str, old: Segment, deadline: float | None) -> None:
    if deadline is not None and SYSTEM_CLOCK.monotonic_s() >= deadline:
        raise StreamTimeoutError(
            f"stream {old.path.stem!r} cannot change what it holds yet: {reader} still reads what was "
            "written before the last change, and would lose the rest"
        )
    SYSTEM_CLOCK.sleep(_LOOK_S)


def _awaited(old: Segment) -> str:
    """Return the name of a blocking reader that has not got to this ring yet; "" if there is none."""
    for entry in range(at.ENTRIES):
        base = at.entry_base(entry)
        if old.words[base + at.FOLLOWS] == at.EXPECTED and not give_up_if_dead(old, entry):
            reader = ledger_of(old.words, entry)
            if old.words[base + at.BLOCKS] and reader is not None:
                return f"reader {reader.name!r} (process {reader.pid})"
    return ""


def _succeed(old: Segment, layout: at.Layout) -> Segment:
    """Make the next generation. Under the lock of the old one."""
    new = Segment.create(old.path, layout, generation=old.words[at.GENERATION] + 1)
    new.words[at.ORIGIN] = old.words[at.ORIGIN]
    new.words[at.BEFORE] = old.words[at.BEFORE] + old.words[at.HEAD]
    _hand_over(old, new)
    old.words[at.CLOSED] = at.SUPERSEDED
    new.publish(replace=True)
    return new


def _hand_over(old: Segment, new: Segment) -> None:
    """Expect the readers of a ring that follow its stream in the next one, from its first frame on.

    Until they get there they have entries of the same numbers in it, which hold its writer up if they block.
    The accounts of those that have gone are summed in it. Under the lock of the old ring, before others can
    find the new one.
    """
    finish_release(old.words)
    former = read_former(old.words)._replace(entry=0, version=0)
    for entry in range(at.ENTRIES):
        give_up_if_dead(old, entry)
        record = read_record(old.words, entry)
        gone = ledger_of(old.words, entry)
        if record.phase in (ledger.LEFT, ledger.DIED) and gone is not None:
            former = former.plus(gone, entry=0, version=0)
        elif record.phase == ledger.ATTACHED and old.words[at.entry_base(entry) + at.FOLLOWS]:
            _expect(new.words, entry, record, read_name(old.words, entry))
    write_former(new.words, former)


def _expect(words: memoryview, entry: int, record: Record, name: str) -> None:
    base = at.entry_base(entry)
    write_name(words, entry, name)
    write_record(words, entry, Record(ledger.ATTACHED, *record.owner, record.policy, 0, 0))
    words[base + at.CURSOR] = at.NEVER if record.policy == ledger.LATEST else 0
    words[base + at.BLOCKS] = record.policy == ledger.BLOCK
    words[base + at.FOLLOWS] = at.EXPECTED
