"""Any history of writers and readers, slow, late, killed at any store or coming back, balances exactly.

Processes are played in one: each actor has a number of its own, "lives" as long as the history says so, and
may be told to die before its n-th store into the ring.
"""

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parfocal.core.errors import (
    ReaderOverrunError,
    StreamError,
    StreamInUseError,
    StreamTimeoutError,
    WriterDiedError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import (
    LatestReader,
    StreamWriter,
    attached,
    layout,
    open_stream,
    reader_entry,
)
from parfocal.streams.ledger import FREE, LEFT, Record
from parfocal.streams.reader_table import read_former, read_name, read_record

from .mortal import KilledError, Life, MortalWords, play_by

SLOTS = 4
FRAMES = FrameSpec(shape=(2, 3), dtype="uint32")
ROWS = RowSpec(columns=(("number", "<u4"),))


@dataclass
class Account:
    """What is known of a name: what all who bore it got, and how it stood at the last death."""

    got: int = 0
    away: Record | None = None


class History:
    """A ring and all who use it, with an account of its own of what became of each frame."""

    def __init__(self, folder: Path, life: Life, kind: str) -> None:
        self.folder = folder
        self.life = life
        self.rows = kind == "rows"
        self.writer: StreamWriter | None = None
        self.writer_pid = 0
        self.readers: dict[int, LatestReader] = {}
        self.names: dict[int, str] = {}
        self.accounts: dict[str, Account] = {}
        self.got: dict[int, int] = {}
        self.leases: dict[int, contextlib.ExitStack] = {}
        self.held: dict[int, tuple[np.ndarray, list[int]]] = {}
        self.taken = 0
        self.deaths = 0
        self.pids = iter(range(1000, 100_000))
        self.number = 0
        self.committed: list[int] = []
        self.take_over(-1)
        self.stream = open_stream(folder, "s")

    def take_over(self, stores: int) -> None:
        """A writer comes, if there is none."""
        if self.writer is not None:
            return
        pid = next(self.pids)
        self.life.enter(pid, stores)
        try:
            self.writer = StreamWriter(self.folder, "s", ROWS if self.rows else FRAMES, SLOTS)
        except KilledError:
            self.life.die(pid)
        self.writer_pid = pid

    def write(self, count: int, stores: int) -> None:
        if self.writer is None:
            return
        self.life.enter(self.writer_pid, stores)
        numbers = list(range(self.number, self.number + count))
        self.number += count
        before = self.stream.status().produced
        try:
            self._put(numbers)
        except StreamTimeoutError:
            pass
        except KilledError:
            self.kill_writer()
        done = self.stream.status().produced - before
        self.committed += numbers[:done]

    def _put(self, numbers: list[int]) -> None:
        assert self.writer is not None
        if self.rows:
            self.writer.write_rows(np.array([(n,) for n in numbers], ROWS.numpy_dtype), timeout_s=0)
        elif len(numbers) == 1:
            self.writer.write(np.full((2, 3), numbers[0], "u4"), FrameHeader(frame=numbers[0]), timeout_s=0)
        else:
            frames = np.array(numbers, "u4")[:, None, None] * np.ones((1, 2, 3), "u4")
            self.writer.write_many(frames, [FrameHeader(frame=n) for n in numbers], timeout_s=0)

    def kill_writer(self) -> None:
        if self.writer is not None:
            self.life.die(self.writer_pid)
            self.writer._ring = None
            self.writer = None

    def attach(self, policy: str, name: str, stores: int) -> None:
        if self.record_of(name).phase == FREE:
            self.accounts.pop(name, None)  # others have needed the entry
        pid = next(self.pids)
        self.life.enter(pid, stores)
        try:
            reader = self.stream.latest(name) if policy == "latest" else self.stream.lossless(policy, name)
        except StreamInUseError:
            self.life.die(pid)
            return
        except KilledError:
            self.life.die(pid)
            if name and name in self.names.values():
                return  # it died before it could be refused
            self.names[pid] = name
            self.accounts.setdefault(name, Account())
            self.note_death(pid)
            return
        self.readers[pid] = reader
        self.got[pid] = 0
        if name:
            self.names[pid] = name
            self.check_return(name)

    def check_return(self, name: str) -> None:
        """Who comes back goes on where it was; what left the ring meanwhile is dropped, and nothing else."""
        now = self.record_of(name)
        before = self.accounts.setdefault(name, Account()).away
        if before is None or before.phase in (FREE, LEFT):
            self.accounts[name] = Account()
            assert now.first == now.position
            return
        words = self.stream._segment.words
        counted = max(now.position, words[layout.TAIL])  # what it drops at its next step is counted already
        assert now.first == before.first
        assert counted >= before.position
        assert counted <= max(before.position, words[layout.TAIL], words[layout.INTENT])
        assert dropped(now) - dropped(before) == now.position - before.position
        assert now.died - before.died <= SLOTS * 2  # what was unread when it was given up lay in the ring

    def record_of(self, name: str) -> Record:
        words = self.stream._segment.words
        entries = [entry for entry in range(layout.ENTRIES) if read_name(words, entry) == name]
        records = [read_record(words, entry) for entry in entries if not is_summed(words, entry)]
        return next((record for record in records if record.phase != FREE), Record(FREE, 0, 0, 0, 0, 0))

    def note_death(self, pid: int) -> None:
        """A death in the middle of a step leaves it done or not done: the account says which."""
        name = self.names.pop(pid, "")
        if not name:
            return
        record = self.record_of(name)
        if record.phase == FREE:  # it never had an entry, and what stands there is another's
            return
        account = self.accounts[name]
        delivered = record.position - record.first - dropped(record)
        assert account.got <= delivered <= account.got + SLOTS * 2
        self.accounts[name] = Account(delivered, record)

    def read(self, which: int, stores: int) -> None:
        pid = self._choose(which)
        if pid is None or pid in self.leases:
            return
        self.life.enter(pid, stores)
        reader = self.readers[pid]
        try:
            taken = reader.read(timeout_s=0)
        except ReaderOverrunError:
            return
        except StreamTimeoutError:
            assert self.writer is not None
            return
        except WriterDiedError:
            assert self.writer is None
            return
        except KilledError:
            self.kill_reader(which)
            return
        last = reader.position
        numbers = taken["number"].tolist() if self.rows else [taken.header.frame]
        assert numbers == self.committed[last - len(numbers) : last]
        if not self.rows:
            assert (taken.data == numbers[0]).all()
        self.got[pid] += len(numbers)
        self.taken += len(numbers)

    def lease(self, which: int, most: int) -> None:
        pid = self._choose(which)
        if pid is None or pid in self.leases or isinstance(self.readers[pid], LatestReader):
            return
        self.life.enter(pid)
        reader = self.readers[pid]
        lend = reader.lease_rows(0, most) if self.rows else reader.lease_many(most, 0)
        stack = contextlib.ExitStack()
        try:
            taken = stack.enter_context(lend)
        except (StreamTimeoutError, ReaderOverrunError, WriterDiedError):
            return
        with pytest.raises(StreamError, match="in use"):
            reader.read(timeout_s=0)
        numbers = self.committed[reader.position :][: len(taken)]
        assert (taken["number"] if self.rows else taken.headers["frame"]).tolist() == numbers
        self.leases[pid] = stack
        self.held[pid] = (taken["number"] if self.rows else np.moveaxis(taken.data, 0, -1), numbers)

    def give_back(self, which: int, stores: int, fails: bool = False) -> None:
        """A lease ends; if its block failed, nothing of it was delivered."""
        pid = self._choose(which)
        if pid is None or pid not in self.leases:
            return
        self.life.enter(pid, stores)
        _, numbers = self.held.pop(pid)
        position = self.readers[pid].position
        try:
            with contextlib.suppress(ZeroDivisionError), self.leases.pop(pid):
                if fails:
                    raise ZeroDivisionError
        except KilledError:
            self.kill_reader(which)
            return
        if fails:
            assert self.readers[pid].position == position
        else:
            self.got[pid] += len(numbers)
            self.taken += len(numbers)

    def kill_reader(self, which: int) -> None:
        pid = self._choose(which)
        if pid is None:
            return
        self.deaths += 1
        self.life.die(pid)
        if pid in self.names:
            self.accounts[self.names[pid]].got += self.got[pid]
        self.note_death(pid)
        reader = self.readers.pop(pid)
        reader._entry.closed = True
        self.held.pop(pid, None)
        lease = self.leases.pop(pid, None)
        if lease is not None:
            lease.close()

    def leave(self, which: int, stores: int) -> None:
        pid = self._choose(which)
        if pid is None or pid in self.leases:
            return
        self.life.enter(pid, stores)
        try:
            self.readers[pid].close()
        except KilledError:
            self.kill_reader(which)
            return
        del self.readers[pid]
        self.accounts.pop(self.names.pop(pid, ""), None)

    def check(self) -> None:
        status = self.stream.status()
        assert status.produced == len(self.committed)
        assert status.abandoned >= 0
        delivered = sum(ledger.delivered for ledger in status.readers)
        assert self.taken <= delivered <= self.taken + self.deaths * SLOTS * 2, "of former readers, too"
        for ledger in status.readers:
            assert ledger.balances, ledger.imbalance
            counts = [ledger.offered, ledger.delivered, ledger.in_flight, *ledger.dropped.values()]
            assert min(counts) >= 0, ledger
            assert ledger.in_flight <= SLOTS * 2
            if ledger.pid == 0:
                continue  # the sum of former readers
            assert ledger.alive == (ledger.pid in self.readers)
            if ledger.policy == "block" and ledger.alive and not ledger.name.startswith("n"):
                assert ledger.dropped == {}
            if ledger.pid in self.readers:
                name = self.names.get(ledger.pid, "")
                before = self.accounts[name].got if name else 0
                assert ledger.delivered == before + self.got[ledger.pid]
        for pixels, numbers in self.held.values():
            assert (pixels == numbers).all(), "a leased frame was overwritten"

    def end(self) -> None:
        for pid in list(self.readers):
            self.kill_reader(list(self.readers).index(pid))
        self.kill_writer()

    def _choose(self, which: int) -> int | None:
        return list(self.readers)[which % len(self.readers)] if self.readers else None


def is_summed(words: MortalWords, entry: int) -> bool:
    """Whether its account is already in the sum: who needed the entry died before it was marked free."""
    former = read_former(words)
    return (former.entry - 1, former.version) == (
        entry,
        words[layout.entry_base(entry) + layout.ACCOUNT_VERSION],
    )


def dropped(record: Record) -> int:
    return record.skipped + record.overrun + record.sampled + record.died


which = st.integers(0, 3)
never = st.just(-1)
dying = st.integers(0, 40)
policies = st.sampled_from(["latest", "block", "fail", "drop"])
names = st.sampled_from(["", "", "n1", "n2"])
quiet = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 6), never),
    st.tuples(st.just("read"), which, never),
    st.tuples(st.just("lease"), which, st.integers(1, 4)),
    st.tuples(st.just("give_back"), which, never),
    st.tuples(st.just("give_back"), which, never, st.just(True)),
    st.tuples(st.just("attach"), policies, names, never),
)
violent = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 6), dying),
    st.tuples(st.just("read"), which, dying),
    st.tuples(st.just("give_back"), which, dying),
    st.tuples(st.just("attach"), policies, names, dying),
    st.tuples(st.just("leave"), which, st.one_of(never, dying)),
    st.tuples(st.just("kill_reader"), which),
    st.tuples(st.just("kill_writer")),
    st.tuples(st.just("take_over"), st.one_of(never, dying)),
)
died_taking_an_entry = (
    [("attach", "latest", "n1", -1)],
    [
        ("write", 6, -1),
        ("kill_reader", 0),
        *[("attach", "latest", "", -1)] * 2,
        ("attach", "latest", "", 30),  # dies between adding up the account of n1 and freeing its entry
        ("attach", "latest", "n1", -1),
    ],
)
first_readers = st.lists(st.tuples(st.just("attach"), policies, names, never), min_size=1, max_size=3)
steps = st.lists(st.one_of(*[quiet] * 6, violent), min_size=20, max_size=60)


@pytest.mark.parametrize("kind", ["frames", "rows"])
def test_any_history_balances(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life()
    play_by(life, monkeypatch)
    monkeypatch.setattr(attached, "_LOOK_S", 0.0)
    monkeypatch.setattr(reader_entry, "_LOOK_S", 0.0)
    monkeypatch.setattr(layout, "ENTRIES", 3)  # so that entries are used again

    @example(*died_taking_an_entry)
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(first_readers, steps)
    def play(first: list[tuple], then: list[tuple]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="pfs-", dir="/dev/shm" if Path("/dev/shm").exists() else None))
        history = History(folder, life, kind)
        try:
            for name, *arguments in first + then:
                if name == "write":
                    history.take_over(-1)
                getattr(history, name)(*arguments)
                history.check()
        finally:
            history.end()
            shutil.rmtree(folder)

    play()
