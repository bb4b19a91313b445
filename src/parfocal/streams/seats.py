"""The seats of a ring: one for each reader, with its cursor, its lease, its account and its name.

An account (`ledger.Record`) stands in one of two banks; a change is written into the other one and becomes
valid by a single store to the seat's turn, so that a process killed between any two stores leaves either the
old account or the new one. Taking a seat and giving one up happens under the ring's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, StreamError, StreamInUseError
from parfocal.processes.identity import this_program
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import Bell
from parfocal.streams.ledger import Cursors, Record
from parfocal.streams.liveness import Owner, is_alive, this_process
from parfocal.streams.segment import fence

if TYPE_CHECKING:
    from parfocal.core.status import ReaderLedger
    from parfocal.streams.segment import Segment

_FIELDS = len(Record._fields)
_ATTEMPTS = 10_000


def read_record(words: memoryview, seat: int) -> Record:
    """Return the account of `seat` as it was at one instant."""
    base = at.seat_base(seat)
    while True:
        turn = words[base + at.TURN]
        bank = base + at.BANKS[turn & 1]
        record = Record(*words[bank : bank + _FIELDS].tolist())
        if words[base + at.TURN] == turn:
            return record


def write_record(words: memoryview, seat: int, record: Record) -> None:
    """Replace the account of `seat`: wholly, or, for who dies here, not at all."""
    base = at.seat_base(seat)
    turn = words[base + at.TURN] + 1
    bank = base + at.BANKS[turn & 1]
    for offset, value in enumerate(record):
        words[bank + offset] = value
    words[base + at.TURN] = turn


def read_account(words: memoryview, seat: int) -> tuple[Record, Cursors]:
    """Return account and cursors as they were together at one instant."""
    base = at.seat_base(seat)
    for _ in range(_ATTEMPTS):
        turn = words[base + at.TURN]
        record = read_record(words, seat)
        tail = words[at.TAIL]
        pin = words[base + at.PIN]
        cursors = Cursors(words[at.HEAD], tail, pin)
        if words[at.TAIL] == tail and words[base + at.TURN] == turn:
            return record, cursors
    raise StreamError(f"the account of reader {seat} changed {_ATTEMPTS} times while it was read")


def read_name(words: memoryview, seat: int) -> str:
    """Return the name that `seat` was taken under; "" for a reader that isn't durable."""
    return _read_text(words, seat) if words[at.seat_base(seat) + at.NAME_BYTES] > 0 else ""


def read_ledgers(words: memoryview) -> tuple[ReaderLedger, ...]:
    """Return the ledger of every reader that is attached or has left."""
    ledgers = []
    for seat in range(at.SEATS):
        record, cursors = read_account(words, seat)
        if record.phase == ledger.FREE:
            continue
        name = read_name(words, seat)
        shown = name or f"{_read_text(words, seat)} (pid {record.pid})"
        alive = is_alive(Owner(record.pid, record.started))
        ledgers.append(ledger.reader_ledger(record, cursors, name=shown, durable=bool(name), alive=alive))
    return tuple(ledgers)


def give_up_if_dead(segment: Segment, seat: int) -> bool:
    """Free the writer of a reader whose process is gone; return whether it was held. Under the lock."""
    words = segment.words
    base = at.seat_base(seat)
    record, cursors = read_account(words, seat)
    attached = record.phase == ledger.ATTACHED
    if attached and is_alive(Owner(record.pid, record.started)):
        return False
    if attached:
        write_record(words, seat, ledger.freeze(record, cursors))
        segment.bell_path(seat).unlink(missing_ok=True)
    elif not (words[base + at.BLOCKS] or words[base + at.PIN] or words[base + at.WAITING]):
        return False
    words[base + at.BLOCKS] = 0
    words[base + at.PIN] = 0
    words[base + at.WAITING] = 0
    words[at.REGISTRY] += 1
    return True


def sit_down(segment: Segment, name: str, policy: int) -> tuple[int, Bell]:
    """Take a seat for this process: its own one again if `name` is known, else a free one.

    Raises
    ------
    StreamInUseError
        If a living process reads under `name`, or no seat is free.
    """
    if len(name.encode()) > at.NAME_LIMIT:
        raise BadInputError(f"the reader's name {name!r} is longer than {at.NAME_LIMIT} bytes")
    with segment.locked():
        seat, before = _choose(segment, name)
        bell = Bell(segment.bell_path(seat))
        try:
            segment.words[at.seat_base(seat) + at.PORT] = bell.port
            _occupy(segment.words, seat, before, name, policy)
        except BaseException:
            bell.close()
            raise
    return seat, bell


