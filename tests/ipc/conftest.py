from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from parfocal.ipc import Client, Server

from .bench import Bench, bench_server

HERE = Path(__file__).parent


def stand_still(process: subprocess.Popen[str]) -> None:
    """Stop a process; returns once each of its threads stands."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pf") as path:  # short: socket paths are
        yield Path(path)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def server(folder: Path, bench: Bench) -> Iterator[Server]:
    with bench_server(bench, folder) as server:
        yield server


@pytest.fixture
def client(folder: Path, server: Server) -> Iterator[Client]:
    with Client(folder, "bench") as client:
        yield client


class Processes:
    """Starts services and clients in processes of their own; ends what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = contextlib.ExitStack()

    def serve(self) -> subprocess.Popen[str]:
        return self.start("serve")

    def start(self, role: str, *arguments: str) -> subprocess.Popen[str]:
        """Start `role` of bench.py; returns once it said so."""
        process = subprocess.Popen(
            [sys.executable, str(HERE / "bench.py"), role, str(self.folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "error"},
        )
        self._stack.callback(self._end, process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        return process

    def close(self) -> None:
        self._stack.close()

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()


@pytest.fixture
def processes(folder: Path) -> Iterator[Processes]:
    started = Processes(folder)
    yield started
    started.close()
