"""Any history of writers that change the frames' shape, killed at any store, with readers that follow."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parfocal.core.errors import ReaderOverrunError, StreamTimeoutError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import LosslessReader, StreamWriter, attached, generations, open_stream, reader_entry

from .mortal import KilledError, Life, play_by

SLOTS = 4
READERS = {"block": 1, "drop": 2, "fail": 3}


@dataclass
class History:
    """A stream through its generations: who writes it, who follows it, and what all of them know."""

    folder: Path
    life: Life
    writer: StreamWriter | None = None
    writer_pid: int = 1000
    made: int = 0
    got: dict[str, list[int]] = field(default_factory=dict)
    readers: dict[str, LosslessReader] = field(default_factory=dict)

    def begin(self) -> None:
        self.take_over(3, -1)
        for policy, pid in READERS.items():
            self.life.enter(pid)
            self.readers[policy] = open_stream(self.folder, "s").lossless(policy, follow=True)  # type: ignore[arg-type]
            self.got[policy] = []

    def take_over(self, width: int, stores: int) -> None:
        """A writer comes, of the same shape as the one before or of another, if there is none."""
        if self.writer is not None:
            return
        self.writer_pid += 1
        self.life.enter(self.writer_pid, stores)
        try:
            self.writer = StreamWriter(self.folder, "s", FrameSpec(shape=(2, width), dtype="uint32"), SLOTS)
        except KilledError:
            self.life.die(self.writer_pid)
        except StreamTimeoutError:
            self.life.die(self.writer_pid)  # the blocking reader would lose what lies in this ring

    def write(self, stores: int) -> None:
        if self.writer is None:
            return
        self.life.enter(self.writer_pid, stores)
        spec = self.writer.spec
        assert isinstance(spec, FrameSpec)
        try:
            header = FrameHeader(frame=self.produced())
            self.writer.write(np.full(spec.shape, header.frame, "u4"), header, timeout_s=0)
        except StreamTimeoutError:
            pass
        except KilledError:
            self.kill_writer()

    def reopen(self, width: int, stores: int) -> None:
        if self.writer is None:
            return
        self.life.enter(self.writer_pid, stores)
        try:
            self.writer.reopen(FrameSpec(shape=(2, width), dtype="uint32"), timeout_s=0)
        except StreamTimeoutError:
            pass
        except KilledError:
            self.kill_writer()

    def kill_writer(self) -> None:
        if self.writer is not None:
            self.life.die(self.writer_pid)
            self.writer._ring = None
            self.writer = None

    def read(self, policy: str) -> None:
        self.life.enter(READERS[policy])
        reader = self.readers[policy]
        try:
            frame = reader.poll()
        except ReaderOverrunError:
            return
        if frame is not None:
            assert frame.data.shape == reader.spec.shape  # type: ignore[union-attr]
            assert (frame.data == frame.header.frame).all()
            self.got[policy].append(frame.header.frame)

    def produced(self) -> int:
        stream = open_stream(self.folder, "s")
        return stream.produced_before + stream.produced

    def check(self) -> None:
        for policy, numbers in self.got.items():
            assert numbers == sorted(set(numbers)), f"{policy}: each frame once, in order"
        assert self.got["block"] == list(range(len(self.got["block"])))
        for ledger in open_stream(self.folder, "s").status().readers:
            assert ledger.balances, ledger.imbalance

    def end(self) -> None:
        """A last writer comes and goes on; then everything is read, or counted."""
        for _ in range(3):
            self.take_over(3, -1)
            for policy in READERS:
                for _ in range(SLOTS * 8):
                    self.read(policy)
            self.write(-1)
        produced = self.produced()
        for policy in READERS:
            for _ in range(SLOTS * 8):
                self.read(policy)
        assert self.got["block"] == list(range(produced))
        ledgers = {ledger.policy: ledger for ledger in open_stream(self.folder, "s").status().readers}
        for policy, numbers in self.got.items():
            assert ledgers[policy].offered == produced
            assert ledgers[policy].delivered == len(numbers)
            assert ledgers[policy].in_flight == 0

    def close(self) -> None:
        for policy, reader in self.readers.items():
            self.life.enter(READERS[policy])
            reader.close()
        self.kill_writer()


stores = st.one_of(st.just(-1), st.just(-1), st.integers(0, 300))
widths = st.integers(3, 5)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), stores),
        st.tuples(st.just("write"), st.just(-1)),
        st.tuples(st.just("read"), st.sampled_from(sorted(READERS))),
        st.tuples(st.just("read"), st.sampled_from(sorted(READERS))),
        st.tuples(st.just("reopen"), widths, stores),
        st.tuples(st.just("take_over"), widths, stores),
        st.tuples(st.just("kill_writer")),
    ),
    min_size=10,
    max_size=60,
)


def test_who_follows_misses_nothing_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life()
    play_by(life, monkeypatch)
    monkeypatch.setattr(attached, "_LOOK_S", 0.0)
    monkeypatch.setattr(reader_entry, "_LOOK_S", 0.0)
    monkeypatch.setattr(generations, "_ARRIVE_S", 0.0)
    monkeypatch.setattr(generations, "_LOOK_S", 0.0)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def play(then: list[tuple]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="pfs-", dir="/dev/shm" if Path("/dev/shm").exists() else None))
        history = History(folder, life)
        try:
            history.begin()
            for name, *arguments in then:
                getattr(history, name)(*arguments)
                history.check()
            history.end()
        finally:
            history.close()
            shutil.rmtree(folder)

    play()
