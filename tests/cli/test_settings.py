"""Settings of a running service, and the runs in a folder, as a shell sees them."""

import json

import pytest

from parfocal.cli.app import run
from parfocal.processes import directory
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


def test_settings_tell_their_sources_and_are_kept_and_forgotten(rig, tmp_path, capsys):
    assert run(["settings", "recorder", "codec=none", "--keep", "--json", "--sources"]) == 0
    codec, folder = (
        next(each for each in shown_once if each["name"] == name)
        for shown_once in [shown(capsys)]
        for name in ("codec", "folder")
    )
    assert (codec["value"], codec["source"], codec["kept"], codec["in_file"]) == (
        *("none", "live", "none"), codec["default"],
    )  # fmt: skip
    assert "blosc-zstd" in codec["choices"]
    assert (codec["applies"], folder["source"], folder["is_kept"]) == ("live", "file", False)
    assert "compressed" in codec["meaning"]
    assert run(["settings", "--kept", "--json"]) == 0
    (kept,) = shown(capsys)["kept"]
    assert (kept["service"], kept["name"], kept["value"]) == ("recorder", "codec", "none")
    assert run(["settings", "--kept"]) == 0
    assert "none (changed)" in capsys.readouterr().out
    bundle = tmp_path / "bundle.yaml"
    assert run(["settings", "--save", str(bundle)]) == 0
    assert run(["settings", "recorder", "codec=blosc-zstd", "least_free_mb=7"]) == 0
    assert run(["settings", "--load", str(bundle), "--json"]) == 0
    printed = capsys.readouterr()
    assert "2 settings were others" in printed.err
    assert json.loads(printed.out.splitlines()[-1])["recorder"]["codec"] == "none"
    assert run(["settings", "recorder", "least_free_mb=7"]) == 0
    assert run(["settings", "--load", str(bundle)]) == 0
    assert "1 setting was another" in capsys.readouterr().err
    bundle.write_text(bundle.read_text().replace("codec: none", "codec: zip"))
    assert run(["settings", "--load", str(bundle)]) == 2
    assert "recorder: codec: " in capsys.readouterr().err
    assert run(["settings", "recorder", "folder", "--forget"]) == 2
    assert "recorder.folder is not kept" in capsys.readouterr().err
    assert run(["settings", "recorder", "codec", "--forget"]) == 0
    assert run(["settings", "--kept"]) == 0
    assert "nothing is kept" in capsys.readouterr().out


def test_a_rig_that_does_not_run_is_shown_and_not_started(tmp_path, capsys):
    lab = tmp_path / "lab.toml"
    lab.write_text('name = "lab"\n[services.camera]\nkind = "camera"\nsettings.device = "simulated-camera"\n')
    assert run(["settings", "camera", "slots=8", "options.width_px=64", "--keep", "--rig", str(lab)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["slots", "8", "kept", "--restart", "8"] for line in out)
    assert any(line.split() == ["options.width_px", "64", "kept", "--restart", "64"] for line in out)
    assert run(["settings", "camera", "slots=8", "--rig", str(lab)]) == 2
    assert "does not run: keep the change" in capsys.readouterr().err
    assert run(["settings", "camera", "slots=1", "--keep", "--rig", str(lab)]) == 2
    assert "camera: slots: Input should be greater than or equal to 2 (got 1)" in capsys.readouterr().err
    assert run(["settings", "--rig", str(lab), "--json"]) == 0
    assert shown(capsys)["camera"]["options"]["width_px"] == 64
    assert directory.rigs() == ()


@pytest.mark.slow
def test_a_start_tells_that_something_is_kept_and_the_rig_tells_all_settings(tmp_path, capsys):
    lab = tmp_path / "lab.toml"
    lab.write_text('name = "lab"\n[services.camera]\nkind = "camera"\nsettings.device = "simulated-camera"\n')
    assert run(["settings", "camera", "slots=8", "options.width_px=64", "--keep", "--rig", str(lab)]) == 0
    assert run(["up", str(lab), "--detach"]) == 0
    assert "2 kept settings go before those of its file" in capsys.readouterr().out
    assert run(["call", "rig", "list_settings", "service=camera", "--json"]) == 0
    told = {each["name"]: each for each in shown(capsys)["camera"]}
    assert (told["slots"]["value"], told["slots"]["source"], told["slots"]["applies"]) == (
        8,
        "kept",
        "restart",
    )
    assert run(["down"]) == 0


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


def test_what_cannot_be_done_as_a_whole_is_refused_before_anything_is_changed(rig, tmp_path, capsys):
    before = rig["recorder"].get_settings()
    file, nowhere = tmp_path / "recorder.toml", tmp_path / "none" / "recorder.toml"
    file.write_text("least_free_mb = 7")
    for asked, said in (
        (["recorder", "--load", str(file), "--keep"], "there is nothing to keep"),
        (["recorder", "least_free_mb=7", "--save", str(nowhere)], "cannot be saved"),
        (["recorder", "least_free_mb=7", "--save", str(tmp_path)], "cannot be saved"),
        (["--save", str(nowhere)], "cannot be saved"),
        (["recordr", "--forget"], "nothing of recordr is kept"),
    ):
        assert run(["settings", *asked]) == 2
        assert said in capsys.readouterr().err
    assert rig["recorder"].get_settings() == before
