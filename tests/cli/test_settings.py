"""Settings of a running service, and the runs in a folder, as a shell sees them."""

import json

import pytest

from parfocal.cli.app import run
from parfocal.rig.opening import open_rig


@pytest.fixture
def rig(tmp_path):
    config = {
        "name": "desk",
        "services": {"recorder": {"kind": "recorder", "settings": {"folder": str(tmp_path / "runs")}}},
    }
    with open_rig(config) as rig:
        yield rig


def shown(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_settings_are_shown_changed_saved_and_loaded(rig, tmp_path, capsys):
    file = tmp_path / "recorder.toml"
    assert run(["settings", "recorder", "codec=blosc-zstd", "--save", str(file), "--json"]) == 0
    assert shown(capsys)["codec"] == "blosc-zstd"
    assert run(["settings", "recorder", "codec=fast"]) == 2
    assert "codec: " in capsys.readouterr().err
    assert run(["settings", "recorder", "codec=none", "--json"]) == 0
    assert shown(capsys)["codec"] == "none"

    file.write_text('colour = "red"\n' + file.read_text())
    assert run(["settings", "recorder", "--load", str(file), "--json"]) == 0
    printed = capsys.readouterr()
    assert "unknown key 'colour'" in printed.err
    assert json.loads(printed.out)["codec"] == "blosc-zstd" == rig["recorder"].get_settings()["codec"]
    assert run(["settings", "recorder", "--load", "none.toml"]) == 2
    assert run(["settings", "recorder"]) == 0
    assert "blosc-zstd" in capsys.readouterr().out


def test_runs_are_listed_with_their_outcome(rig, tmp_path, capsys):
    runs = tmp_path / "runs"
    assert run(["runs", str(runs)]) == 2
    assert "there is no folder" in capsys.readouterr().err
    runs.mkdir()
    assert run(["runs", str(runs), "--json"]) == 0
    assert shown(capsys) == {"live": [], "runs": []}


def test_text_that_looks_like_a_number_is_text_where_text_is_declared(rig, tmp_path, capsys, monkeypatch):
    """At each place that reads name=value: settings, a call, a rig's start, a device's check."""
    monkeypatch.chdir(tmp_path)
    assert run(["settings", "recorder", "folder=2026", "--json"]) == 0
    assert shown(capsys)["folder"] == "2026"
    assert run(["call", "recorder", "start", "name=0042"]) == 2  # there is nothing to record
    assert "there is nothing to record" in capsys.readouterr().err

    (tmp_path / "lamps.py").write_text(
        "import msgspec\n"
        "class Lamp:\n"
        "    class Settings(msgspec.Struct):\n"
        "        serial: str\n"
        "    def __init__(self, settings, context):\n"
        "        raise RuntimeError(f'serial is {settings.serial!r}')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    lab = tmp_path / "lab.toml"
    lab.write_text('name = "lab"\n[services.lamp]\nkind = "light"\nsettings.device = "lamps:Lamp"\n'
                   'settings.options.serial = ""\n')  # fmt: skip
    assert run(["up", str(lab), "--set", "lamp.options.serial=4711"]) == 1
    assert "serial is '4711'" in capsys.readouterr().err
    assert run(["check", "lamps:Lamp", "serial=4711"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "lamps:Lamp cannot be constructed: RuntimeError: serial is '4711'" in line
