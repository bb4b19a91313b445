"""Two dashboards and a script on one board, each a program of its own, at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodaq_plugins_parfocal import preset

DASHBOARD = Path(__file__).with_name("dashboard.py")


@pytest.fixture
def dashboard() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of the programs in dashboard.py."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str, *arguments: object) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(
            subprocess.Popen([sys.executable, str(DASHBOARD), role, *map(str, arguments)], **pipes)
        )
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


@pytest.mark.parametrize("count", [3, 4, 5], ids=["scope + asg", "scope + asg + pid", "all four"])
def test_the_preset_plays_1_khz_at_out1_and_sees_it_at_in1(board, dashboard, count):
    """In PyMoDAQ's own dashboard, all modules at work at once."""
    board.asg_set_amplitude(0.0, channel="asg0")  # PyMoDAQ moves nothing to where it stands already
    board.pid_set_setpoint(0.0, pid="pid0")
    program = dashboard("preset", count)
    shown = told(program)
    assert shown["modules"] == sorted(module.name for module in preset.MODULES[:count])
    assert shown["silent_v"] < 0.01
    assert shown["frequency_hz"] == pytest.approx(1e3, abs=60)
    assert shown["swing_v"] == pytest.approx(0.5, abs=0.02)
    if count >= 4:
        assert shown["setpoint_v"] == pytest.approx(0.25, abs=2e-4)
        assert shown["traces_meanwhile"] > 0
    if count == 5:
        assert shown["magnitude_v"] == pytest.approx(0.25, rel=0.05)
    assert program.wait(60) == 0
    assert board.asg_get(channel="asg0").output == "off", "leased: off when the dashboard has ended"


def test_a_preset_is_not_written_over_a_users_own():
    path = preset.write("mine")
    before = path.read_text()
    with pytest.raises(FileExistsError, match="is there already: give another name"):
        preset.write("mine")
    assert path.read_text() == before
