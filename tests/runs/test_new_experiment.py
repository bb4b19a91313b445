"""``parfocal new experiment``: a folder that holds together as it is written, and runs on its twin."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from parfocal.cli import app
from parfocal.core.errors import BadInputError
from parfocal.rig.config import load_config
from parfocal.rig.new_experiment import write_experiment
from parfocal.runs import load_plan
from parfocal.runs.pipeline.request import pipeline_request

LIMIT_S = 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_experiment(tmp_path / "ERK pulses")
    return tmp_path / "ERK pulses"


@pytest.fixture
def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules are found, and forgotten again."""
    monkeypatch.syspath_prepend(folder)
    yield
    for module in ("pipeline", "steps"):
        sys.modules.pop(module, None)


@pytest.mark.usefixtures("importable")
def test_what_is_written_holds_together(folder):
    config, twin = load_config(folder / "rig.toml"), load_config(folder / "twin.toml")
    assert config.name == "erk-pulses"
    assert config.services == twin.services
    plan = load_plan(folder / "plan.yaml")
    presets = set(config.services["channels"].settings["options"]["presets"])
    assert set(plan.channel_names) <= presets
    request = pipeline_request("pipeline:PIPELINE")
    assert request.pipeline.choose.call == "steps:on_the_left"
    assert len(request.pipeline.choose.source) == 64


def test_the_versions_are_those_that_are_installed(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    versions = dict(line.split("==") for line in lines)
    assert {"parfocal", "numpy", "scikit-image", "trackpy"} <= versions.keys()
    assert all(metadata.version(name) == version for name, version in versions.items())
    assert "pytest" not in versions  # what parfocal is developed with


def test_what_is_there_is_left_alone(tmp_path, capsys):
    assert app.run(["new", "experiment", str(tmp_path / "first")]) == 0
    assert "8 files" in capsys.readouterr().out
    (tmp_path / "first" / "steps.py").write_text("mine")
    assert app.run(["new", "experiment", str(tmp_path / "first")]) == 2
    assert (tmp_path / "first" / "steps.py").read_text() == "mine"
    for wrong, named in (("2nd", "names no experiment"), ("no/where", "there is no folder")):
        with pytest.raises(BadInputError, match=named):
            write_experiment(tmp_path / wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT_S)
def test_its_own_test_passes_and_it_runs_by_the_command_of_its_page(folder):
    assert "1 passed" in run(folder, "pytest", "-q")
    lines = (folder / "README.md").read_text().splitlines()
    commands = [line.split() for line in lines if line.startswith("parfocal ")]
    assert [words[1] for words in commands] == ["plan", "up", "call", "run", "down"]
    try:
        told = [run(folder, *words, *(["--json"] if words[1] == "run" else [])) for words in commands[:-1]]
    finally:
        run(folder, *commands[-1])
    ended = json.loads(told[-1].splitlines()[-1])
    assert ended["outcome"] == "complete", ended
    assert ended["stimulations"]["asked"] == 8
