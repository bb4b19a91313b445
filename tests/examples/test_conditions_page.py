"""The page "conditions": its interlocks and its Python, as a newcomer would type them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from parfocal.runs import load_plan
from parfocal.runs.conditions.interlocks import interlocks_from_data

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_its_interlocks_are_some():
    first, second = interlocks_from_data(tomllib.loads(blocks("toml")[0])["interlocks"])
    assert (first.breach, first.condition.words) == ("end", "free disk above 20 GB")
    assert (second.breach, second.condition.words) == ("pause", "z.position above -50 um and below 150 um")


def test_its_plan_is_one(tmp_path):
    (tmp_path / "plan.yaml").write_text(blocks("yaml")[0])
    plan = load_plan(tmp_path / "plan.yaml")
    kinds = [event.kind for event in plan.events()]
    assert kinds == ["condition", *["image"] * 6, "condition"]


def python(code, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=170,
        env=os.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_its_python_is_guarded(tmp_path):
    assert python(blocks("python")[0], tmp_path) == ["complete"]


@pytest.mark.slow
def test_its_run_responds_where_cells_were_lit_and_nowhere_else(tmp_path):
    *decided, last = python(blocks("python")[1], tmp_path)
    assert [line.split()[0] for line in decided] == ["False", "True", "False"]
    assert all("fraction of tracks with ratio_cytoplasm above 1 at p=" in line for line in decided)
    assert last == "complete {'left out': 12}"
