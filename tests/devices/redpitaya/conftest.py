from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import parfocal
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

# These run in an environment of their own: see test_strangers.py.
collect_ignore_glob = ["strangers/*"]

ACTORS = Path(__file__).with_name("actors.py")


class SteppedClock:
    """A clock that goes on when somebody waits, and by 10 us whenever it is read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        with self._lock:
            self.now_ns += 10_000
            return self.now_ns

    def utc_ns(self) -> int:
        return self.monotonic_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.sleep(timeout_s)
        return event.is_set()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now_ns += round(seconds * 1e9)


@pytest.fixture
def device():
    """A simulated board on the network."""
    with SimulatedRedPitaya() as device:
        yield device


@pytest.fixture
def writes(device, monkeypatch):
    """What is written to the board, as it comes: addresses and words."""
    log, write = [], device.board.write

    def note(address, values):
        log.append((address, values.tolist()))
        write(address, values)

    monkeypatch.setattr(device.board, "write", note)
    return log


@pytest.fixture
def link(device):
    link = TcpLink("127.0.0.1", device.port)
    yield link
    link.close()


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def build(clock):
    """Return a function that builds modules on a simulated board, in stepped time."""

    def build(**plants) -> RedPitaya:
        return RedPitaya(SimulatedBoard(clock=clock, **plants), clock=clock)

    return build


@pytest.fixture
def share() -> Iterator[Callable[..., parfocal.rig.rig.Rig]]:
    """Start a rig for a board at a port: one that may be slow to answer, as other tests run beside it."""
    opened: list[Any] = []

    def share(port: int, name: str = "redpitaya", **settings: Any) -> Any:
        changes: dict[str, Any] = {"board.address": f"tcp://127.0.0.1:{port}", "board.timeout_s": 10.0}
        changes |= {f"board.{key}": value for key, value in settings.items()}
        rig = parfocal.open_rig("redpitaya", name=name, changes=changes)
        opened.append(rig)
        return rig

    yield share
    for rig in opened:
        rig.close()


@pytest.fixture
def rig(device, share):
    return share(device.port)


@pytest.fixture
def board(rig):
    return rig["board"]


@pytest.fixture
def actor() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of the programs in actors.py."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str, *numbers: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(ACTORS), role, "redpitaya", *map(str, numbers)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
