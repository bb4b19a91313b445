"""The reader entries of a ring: one for each reader, with its cursor, its lease, its account and its name.

An account (`ledger.Record`) stands in two buffers; a change is written into the one that isn't valid and
becomes valid by a single store to its version, so that a process killed between any two stores leaves either
the old account or the new one. Attaching, and giving up what the dead hold, happens under the ring's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import StreamError
from parfocal.core.status import RECORDING
from parfocal.processes.identity import this_program
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.ledger import Cursors, Former, Record
from parfocal.streams.liveness import is_alive
from parfocal.streams.words import read_buffered, write_buffered

if TYPE_CHECKING:
    from parfocal.core.status import ReaderLedger
    from parfocal.streams.segment import Segment

_ATTEMPTS = 10_000


def read_record(words: memoryview, entry: int) -> Record:
    """Return the account in `entry` as it was at one instant."""
    base = at.entry_base(entry)
    buffers = (base + at.ACCOUNT_BUFFERS[0], base + at.ACCOUNT_BUFFERS[1])
    return Record(*read_buffered(words, base + at.ACCOUNT_VERSION, buffers, len(Record._fields)))


def write_record(words: memoryview, entry: int, record: Record) -> None:
    """Replace the account in `entry`: wholly, or, for a process that dies here, not at all."""
    base = at.entry_base(entry)
    buffers = (base + at.ACCOUNT_BUFFERS[0], base + at.ACCOUNT_BUFFERS[1])
    write_buffered(words, base + at.ACCOUNT_VERSION, buffers, record)


def read_account(words: memoryview, entry: int) -> tuple[Record, Cursors]:
    """Return account and cursors as they were together at one instant."""
    base = at.entry_base(entry)
    for _ in range(_ATTEMPTS):
        version = words[base + at.ACCOUNT_VERSION]
        record = read_record(words, entry)
        tail = words[at.TAIL]
        lease = words[base + at.LEASE]
        cursors = Cursors(words[at.HEAD], tail, lease)
        if words[at.TAIL] == tail and words[base + at.ACCOUNT_VERSION] == version:
            return record, cursors
    raise StreamError(f"the account of reader {entry} changed {_ATTEMPTS} times while it was read")


def read_name(words: memoryview, entry: int) -> str:
    """Return the name that `entry` was taken under; "" for a reader that isn't durable."""
    return _read_text(words, entry) if words[at.entry_base(entry) + at.NAME_BYTES] > 0 else ""


def write_name(words: memoryview, entry: int, name: str) -> None:
    """Write the reader's name; without one that of its program, as a negative number of bytes says."""
    base = at.entry_base(entry)
    text = (name or this_program()).encode()[: at.NAME_LIMIT]
    words[base + at.NAME_BYTES] = len(text) if name else -len(text)
    padded = text.ljust(at.NAME_LIMIT, b"\0")
    for offset in range(at.ENTRY_WORDS - at.NAME):
        eight = padded[offset * 8 : offset * 8 + 8]
        words[base + at.NAME + offset] = int.from_bytes(eight, "little", signed=True)


def read_ledgers(words: memoryview) -> tuple[ReaderLedger, ...]:
    """Return the ledger of every reader that is attached or has left, and the sum of those before them."""
    while True:
        version = words[at.FORMER_VERSION]
        former = read_former(words)
        ledgers = [
            ledger_of(words, entry)
            for entry in range(at.ENTRIES)
            if (former.entry, former.version) != (entry + 1, _version(words, entry))
        ]
        if words[at.FORMER_VERSION] == version:
            break
    here = tuple(reader for reader in ledgers if reader is not None)
    return (*here, former.ledger()) if former.readers else here


def unread_by_recorders(words: memoryview) -> tuple[int, bool]:
    """Return how much the recording that is farthest behind has not read, and whether its process is dead.

    One that is dead may come back for it, as long as it is in the ring.
    """
    most, is_dead = 0, False
    for entry in range(at.ENTRIES):
        record = read_record(words, entry)
        if record.phase not in (ledger.ATTACHED, ledger.DIED):
            continue
        unread = words[at.HEAD] - record.position
        if unread > most and read_name(words, entry).endswith(RECORDING):
            most, is_dead = unread, record.phase == ledger.DIED or not is_alive(record.owner)
    return most, is_dead


def read_former(words: memoryview) -> Former:
    """Return the summed account of readers whose entries others have by now."""
    return Former(*read_buffered(words, at.FORMER_VERSION, at.FORMER_BUFFERS, len(Former._fields)))


def write_former(words: memoryview, former: Former) -> None:
    """Replace the summed account. Under the lock."""
    write_buffered(words, at.FORMER_VERSION, at.FORMER_BUFFERS, former)


def release_entry(words: memoryview, entry: int) -> None:
    """Free an entry; the account in it goes into the sum of former readers, exactly once. Under the lock."""
    gone = ledger_of(words, entry)
    if gone is not None:
        write_former(words, read_former(words).plus(gone, entry + 1, _version(words, entry)))
    finish_release(words)


def finish_release(words: memoryview) -> None:
    """Free the entry whose account was summed last: who did that may have died before. Under the lock."""
    former = read_former(words)
    entry = former.entry - 1
    if entry >= 0 and _version(words, entry) == former.version:
        write_record(words, entry, read_record(words, entry)._replace(phase=ledger.FREE))


def give_up_if_dead(segment: Segment, entry: int) -> bool:
    """Free the writer of a reader whose process is gone; return whether it was held. Under the lock.

    A process that can't be looked at isn't taken for a dead one.
    """
    words = segment.words
    base = at.entry_base(entry)
    record, cursors = read_account(words, entry)
    attached = record.phase == ledger.ATTACHED
    if attached and is_alive(record.owner):
        return False
    if attached:
        write_record(words, entry, ledger.freeze(record, cursors))
        segment.doorbell_path(entry).unlink(missing_ok=True)
    elif not (words[base + at.BLOCKS] or words[base + at.LEASE] or words[base + at.WAITING]):
        return False
    words[base + at.BLOCKS] = 0
    words[base + at.LEASE] = 0
    words[base + at.WAITING] = 0
    words[at.REGISTRY] += 1
    return True


def ledger_of(words: memoryview, entry: int) -> ReaderLedger | None:
    """Return the ledger of the reader whose account stands in `entry`; None if that is free."""
    record, cursors = read_account(words, entry)
    if record.phase == ledger.FREE:
        return None
    name = read_name(words, entry)
    shown = name or f"{_read_text(words, entry)} (pid {record.pid})"
    alive = record.phase == ledger.ATTACHED and is_alive(record.owner)
    return ledger.reader_ledger(record, cursors, name=shown, durable=bool(name), alive=alive)


def _version(words: memoryview, entry: int) -> int:
    return int(words[at.entry_base(entry) + at.ACCOUNT_VERSION])


def _read_text(words: memoryview, entry: int) -> str:
    base = at.entry_base(entry)
    text = words[base + at.NAME : base + at.ENTRY_WORDS].tobytes()[: abs(words[base + at.NAME_BYTES])]
    return text.decode(errors="replace")
