"""The command line: help, exit codes, errors, and a rig from start to end."""

import json
import os
import signal
import subprocess
import sys

import pytest

import parfocal
from parfocal.cli.app import run
from parfocal.processes import directory

COMMANDS = [
    "demo tweezers",
    "sim redpitaya",
    "track",
    "up",
    "down",
    "rigs",
    "status",
    "call",
    "commands",
    "settings",
    "runs",
    "run",
    "plan",
    "pause",
    "resume",
    "cancel",
    "finish",
    "confirm",
    "new-file",
    "check",
    "doctor",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(command, capsys):
    assert run([*command.split(), "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Examples" in printed
    assert f"parfocal {command}" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "nonsense"),
        (["demo", "optogenetics", "--time-points", "2.5"], 2, "'2.5' is no whole number"),
        (["demo", "tweezers", "--size", "64", "64.5"], 2, "'64.5' is no whole number"),
        (["demo", "optogenetics", "--interval", "1e300"], 2, "interval must be 1e+09 or less, not 1e+300"),
        (["down", "nobody"], 4, "no rig 'nobody' is running"),
        (["new-file"], 4, "no rigs are running"),
        (["status"], 4, "no rigs are running; start one with `parfocal up`"),
        (["check", "none.toml"], 2, "cannot be read"),
        (["up", "twezers"], 2, "did you mean 'tweezers'?"),
        (["up", "tweezers", "--set", "camra.slots=3"], 2, "did you mean 'camera'?"),
        (["up", "tweezers", "--set", "camera.slts=3"], 2, "did you mean 'slots'?"),
        (["up", "tweezers", "--set", "camera.options.bead=3"], 2, "did you mean 'beads'?"),
        (["demo", "tweezers", "--seconds", "0"], 2, "seconds must be positive"),
        (["force", "1", "--seconds", "nan"], 2, "seconds must be 0 or more, not nan"),
        (["force", "1", "--seconds=-5"], 2, "seconds must be 0 or more, not -5"),
        (["track", "none.tif"], 2, "there is nothing at none.tif"),
        (["commands", "tweezzers"], 2, "did you mean 'tweezers'?"),
        (["demo", "tweezers", "--beads", "0"], 2, "beads and workers must be 1 or more"),
        (["demo", "tweezers", "--out", __file__], 2, "is a file; name a folder"),
        (["sim", "redpitaya", "--fault", "dorp"], 2, "did you mean 'drop'?"),
        (["sim", "redpitaya", "--in1", "gian=2"], 2, "known: source, gain"),
        (["sim", "redpitaya", "--port", "70000"], 2, "0 takes a free one"),
        (["up", "redpitaya", "--set", "board.address=udp://x"], 2, "must read tcp://host:port"),
    ],
)
def test_bad_input_is_refused_with_a_remedy_before_anything_starts(arguments, code, said, capsys):
    assert run(arguments) == code
    printed = capsys.readouterr()
    assert said in " ".join((printed.out + printed.err).split())
    assert directory.rigs() == ()


