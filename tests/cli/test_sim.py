"""``parfocal sim``: a board without hardware, shared by programs that know nothing of that."""

import json
import signal
import subprocess
import sys

import pytest

import parfocal
from parfocal.cli.app import run
from parfocal.core.clock import poll_until


@pytest.fixture
def program():
    """Start parfocal as a program that stays; return its process and what it told."""
    started = []

    def start(*words):
        command = [sys.executable, "-m", "parfocal", *words, "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_simulated_board_is_shared_and_asked_from_the_shell(program, capsys, tmp_path):
    words = ("--port", "0", "--scpi-port", "0", "--in1", "gain=0.5")
    simulated, facts = program("sim", "redpitaya", *words)
    assert facts["scpi_port"] > 0
    up, ready = program("up", "redpitaya", "--set", f"board.address={facts['address']}")
    assert ready["services"] == ["board"]
    assert run(["call", "board", "asg_setup", "waveform=dc", "offset_v=0.5", "output=out1"]) == 0
    capsys.readouterr()
    acquire = ["call", "board", "scope_acquire", "decimation=64", "input=in1", "--json"]
    assert run([*acquire, "--out", str(tmp_path / "no" / "trace.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert run([*acquire, "--out", str(tmp_path / "trace.json")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["volts"], told["sequence"]) == ({"array": "float32", "shape": [16384]}, 1)
    trace = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    assert trace["volts"] == pytest.approx([0.25] * 16384, abs=0.01)
    assert trace["time_s"][1] - trace["time_s"][0] == pytest.approx(64 * 8e-9)
    assert trace["sequence"] == 1
    assert trace["triggered_at_s"] > 0
    assert run(["call", "board", "iq_get_measurement", "averaging_s=0.001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["averages"] == 125_000
    assert run(["call", "board", "pid_configure", "d=1.0"]) == 2
    assert "no derivative gain" in capsys.readouterr().err
    assert run(["down"]) == 0
    assert up.wait(30) == 0
    simulated.send_signal(signal.SIGINT)
    assert simulated.wait(30) == 0


def test_a_simulated_board_fails_as_it_was_told(program, capsys):
    simulated, facts = program("sim", "redpitaya", "--port", "0", "--fault", "die,after=2")
    assert run(["up", "redpitaya", "--set", f"board.address={facts['address']}"]) == 1
    assert "no monitor_server answers" in capsys.readouterr().err
    assert simulated.wait(30) == 1


def test_a_line_that_fails_as_it_was_told(program, capsys):
    """A pulse that a fault hits says so, and is not sent again; afterwards all is as before."""
    kinds = ("drop", "crumbs", "lose", "delay", "wrong_echo", "half_frame", "refuse")
    faults = [f"{kind},letter=w,after={400 + 11 * n},delay_s=0.4" for n, kind in enumerate(kinds)]
    _, facts = program("sim", "redpitaya", "--port", "0", *(f"--fault={fault}" for fault in faults))
    up, _ = program("up", "redpitaya", f"--set=board.address={facts['address']}", "--set=board.timeout_s=0.2")
    errors = []
    with parfocal.attach("redpitaya") as rig:
        for _ in range(300):
            error = rig["board"].submit("asg_trigger").exception(timeout_s=30)
            errors += [str(error)] if error else []
    assert errors
    assert all("not sent again" in error or "failed twice" in error for error in errors)
    setting = ["call", "board", "pid_set_setpoint", "setpoint_v=0.25", "--json"]
    assert poll_until(lambda: run(setting) == 0, 60)  # a board that is held up for long is no board, either
    assert json.loads(capsys.readouterr().out) == 0.25
    assert run(["down"]) == 0
    assert up.wait(30) == 0
