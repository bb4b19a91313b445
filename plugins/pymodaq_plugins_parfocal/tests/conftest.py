"""A simulated board in a process of its own, a rig that shares it, and PyMoDAQ without a screen."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
for _variable in ("HOME", "PARFOCAL_RUNTIME_DIR", "PARFOCAL_SHM_DIR"):
    os.environ[_variable] = tempfile.mkdtemp(prefix="pf")
    atexit.register(
        shutil.rmtree, os.environ[_variable], ignore_errors=True
    )  # when PyMoDAQ has ended as well

import isolated  # noqa: E402, F401
from pymodaq.utils.plugin_testing import make_actuator, make_detector  # noqa: E402
from pymodaq_gui.qt_utils import mkQApp  # noqa: E402

import parfocal  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _application():
    return mkQApp("tests")


@contextmanager
def shared(name: str, **changes: Any) -> Iterator[Any]:
    """Run a board's process, and its host's in a rig of some name."""
    words = [sys.executable, "-m", "parfocal", "sim", "redpitaya", "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            address = json.loads(simulator.stdout.readline())["address"]
            with parfocal.open_rig(
                "redpitaya", name=name, changes={"board.address": address, **changes}
            ) as rig:
                yield rig
        finally:
            simulator.kill()


@pytest.fixture(scope="session")
def rig() -> Iterator[Any]:
    """A rig with a board."""
    with shared("redpitaya") as rig:
        yield rig


@pytest.fixture
def rig_with_jumpers() -> Iterator[Any]:
    """A rig with a board whose in1 has its jumpers on HV."""
    with shared("jumpers", **{"board.in1": {"gain": 20.0}}) as rig:
        yield rig


@pytest.fixture
def board(rig):
    """The board, silent and untouched."""
    board = rig["board"]
    board.outputs_off()
    return board


@pytest.fixture
def plug(board) -> Iterator[Callable[..., Any]]:
    """Make a plugin as PyMoDAQ's harness does; `said` lists what it tells the user."""
    made: list[Any] = []

    def plug(kind: type, controller: Any = None, **settings: Any) -> Any:
        make = make_actuator if kind.__name__.startswith("DAQ_Move") else make_detector
        plugin = make(kind, controller, **settings)
        assert plugin.initialized, plugin.init_info
        plugin.said = []
        plugin.emit_status = lambda status: plugin.said.append((str(status.command), str(status.attribute)))
        made.append(plugin)
        return plugin

    yield plug
    for plugin in reversed(made):
        plugin.close()
