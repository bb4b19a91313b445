"""Two dashboards and a script on one board, each a program of its own, at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DASHBOARD = Path(__file__).with_name("dashboard.py")


@pytest.fixture
def dashboard() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start one of the programs in dashboard.py."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, str(DASHBOARD), role], **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a program tells next; other lines are PyMoDAQ's."""
    for line in process.stdout:
        if line.startswith("told "):
            return json.loads(line.removeprefix("told "))
    raise AssertionError("the program ended")


def ask(process: subprocess.Popen[str], value: float) -> None:
    process.stdin.write(f"{value}\n")
    process.stdin.flush()


def test_one_dashboard_moves_what_another_one_shows(board, dashboard):
    board.asg_setup(channel="asg0", amplitude_v=0.5, frequency_hz=1e3, output="out1")
    watching, driving = dashboard("watch"), dashboard("drive")
    assert told(watching)["ready"]
    assert told(driving)["ready"]
    for wanted in (2e4, 1e4, 3e4):
        ask(driving, wanted)
        reached = told(driving)["reached"]
        assert reached == pytest.approx(wanted, abs=0.12)
        ask(watching, reached)
        assert board.pid_set_setpoint(wanted / 1e5, pid="pid0") == pytest.approx(wanted / 1e5, abs=1e-4)
        assert told(watching)["traces"] >= 1
    for process in (driving, watching):
        ask(process, float("nan"))
        assert process.wait(60) == 0
