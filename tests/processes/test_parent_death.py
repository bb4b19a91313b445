"""The rig's own process is killed: its children go, its folders go, and the next start works at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.status import RigStatus
from parfocal.processes import Supervisor, directory, folders
from parfocal.processes.identity import Identity, start_mark
from parfocal.processes.system import lines_until_orphaned

from .conftest import PATIENCE_S, is_running

PROGRAM = """
import json, os, signal, sys
from parfocal.processes import ServiceSpec, Supervisor
names, settings = json.loads(sys.argv[1]), json.loads(sys.argv[2])
fork = settings.pop("fork", False)
specs = [ServiceSpec(name=n, factory="parfocal.testing.services:Counter", settings=settings) for n in names]
supervisor = Supervisor("bench", specs)
supervisor.start()
print(json.dumps({name: s.pid for name, s in supervisor.status().services.items()}), flush=True)
if fork:
    child = os.fork()
    if child == 0:
        signal.pause()
    print(child, flush=True)
sys.stdin.readline()
"""
GONE_WITHIN_S = 2.0
NOISE_S = 20.0  # of a loaded machine; the figures measured are in the decision page

Start = Callable[..., tuple["subprocess.Popen[str]", dict[str, int]]]


@pytest.fixture
def start_program() -> Iterator[Start]:
    programs: list[subprocess.Popen[str]] = []

    def start(*names: str, **settings: Any) -> tuple[subprocess.Popen[str], dict[str, int]]:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(names), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        programs.append(program)
        assert program.stdout is not None
        return program, json.loads(program.stdout.readline())

    yield start
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.wait()
        for pipe in (program.stdin, program.stdout):
            assert pipe is not None
            pipe.close()


def gone_after_s(pids: dict[str, int]) -> float:
    began = time.monotonic()
    assert poll_until(lambda: not any(is_running(pid) for pid in pids.values()), PATIENCE_S)
    return time.monotonic() - began


def folders_vanish() -> bool:
    folders = directory.runtime_folder("bench"), directory.shm_folder("bench")
    return poll_until(lambda: not any(folder.exists() for folder in folders), PATIENCE_S)


def reapers_of(program: subprocess.Popen[str], pids: dict[str, int]) -> list[psutil.Process]:
    return [child for child in psutil.Process(program.pid).children() if child.pid not in pids.values()]


@pytest.mark.parametrize("stopped", [False, True])
def test_children_and_folders_go_with_a_killed_parent(start_program, tmp_path: Path, stopped: bool) -> None:
    diary = tmp_path / "diary"
    program, pids = start_program("a", "b", "c", diary=str(diary))
    if stopped:
        os.kill(pids["b"], signal.SIGSTOP)
    program.kill()
    assert gone_after_s(pids) < GONE_WITHIN_S + NOISE_S
    assert folders_vanish()
    safe = {line for line in diary.read_text().splitlines() if line.endswith("safe")}
    assert safe == {"a safe", "c safe"} | (set() if stopped else {"b safe"})


@pytest.mark.skipif(sys.platform != "linux", reason="there is a fork server on Linux alone")
def test_a_stopped_fork_server_goes_with_a_killed_parent(start_program) -> None:
    program, pids = start_program("a")
    (server,) = [each for each in reapers_of(program, pids) if "fork-server" in " ".join(each.cmdline())]
    os.kill(server.pid, signal.SIGSTOP)
    program.kill()
    assert gone_after_s({**pids, "fork server": server.pid}) < GONE_WITHIN_S + NOISE_S
    assert folders_vanish()


def test_the_next_start_works_at_once(start_program, spec) -> None:
    program, pids = start_program("a", "b")
    old_reapers = reapers_of(program, pids)
    os.kill(pids["b"], signal.SIGSTOP)
    program.kill()
    program.wait()
    with Supervisor("bench", [spec("a"), spec("b")]) as rig:
        assert rig.status().state == "running"
        assert gone_after_s(pids) < GONE_WITHIN_S + NOISE_S
        _, left = psutil.wait_procs(old_reapers, PATIENCE_S)
        assert not left, "the old reaper has come and gone"
        assert rig.folder.exists()
        assert rig.streams.exists()
        assert {service.state for service in rig.status().services.values()} == {"ready"}


def test_the_whole_group_killed_leaves_nothing_that_clean_does_not_find(start_program) -> None:
    program, pids = start_program("a", "b")
    os.kill(pids["b"], signal.SIGSTOP)
    os.kill(program.pid, signal.SIGSTOP)  # or it might start another reaper
    for reaper in reapers_of(program, pids):
        reaper.kill()
    program.kill()
    program.wait()
    assert is_running(pids["b"])
    removed = folders.clean()
    assert directory.runtime_folder("bench") in removed
    assert gone_after_s(pids) < GONE_WITHIN_S + NOISE_S
    assert folders_vanish()


def test_an_orderly_exit_without_stop_ends_in_order(start_program, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    program, pids = start_program("a", diary=str(diary))
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.wait(PATIENCE_S) == 0
    assert diary.read_text().splitlines()[-1] == "a close"
    assert not directory.runtime_folder("bench").exists()
    assert not any(is_running(pid) for pid in pids.values())


def test_a_rig_that_was_frozen_as_a_whole_blames_nobody(start_program) -> None:
    program, pids = start_program("a", "b")
    everyone = [program.pid, *pids.values()]
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2.0)  # longer than any of them may be silent
    for pid in reversed(everyone):  # who judges the others goes on after them
        os.kill(pid, signal.SIGCONT)
    with directory.connect("bench") as client, directory.connect("bench", "a") as a:
        assert a.call("double", 2, timeout_s=20) == 4
        status = client.call("status", timeout_s=20, returns=RigStatus)
    assert {name: (service.pid, service.restarts) for name, service in status.services.items()} == {
        name: (pid, 0) for name, pid in pids.items()
    }


def test_a_fork_of_the_parent_does_not_hide_its_death(start_program) -> None:
    program, pids = start_program("a", fork=True)
    assert program.stdout is not None
    fork = int(program.stdout.readline())
    program.kill()
    try:
        assert gone_after_s(pids) < GONE_WITHIN_S + NOISE_S
        assert folders_vanish()
    finally:
        os.kill(fork, signal.SIGKILL)


def test_a_recycled_pid_is_neither_alive_nor_killed() -> None:
    mark = start_mark(os.getpid())
    other = f"{mark[:-1]}{'1' if mark[-1] == '0' else '0'}"
    assert Identity(os.getpid(), mark).alive
    assert not Identity(os.getpid(), other).alive
    assert not Identity(os.getpid(), other).kill()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a handle on a process")
def test_a_parent_that_is_dead_already_is_noticed_although_a_fork_holds_the_pipe() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ""])
    parent.wait()
    read_fd, write_fd = os.pipe()  # this process holds the other end, as a fork of the parent would
    try:
        os.write(write_fd, b"last words\n")
        assert list(lines_until_orphaned(read_fd, parent.pid)) == [b"last words"]
    finally:
        os.close(read_fd)
        os.close(write_fd)
