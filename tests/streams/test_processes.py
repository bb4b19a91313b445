"""Real processes, really killed and stopped."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import StreamTimeoutError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.status import ReaderLedger
from parfocal.streams import Stream, StreamWriter, open_stream, reclaim

from .conftest import Start, heard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

SPEC = FrameSpec(shape=(64, 64), dtype="uint32")
LONG_S = 30.0
KILLS = [6, pytest.param(24, marks=pytest.mark.slow)]


def go(actor: "subprocess.Popen[str]") -> None:
    assert actor.stdin is not None
    actor.stdin.write("go\n")
    actor.stdin.flush()


def stand_still(actor: "subprocess.Popen[str]") -> None:
    """Stop a process; returns once it stands."""
    os.kill(actor.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, actor.pid, os.WSTOPPED)


def write(writer: StreamWriter, number: int, timeout_s: float = LONG_S) -> None:
    writer.write(np.full(SPEC.shape, number, "u4"), FrameHeader(frame=number), timeout_s=timeout_s)


def write_many(writer: StreamWriter, numbers: range) -> None:
    for number in numbers:
        write(writer, number, timeout_s=0.3)


def ledger_of(stream: Stream, pid: int) -> ReaderLedger:
    status = stream.status()
    assert all(ledger.balances for ledger in status.readers), status
    return next(ledger for ledger in status.readers if ledger.pid == pid)


@pytest.mark.parametrize("policy", ["block", "drop"])
def test_a_reader_killed_with_a_frame_in_its_hands_frees_the_writer(
    folder: Path, start: Start, policy: str
) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer:
        stream = open_stream(folder, "s")
        holder = start("hold", policy)
        write(writer, 0)
        assert heard(holder) == "holding"
        holder.kill()
        holder.wait()
        for number in range(1, 40):
            write(writer, number)
        ledger = ledger_of(stream, holder.pid)
        assert ledger.name == f"actors.py (pid {holder.pid})", (
            "a reader without a name is called by its program"
        )
        assert not ledger.alive
        assert ledger.delivered == 0
        assert ledger.in_flight == 0
        assert ledger.dropped.get("died", 0) + ledger.dropped.get("overrun", 0) == ledger.offered


def test_a_dead_blocking_reader_holds_the_writer_for_less_than_a_second(folder: Path, start: Start) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer:
        for name in ("", "recorder"):
            holder = start("hold", "block", name)
            write(writer, 0)
            assert heard(holder) == "holding"
            with pytest.raises(StreamTimeoutError, match="held its writer"):
                write_many(writer, range(10))
            holder.kill()
            holder.wait()
            for number in range(20):
                write(writer, number, timeout_s=1.0)


def test_a_stopped_reader_holds_nobody_up_unless_it_blocks(folder: Path, start: Start) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer:
        stream = open_stream(folder, "s")
        lagging = start("hold", "drop")
        eager = start("read", "block")
        write(writer, 0)
        assert heard(lagging) == "holding"
        stand_still(lagging)
        for number in range(1, 200):
            write(writer, number)
        ledger = ledger_of(stream, lagging.pid)
        assert ledger.alive
        assert ledger.dropped["overrun"] >= 200 - 1 - 4
        stand_still(eager)
        with pytest.raises(StreamTimeoutError, match="held its writer"):
            write_many(writer, range(200, 220))
        produced = stream.status().produced
        os.kill(eager.pid, signal.SIGCONT)
        for number in range(produced, 300):
            write(writer, number)
    assert heard(eager) == "300"
    assert ledger_of(stream, eager.pid).delivered == 300


@pytest.mark.parametrize("kills", KILLS)
def test_a_writer_killed_at_any_moment_is_replaced_and_readers_go_on(
    folder: Path, start: Start, kills: int
) -> None:
    dice = random.Random(2)
    writer = start("write", 0)
    stream = open_stream(folder, "s")
    readers = [start("read", "block"), start("read", "drop")]
    with stream.latest() as latest:
        for round_ in range(kills):
            go(writer)
            goal = stream.status().produced + dice.randrange(1, 400)
            while latest.position < goal:
                frame = latest.read(timeout_s=LONG_S)
                assert (frame.data == frame.header.frame).all()
            writer.kill()
            writer.wait()
            assert stream.status().writer_pid == 0
            for reader in readers:
                ledger_of(stream, reader.pid)
            writer = start("write", 50 if round_ == kills - 1 else 0)
        go(writer)
        assert writer.wait(LONG_S) == 0
    produced = stream.status().produced
    assert heard(readers[0]) == str(produced)
    assert ledger_of(stream, readers[0].pid).dropped == {}
    got = int(heard(readers[1]))
    ledger = ledger_of(stream, readers[1].pid)
    assert ledger.delivered == got
    assert ledger.offered == produced


def test_readers_killed_at_any_moment_leave_the_rest_exact(folder: Path, start: Start) -> None:
    dice = random.Random(3)
    with StreamWriter(folder, "s", SPEC, 8) as writer:
        stream = open_stream(folder, "s")
        survivor = start("read", "block")
        number = 0
        for round_ in range(6):
            victim = start("read", ["block", "drop", "fail"][round_ % 3], "v" if round_ % 2 else "")
            for _ in range(dice.randrange(1, 300)):
                write(writer, number)
                number += 1
            victim.kill()
            victim.wait()
            for _ in range(20):
                write(writer, number)
                number += 1
            ledger_of(stream, victim.pid)
    assert heard(survivor) == str(number)


def test_an_unrelated_reader_that_comes_and_goes_leaves_the_stream_intact(folder: Path, start: Start) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer, open_stream(folder, "s").lossless() as reader:
        visitor = start("glance")
        write(writer, 0)
        assert visitor.wait(LONG_S) == 0
        write(writer, 1)
        assert [reader.read(timeout_s=0).header.frame for _ in range(2)] == [0, 1]
        with open_stream(folder, "s").latest() as again:
            write(writer, 2)
            assert again.read(timeout_s=0).header.frame == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("policy", ["block", "drop", "fail"])
def test_an_unrelated_reader_that_is_killed_leaves_the_stream_intact(
    folder: Path, start: Start, policy: str
) -> None:
    with StreamWriter(folder, "s", SPEC, 4) as writer, open_stream(folder, "s").lossless() as reader:
        stream = open_stream(folder, "s")
        visitor = start("read", policy)
        write(writer, 0)
        visitor.kill()
        visitor.wait()
        numbers = []
        for number in range(1, 30):
            write(writer, number)
            numbers.append(reader.read(timeout_s=0).header.frame)
        assert numbers == list(range(29))
        assert ledger_of(stream, os.getpid()).dropped == {}
        assert not ledger_of(stream, visitor.pid).alive
        with stream.lossless() as again:
            write(writer, 30)
            assert again.read(timeout_s=0).header.frame == 30
    assert list(folder.iterdir()) == []


def test_a_fork_that_lets_go_of_its_copies_ends_nothing(folder: Path) -> None:
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("actors.py")), "fork", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout, ended.stderr) == ("2 bells\n", "")
    assert list(folder.iterdir()) == []


def test_what_the_dead_left_is_reclaimed(folder: Path, start: Start) -> None:
    writer = start("write", 0)
    reader = start("read", "block")
    assert reclaim(folder) == ()
    for actor in (writer, reader):
        actor.kill()
        actor.wait()
    assert reclaim(folder) == ("s",)
    assert list(folder.iterdir()) == []
