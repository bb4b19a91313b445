"""Who writes the ring of a name: the first one, one that a dead writer left, or the next generation.

A generation that follows another one keeps its readers: those that follow the stream hold entries in the new
ring before anybody can find it, so that a blocking reader misses nothing, however long it reads in the old
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import StreamInUseError, StreamNotFoundError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.ledger import Record
from parfocal.streams.liveness import is_alive, this_process
from parfocal.streams.reader_table import read_name, read_record, write_name, write_record
from parfocal.streams.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path


def take_ring(path: Path, layout: at.Layout) -> Segment:
    """Return the ring to write: a new one, one that a dead writer left, or one that replaces such a one."""
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
            return next_generation(old, layout)


def next_generation(old: Segment, layout: at.Layout) -> Segment:
    """Give the name of a ring to the next generation, which this process writes. Under the old one's lock."""
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
    Under the lock of the old ring, before others can find the new one.
    """
    words = new.words
    for entry in range(at.ENTRIES):
        base = at.entry_base(entry)
        record = read_record(old.words, entry)
        if record.phase != ledger.ATTACHED or not old.words[base + at.FOLLOWS] or not is_alive(record.owner):
            continue
        write_name(words, entry, read_name(old.words, entry))
        write_record(words, entry, Record(ledger.ATTACHED, *record.owner, record.policy, 0, 0))
        words[base + at.CURSOR] = at.NEVER if record.policy == ledger.LATEST else 0
        words[base + at.BLOCKS] = record.policy == ledger.BLOCK
        words[base + at.FOLLOWS] = at.EXPECTED
