"""The page "runs": its plan, its Python and its commands, as a newcomer would type them."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.runs import load_plan

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def code(containing):
    """Return the one block of Python in which a text stands."""
    (found,) = [block for block in blocks("python") if containing in block]
    return found


@pytest.fixture
def folder(tmp_path):
    (written,) = blocks("yaml")
    (tmp_path / "plan.yaml").write_text(written)
    return tmp_path


def python(*words, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_its_file_and_its_python_are_the_same_plan(folder):
    written = load_plan(folder / "plan.yaml")
    events = python("-c", code("save_plan(plan"), folder=folder)
    assert load_plan(folder / "plan.yaml") == written
    assert len(events) == len(written) == 15
    assert events[0] == "0 wait {} 0.0  None"
    assert events[-1].startswith("14 stimulus {'t': 3, 'p': 1, 'c': 2, 'z': 0} 4.0 stimulation 2.0")


def test_its_commands_run(folder):
    (session,) = blocks("sh")
    commands = [shlex.split(line) for line in session.splitlines()]
    assert [words[:3] for words in commands] == [["parfocal", "run", "microscope"]] * 2
    status = json.loads(python("-m", *commands[1], folder=folder)[-1])
    assert (status["name"], status["outcome"], status["events_acquired"]) == ("first", "complete", 15)
    assert status["run"] == status["folder"]
    assert Path(status["folder"]).parent == folder / "today"
    assert load_plan(Path(status["folder"]) / "plan.json") == load_plan(folder / "plan.yaml")
    stimuli = status["stimulations"]["fired"]
    assert (stimuli, status["frames_stored"]) == (2, status["frames_received"] + stimuli)
    record = python("-c", f"folder = {status['folder']!r}\n{code('record.events()')}", folder=folder)
    assert record[:3] == ["complete ", "(512, 512)", "{'t': 3, 'p': 1, 'c': 2, 'z': 0} 10000000"]
    assert record[3].startswith("(3, 1, 4.")


def test_its_run_is_complete(folder):
    assert python("-c", code('name="second"'), folder=folder)[-1] == "complete"


def test_its_run_is_prepared_and_then_started(folder):
    prepared, ended = python("-c", code("rig.prepare("), folder=folder)
    told = re.match(r"prepared RunForecast\(duration_s=([\d.]+), largest_move_um=200\.0,", prepared)
    assert told, prepared
    assert float(told[1]) > 0.2  # the schedule, and what devices and calls take
    assert ended == "complete 6"


def test_its_run_is_steered(folder):
    printed = python("-c", code("same.pause("), folder=folder)
    state, ended = printed[0], printed[-1].split()
    assert state in ("pausing", "paused")
    assert ended[0] == "complete"
    assert int(ended[1]) == int(ended[2]) + 1, "every event has a frame but the question"


def test_its_pipeline_goes_with_its_plan(folder):
    (folder / "steps.py").write_text(code("Pipeline("))
    (shown,) = [line for line in _plan(folder) if line.startswith("segment")]
    assert shown == "segment      parfocal.analysis.cells.segment:otsu  min_area_px=30"


def _plan(folder):
    return python("-m", "parfocal", "plan", "plan.yaml", "--pipeline", "steps:pipeline", folder=folder)