def test_commands_are_listed_without_starting_anything(capsys):
    assert run(["commands", "tweezers", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    instruments, analysis = (
        {"camera", "focus", "magnet", "force"},
        {"tracker", "tracker-1", "xy_lock", "z_lock"},
    )
    assert {*instruments, *analysis, "recorder", "runs"} == set(listing)
    names = {info["name"] for info in listing["camera"]}
    assert {"start", "snap", "set_exposure_ms"} <= names
    assert directory.rigs() == ()


def test_commands_of_one_service_are_listed(capsys):
    assert run(["commands", "tweezers", "--service", "focus"]) == 0
    told = capsys.readouterr().out
    assert all(line == line.rstrip() for line in told.splitlines()), "no blanks up to the edge of a window"
    assert "  halt()" in told
    assert "stops, lane urgent halt: " in told
    assert "snap(" not in told
    assert run(["commands", "--service", "camra"]) == 2
    assert "there is no service 'camra'; did you mean 'camera'?" in capsys.readouterr().err


def test_brackets_in_a_listing_are_text(capsys):
    assert run(["commands", "tweezers"]) == 0
    assert "add_rois(middles: list[tuple[float, float]])" in capsys.readouterr().out


def test_doctor_tells_versions_and_leftovers(capsys):
    assert run(["doctor", "--json"]) == 0
    findings = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"python", "numpy", "shared memory", "open files", "leftovers"} <= set(findings)

    stale = directory.runtime_folder("gone")
    stale.mkdir(parents=True)
    (stale / "rig.lock").touch()
    assert run(["doctor", "--json"]) == 1
    capsys.readouterr()
    assert run(["doctor", "--clean", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == [str(stale)]
    assert not stale.exists()


def test_classes_beside_a_rig_file_are_found_and_their_commands_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", list(sys.path))
    lab, module = tmp_path / "lab.toml", tmp_path / "boilers.py"
    lab.write_text('name = "lab"\n[services.boiler]\nkind = "boilers:Boiler"\n')
    module.write_text(
        "from parfocal.ipc import command\n"
        "from parfocal.processes import Service\n"
        "class Boiler(Service):\n"
        "    @command()\n"
        "    def heat(self, power) -> None: ...\n"
    )
    assert run(["check", str(lab)]) == 2
    assert "parameter 'power' of command Boiler.heat has no annotation" in capsys.readouterr().err
    assert run(["check", "tweezers"]) == 0


@pytest.fixture
def warm(tmp_path, monkeypatch):
    """A rig file with a service of the test's own."""
    (tmp_path / "heaters.py").write_text(
        "from parfocal.ipc import command\n"
        "from parfocal.processes import Service\n"
        "class Heater(Service):\n"
        "    @command()\n"
        "    def double(self, value: float) -> float:\n"
        "        'Return twice the value.'\n"
        "        return 2 * value\n"
    )
    path = tmp_path / "warm.toml"
    path.write_text('name = "warm"\n[services.heater]\nkind = "heaters:Heater"\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return path


def test_a_rig_is_started_asked_and_ended_by_four_programs(warm, capsys):
    command = [sys.executable, "-m", "parfocal", "up", str(warm), "--detach"]
    assert subprocess.run(command, timeout=60, check=True, capture_output=True).returncode == 0
    assert run(["rigs", "--json"]) == 0
    assert run(["status", "--json"]) == 0
    *_, listed, status = capsys.readouterr().out.splitlines()
    assert [rig["rig"] for rig in json.loads(listed)["rigs"]] == ["warm"]
    assert json.loads(status)["services"]["heater"]["state"] == "ready"

    assert run(["call", "heater", "double", "value=21", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == 42.0
    assert run(["call", "heater", "double", "value=much"]) == 2
    assert run(["call", "heater", "duble", "value=1"]) == 2
    assert "did you mean 'double'?" in capsys.readouterr().err
    assert run(["commands", "warm"]) == 0
    assert "double(value: float) -> float" in capsys.readouterr().out
    assert run(["commands", "warm", "--service", "haeter"]) == 2
    assert "did you mean 'heater'?" in capsys.readouterr().err
    assert run(["call", "heater", "stop"]) == 2
    assert "`parfocal call rig end service=heater`" in capsys.readouterr().err
    ends = [run(["call", "rig", "end", "service=heater"]) for _ in range(2)]
    assert ends == [0, 0], "what has ended may be told to end"
    assert run(["up", str(warm)]) == 1
    assert "is running already as process" in capsys.readouterr().err

    with parfocal.open_rig(warm, name="warmer"):
        assert run(["status"]) == 4
        assert "2 rigs are running; name one with --rig: warm, warmer" in capsys.readouterr().err
    assert run(["down"]) == 0
    assert directory.rigs() == ()


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_the_rig_in_order(warm):
    up = subprocess.Popen(
        [sys.executable, "-m", "parfocal", "up", str(warm), "--json"], stdout=subprocess.PIPE, text=True
    )
    with up, up.stdout:
        assert json.loads(up.stdout.readline())["rig"] == "warm"
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=30) == 130
    assert directory.rigs() == ()


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="sends SIGTSTP")
def test_ctrl_z_does_not_put_a_running_rig_aside(warm, capsys):
    up = subprocess.Popen(
        [sys.executable, "-m", "parfocal", "up", str(warm), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with up, up.stdout, up.stderr:
        assert json.loads(up.stdout.readline())["rig"] == "warm"
        up.send_signal(signal.SIGTSTP)
        assert up.stderr.readline() == "\n"
        assert "end it with Ctrl-C, or start it with --detach" in up.stderr.readline()
        assert run(["call", "heater", "double", "value=2"]) == 0
        assert run(["down"]) == 0
        assert up.wait(timeout=30) == 0
