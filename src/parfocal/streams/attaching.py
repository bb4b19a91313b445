"""Gives a reader its entry in a ring: the one it had, one that is reserved for it, or a free one.

Everything here happens under the ring's lock, which the writer does not take. So the reader first writes its
position, then reads how far the writer has claimed: one of the two always sees the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from parfocal.core.errors import BadInputError, StreamInUseError
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import Doorbell
from parfocal.streams.ledger import Record
from parfocal.streams.liveness import is_alive, this_process
from parfocal.streams.reader_table import (
    finish_release,
    give_up_if_dead,
    read_name,
    read_record,
    release_entry,
    write_name,
    write_record,
)
from parfocal.streams.words import fence

if TYPE_CHECKING:
    from parfocal.streams.segment import Segment

Since = Literal["now", "newest", "start"]


class AttachRequest(NamedTuple):
    """What a reader asks for when it attaches.

    Attributes
    ----------
    name : str
        What to come back under after a crash; "" for a reader that isn't durable.
    policy : int
        One of `ledger.POLICIES`, by its place.
    since : {"now", "newest", "start"}
        Where offers begin: with the next frame, with the one that is there, or with the ring's first.
    follows : bool
        Whether it goes on with the next generation.
    expected : int
        The entry that it had in the generation before; -1 for none.
    before : Record or None
        Its account in that generation.
    missed : int
        How many frames lay in generations in between, of which it saw none.
    """

    name: str
    policy: int
    since: Since = "now"
    follows: bool = False
    expected: int = -1
    before: Record | None = None
    missed: int = 0


def attach(segment: Segment, request: AttachRequest) -> tuple[int, Doorbell]:
    """Take an entry for this process; return its number and the doorbell that hangs there.

    Raises
    ------
    StreamInUseError
        If a living process reads under that name, or no entry is free.
    StreamTimeoutError
        If another process holds the lock for a second.
    """
    if len(request.name.encode()) > at.NAME_LIMIT:
        raise BadInputError(f"the reader's name {request.name!r} is longer than {at.NAME_LIMIT} bytes")
    with segment.locked():
        finish_release(segment.words)
        entry, before = _choose(segment, request)
        doorbell = Doorbell(segment.doorbell_path(entry))
        try:
            segment.words[at.entry_base(entry) + at.PORT] = doorbell.port
            _occupy(segment.words, entry, before, request)
        except BaseException:
            doorbell.close()
            raise
    return entry, doorbell


def leave_expected(segment: Segment, entry: int) -> None:
    """Give up an entry in which a reader of this process is expected that was closed before it came.

    Raises
    ------
    StreamTimeoutError
        If another process holds the lock for a second.
    """
    words, base = segment.words, at.entry_base(entry)
    with segment.locked():
        if _is_expected(words, entry):
            write_record(words, entry, read_record(words, entry)._replace(phase=ledger.LEFT))
            words[base + at.CURSOR] = at.NEVER
            words[base + at.BLOCKS] = 0
            words[base + at.FOLLOWS] = at.STAYS
            words[at.REGISTRY] += 1


def _choose(segment: Segment, request: AttachRequest) -> tuple[int, Record | None]:
    """Return an entry, and the account that goes on in it, if one does."""
    words, name = segment.words, request.name
    if request.expected >= 0 and _is_expected(words, request.expected):
        return request.expected, read_record(words, request.expected)
    for entry in range(at.ENTRIES):
        record = read_record(words, entry)
        if not name or record.phase == ledger.FREE or read_name(words, entry) != name:
            continue
        if record.phase == ledger.ATTACHED and is_alive(record.owner):
            raise StreamInUseError(f"process {record.pid} reads under the name {name!r}; choose another")
        if record.phase == ledger.LEFT:
            release_entry(words, entry)
            return entry, None
        return entry, record
    for named_too in (False, True):
        free = _free_entry(segment, named_too=named_too)
        if free is not None:
            return free, None
    raise StreamInUseError(f"all {at.ENTRIES} reader entries of the stream are taken: close some readers")


def _is_expected(words: memoryview, entry: int) -> bool:
    record = read_record(words, entry)
    expected = words[at.entry_base(entry) + at.FOLLOWS] == at.EXPECTED
    return expected and record.phase == ledger.ATTACHED and record.owner == this_process()


def _free_entry(segment: Segment, *, named_too: bool) -> int | None:
    """Give up the dead, and return the best entry to take: a fresh one rather than one with a history."""
    words = segment.words
    best = None
    for entry in range(at.ENTRIES):
        named = read_name(words, entry) != ""
        if named_too or not named or read_record(words, entry).phase != ledger.ATTACHED:
            give_up_if_dead(segment, entry)
        phase = read_record(words, entry).phase
        if phase == ledger.FREE:
            return entry
        if phase != ledger.ATTACHED and (best is None or (named, entry) < best) and (named_too or not named):
            best = (named, entry)
    if best is None:
        return None
    release_entry(words, best[1])
    return best[1]


def _occupy(words: memoryview, entry: int, before: Record | None, request: AttachRequest) -> None:
    base = at.entry_base(entry)
    words[base + at.LEASE] = 0
    words[base + at.WAITING] = 0
    if before is None:
        write_name(words, entry, request.name)
        record = _begin(words, base, request)
    else:
        record = _begin_again(words, base, before, request)
    words[base + at.FOLLOWS] = at.FOLLOWING if request.follows else at.STAYS
    write_record(words, entry, record)
    write_record(words, entry, record)  # the other buffer, too: from here on only counts change
    words[at.REGISTRY] += 1


def _begin(words: memoryview, base: int, request: AttachRequest) -> Record:
    """Return the account of a new reader, at a position that the writer can't have passed."""
    me = this_process()

    def account(position: int) -> Record:
        return Record(ledger.ATTACHED, *me, request.policy, position, position)

    if request.since == "start":
        return _begin_again(words, base, account(0), request)
    while True:
        head = words[at.HEAD]
        position = max(head - 1, words[at.TAIL]) if request.since == "newest" else head
        if _hold(words, base, request.policy, position) <= position:
            return account(position)


def _begin_again(words: memoryview, base: int, before: Record, request: AttachRequest) -> Record:
    """Return the account of a reader that comes back: where it was, or where the ring now begins."""
    me, policy = this_process(), request.policy
    before = before._replace(pid=me.pid, started=me.started, policy=policy)
    if request.before is not None:
        before = ledger.go_on(before, request.before, request.missed)
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