def _choose(segment: Segment, name: str) -> tuple[int, Record | None]:
    """Return a seat, and the account that goes on in it, if one does."""
    words = segment.words
    for seat in range(at.SEATS):
        record = read_record(words, seat)
        if not name or record.phase == ledger.FREE or read_name(words, seat) != name:
            continue
        if record.phase == ledger.ATTACHED and is_alive(Owner(record.pid, record.started)):
            raise StreamInUseError(f"process {record.pid} reads under the name {name!r}; choose another")
        return seat, None if record.phase == ledger.LEFT else record
    for named_too in (False, True):
        free = _vacate(segment, named_too=named_too)
        if free is not None:
            return free, None
    raise StreamInUseError(f"all {at.SEATS} seats for readers are taken: close some of them")


def _vacate(segment: Segment, *, named_too: bool) -> int | None:
    """Give up the dead, and return the best seat to take: a fresh one rather than one with a history."""
    words = segment.words
    best = None
    for seat in range(at.SEATS):
        named = read_name(words, seat) != ""
        if named_too or not named or read_record(words, seat).phase != ledger.ATTACHED:
            give_up_if_dead(segment, seat)
        phase = read_record(words, seat).phase
        if phase == ledger.FREE:
            return seat
        if phase != ledger.ATTACHED and (best is None or (named, seat) < best) and (named_too or not named):
            best = (named, seat)
    return best[1] if best else None


def _occupy(words: memoryview, seat: int, before: Record | None, name: str, policy: int) -> None:
    base = at.seat_base(seat)
    words[base + at.PIN] = 0
    words[base + at.WAITING] = 0
    if before is None:
        write_record(words, seat, read_record(words, seat)._replace(phase=ledger.FREE))
        _write_name(words, base, name)
        record = _settle_new(words, base, policy)
    else:
        record = _settle_again(words, base, before, policy)
    write_record(words, seat, record)
    write_record(words, seat, record)  # the other bank, too: from here on only counts change
    words[at.REGISTRY] += 1


def _read_text(words: memoryview, seat: int) -> str:
    base = at.seat_base(seat)
    text = words[base + at.NAME : base + at.SEAT_WORDS].tobytes()[: abs(words[base + at.NAME_BYTES])]
    return text.decode(errors="replace")


def _write_name(words: memoryview, base: int, name: str) -> None:
    """Write the reader's name; without one that of its program, as a negative number of bytes says."""
    text = (name or this_program()).encode()[: at.NAME_LIMIT]
    words[base + at.NAME_BYTES] = len(text) if name else -len(text)
    padded = text.ljust(at.NAME_LIMIT, b"\0")
    for offset in range(at.SEAT_WORDS - at.NAME):
        eight = padded[offset * 8 : offset * 8 + 8]
        words[base + at.NAME + offset] = int.from_bytes(eight, "little", signed=True)


def _settle_new(words: memoryview, base: int, policy: int) -> Record:
    """Return the account of a new reader, at a position that the writer can't have passed."""
    owner = this_process()
    while True:
        head = words[at.HEAD]
        if _hold(words, base, policy, head) <= head:
            return Record(ledger.ATTACHED, owner.pid, owner.started, policy, head, head)


def _settle_again(words: memoryview, base: int, before: Record, policy: int) -> Record:
    """Return the account of a reader that comes back: where it was, or where the ring now begins."""
    owner = this_process()
    before = before._replace(pid=owner.pid, started=owner.started, policy=policy)
    tail = words[at.TAIL] if before.phase == ledger.DIED or policy == ledger.BLOCK else 0
    record = ledger.resume(before, tail)
    if policy == ledger.BLOCK and words[base + at.BLOCKS] and words[base + at.CURSOR] <= record.position:
        words[base + at.CURSOR] = record.position  # it has held the writer all the while
        return record
    while _hold(words, base, policy, record.position) > record.position:
        record = ledger.resume(before, words[at.INTENT])
    return record


def _hold(words: memoryview, base: int, policy: int, position: int) -> int:
    """Let a blocking reader hold the writer at `position`; return how far the writer may have gone unheld."""
    words[base + at.CURSOR] = at.NEVER if policy == ledger.LATEST else position
    words[base + at.BLOCKS] = policy == ledger.BLOCK
    words[at.REGISTRY] += 1
    if policy != ledger.BLOCK:
        return 0
    fence()
    return int(words[at.INTENT])
