"""The page "close the loop": its commands and its Python, as a newcomer would type them."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from parfocal.cli.app import run

PAGE = (Path(__file__).parents[2] / "docs" / "closed-loop.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(400)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def typed(number):
    (line,) = blocks("sh")[number].splitlines()
    return shlex.split(line)[1:]


def printed(code):
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "closed-loop.md", "exec"), {})
    return out.getvalue().splitlines()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the page's step and plan, in which one works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mysteps.py").write_text(blocks("python")[1])
    (tmp_path / "plan.yaml").write_text(blocks("yaml")[0])
    yield tmp_path
    sys.modules.pop("mysteps", None)


def test_its_step_goes_with_its_plan(folder, capsys):
    assert run(typed(1)) == 0
    assert "dim_in_the_nucleus" in capsys.readouterr().out


@pytest.mark.slow
def test_its_demo_is_read_and_its_step_lights_three_cells(folder):
    asked = typed(0)
    assert asked[:2] == ["demo", "optogenetics"]
    asked[asked.index("--time-points") + 1] = "4"
    assert run(asked) == 0
    (demo,) = (folder / "runs").iterdir()
    lines = printed(blocks("python")[0].replace("runs/DEMO", f"runs/{demo.name}"))
    assert lines[0] == "6 stimuli, 6 fired"
    assert [line.split()[1] for line in lines[2:6]] == ["True", "False", "True", "False"]
    assert printed(blocks("python")[2]) == ["True", "complete 2", "[1, 2]"]
    assert printed_by_shell(typed(2), folder) == ("complete", {"asked": 2, "fired": 2, "fallback": 0})


def printed_by_shell(words, folder):
    """Run a command, and return outcome and stimuli of what it prints last; the rest of that is as told."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert run(words) == 0
    told = json.loads(out.getvalue().splitlines()[-1])
    assert Path(told["run"]).parent == folder / "runs"
    assert told["events"] == {"total": 8, "acquired": 8}
    assert told["frames"] == {"received": 6, "stored": 6, "dropped": 0}
    assert 0 < told["latency_ms"]["image_to_stim"]["p50"] <= told["latency_ms"]["image_to_stim"]["p99"]
    assert 0 <= told["lag_ms"]["p50"] <= told["lag_ms"]["max"]
    assert told["errors"] == len(told["last_errors"])
    return told["outcome"], told["stimulations"]
