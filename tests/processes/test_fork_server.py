"""Services are forks of one process; that may be killed or stopped at any moment, and nobody notices."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from parfocal.core.clock import poll_until
from parfocal.processes import (
    directory,
    fork_server,
    fork_server_client,
)
from parfocal.processes.fork_server import ForkServer
from parfocal.processes.fork_server_client import ForkServerClient
from parfocal.processes.forked_process import ForkedProcess
from parfocal.processes.session import ChildHandle, start_module
from parfocal.processes.sidecar import Sidecar

from .conftest import PATIENCE_S, is_running, kill, stop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are forks on Linux alone")
PROBE = "forked_probe"


@pytest.fixture(scope="module")
def probes(shared_roots, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the probe, from which processes import."""
    folder = tmp_path_factory.mktemp("probes")
    shutil.copy(Path(__file__).with_name(f"{PROBE}.py"), folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def sidecar(shared_roots) -> Iterator[Sidecar]:
    made = Sidecar((), directory.locks_folder())
    yield made
    made.close()


@pytest.fixture
def server(probes: Path, sidecar: Sidecar) -> Iterator[ForkServer]:
    """A server of this test alone, which it may kill."""
    made = ForkServer("bench", sidecar)
    made.begin()
    assert made.wait_ready()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(probes: Path, sidecar: Sidecar) -> Iterator[ForkServer]:
    """A server that all tests share that leave it as it is."""
    made = ForkServer("bench", sidecar)
    made.begin()
    assert made.wait_ready()
    yield made
    made.close()


class Probe:
    """A process that tells how it finds itself, and ends as it is told."""

    def __init__(self, process: ChildHandle) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout
        self.told = self.hear()
        self.is_fork = isinstance(process, ForkedProcess)

    def hear(self) -> Any:
        assert select.select([self.stdout], [], [], PATIENCE_S)[0], "it says nothing"
        return json.loads(self.stdout.readline())

    def tell(self, words: str) -> None:
        self.stdin.write(words.encode() + b"\n")
        self.stdin.flush()

    def end(self) -> int:
        """Close its stdin, and return how it ended."""
        self.stdin.close()
        self.stdout.close()
        assert poll_until(lambda: not is_running(self.process.pid), PATIENCE_S)
        return self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[ForkServer], Probe]]:
    """Start a probe; what has not ended by the end of the test is ended."""
    started: list[Probe] = []

    def begin(server: ForkServer) -> Probe:
        with (tmp_path / "log").open("ab") as log:
            started.append(Probe(server.start(PROBE, log)))
        return started[-1]

    yield begin
    for probe in started:
        if not probe.stdin.closed:
            probe.process.kill()
            probe.end()


Start = Callable[[ForkServer], Probe]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_fork_finds_itself_as_a_new_python_does(shared: ForkServer, start: Start, tmp_path: Path) -> None:
    fork = start(shared)
    with (tmp_path / "log").open("ab") as log:
        new = Probe(start_module(PROBE, stdout=subprocess.PIPE, stderr=log))
    assert fork.is_fork
    for variable in ("COLUMNS", "LINES"):  # what a C library of this process set is not in os.environ
        new.told["facts"]["environment"].pop(variable, None)
    other = {name: (fact, new.told["facts"][name]) for name, fact in fork.told["facts"].items()}
    assert {name: pair for name, pair in other.items() if pair[0] != pair[1]} == {}
    assert fork.told["facts"]["parent"] == os.getpid()
    assert fork.told["facts"]["heavy"] == []
    assert (fork.end(), new.end()) == (0, 0)


def test_forks_share_no_random_numbers(shared: ForkServer, start: Start) -> None:
    assert start(shared).told["random"] != start(shared).told["random"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("exit 0", 0, ""),
        ("exit 143", 143, ""),
        ("exit no beam", 1, "no beam"),
        ("raise no camera", 1, "ValueError: no camera"),
        ("leave 70", 70, ""),
        (f"signal {int(signal.SIGKILL)}", -9, ""),
        (f"signal {int(signal.SIGTERM)}", -15, ""),
        (f"signal {int(signal.SIGSEGV)}", -11, ""),
    ],
)
def test_how_a_fork_ended_is_known(
    shared: ForkServer, start: Start, tmp_path: Path, words: str, code: int, said: str
) -> None:
    fork = start(shared)
    fork.tell(words)
    assert poll_until(lambda: not is_running(fork.process.pid), PATIENCE_S)
    assert fork.end() == code
    assert said in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_fork_hears_signals(shared: ForkServer, start: Start) -> None:
    fork = start(shared)
    fork.process.terminate()
    assert poll_until(lambda: not is_running(fork.process.pid), PATIENCE_S)
    assert fork.end() == -15
    fork.process.kill()  # it has ended: nobody else is hit


