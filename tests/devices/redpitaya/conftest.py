from __future__ import annotations

import threading

import pytest

from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

# These run in an environment of their own: see test_strangers.py.
collect_ignore_glob = ["strangers/*"]


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