def test_nobody_keeps_an_end_of_the_pipes_of_a_fork(server: ForkServer, start: Start) -> None:
    before = descriptors_of(server.pid)  # one that has made no fork yet, whose pipes it might still have
    first, second = start(server), start(server)
    assert first.end() == 0, "its stdin has ended although the other one lives"
    second.tell("exit 0")
    assert second.stdout.read() == b"", "its stdout has ended although the fork server lives"
    assert poll_until(lambda: descriptors_of(server.pid) == before, PATIENCE_S)


def test_the_fork_server_has_one_thread_and_linear_algebra_works_in_a_fork(
    shared: ForkServer, start: Start
) -> None:
    assert len(os.listdir(f"/proc/{shared.pid}/task")) == 1
    fork = start(shared)
    fork.tell("multiply 400")
    value, threads = fork.hear()
    assert value == 400.0
    assert threads >= 1
    assert len(os.listdir(f"/proc/{shared.pid}/task")) == 1


def test_a_fork_has_the_environment_and_the_folder_of_now(
    shared: ForkServer, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_BEAM", os.fsdecode(b"\xfflong" * 10_000))
    monkeypatch.delenv("PATH")
    monkeypatch.chdir(tmp_path)
    fork = start(shared)
    assert fork.is_fork
    assert fork.told["facts"]["folder"] == str(tmp_path)
    assert fork.told["facts"]["environment"] == dict(os.environ)


def test_what_a_process_reads_once_takes_a_new_python_and_then_another_fork_server(
    server: ForkServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server.pid
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    assert not start(server).is_fork
    assert server.pid not in (0, first)
    assert server.wait_ready()
    probe = start(server)
    assert probe.is_fork
    assert probe.told["facts"]["optimized"] == 1
    assert not server.revive()


@pytest.mark.parametrize("harm", [kill, stop])
def test_a_fork_server_that_is_killed_or_stopped_is_replaced_and_no_fork_notices(
    server: ForkServer, start: Start, harm: Callable[[int], None]
) -> None:
    first = server.pid
    running, ending = start(server), start(server)
    harm(first)
    running.tell("multiply 2")
    assert running.hear()[0] == 2.0
    ending.tell("leave 70")
    assert poll_until(lambda: not is_running(ending.process.pid), PATIENCE_S)
    assert ending.end() == 70
    assert not start(server).is_fork
    assert server.pid not in (0, first)
    assert not is_running(first)
    assert server.wait_ready()
    assert start(server).is_fork
    assert running.end() == 0


def test_a_fork_server_that_was_killed_is_revived(server: ForkServer, start: Start) -> None:
    assert not server.revive()
    kill(server.pid)
    assert server.revive()
    assert server.wait_ready()
    assert start(server).is_fork


def test_one_that_is_killed_while_it_is_asked_delays_nothing(
    server: ForkServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server.pid
    asked = threading.Event()

    def looked(pid: int) -> bool:  # it is asked, and stands: nobody sees that it was stopped
        asked.set()
        return False

    stop(first)
    monkeypatch.setattr(fork_server_client, "is_stopped", looked)
    monkeypatch.setattr(fork_server_client, "_FORKS_WITHIN_S", 1000.0)

    def kill_it() -> None:
        assert asked.wait(PATIENCE_S)
        os.kill(first, signal.SIGKILL)

    killer = threading.Thread(target=kill_it)
    killer.start()
    assert not start(server).is_fork
    killer.join()
    assert not is_running(first)


def test_a_fork_that_comes_too_late_is_ended(probes: Path, tmp_path: Path) -> None:
    client = ForkServerClient("bench")
    before = children()
    assert client.is_ready(PATIENCE_S)
    stop(client.pid)
    with (tmp_path / "log").open("wb") as log, pytest.raises(TimeoutError, match="stopped"):
        client.fork(PROBE, log)
    os.kill(client.pid, signal.SIGCONT)
    assert poll_until(lambda: len(children() - before) == 1, PATIENCE_S)
    (late,) = children() - before
    client.close()
    assert not psutil.pid_exists(late)


def test_where_threads_are_left_every_service_is_a_new_python(
    probes: Path, sidecar: Sidecar, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody's own start file of Python begins one."""
    begin = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    (tmp_path / "sitecustomize.py").write_text(begin, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{probes}")
    server = ForkServer("bench", sidecar)
    server.begin()
    assert not server.wait_ready()
    assert not start(server).is_fork
    assert server.pid == 0
    server.close()


@pytest.mark.parametrize(
    ("module", "name", "value"), [(fork_server, "LINUX", False), (os, "pidfd_open", None)]
)
def test_where_there_are_no_forks_every_service_is_a_new_python(
    probes: Path,
    sidecar: Sidecar,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    value: object,
) -> None:
    if value is None:
        monkeypatch.delattr(module, name)
    else:
        monkeypatch.setattr(module, name, value)
    server = ForkServer("bench", sidecar)
    server.begin()
    assert not server.wait_ready()
    assert server.pid == 0
    assert not start(server).is_fork
    server.close()
