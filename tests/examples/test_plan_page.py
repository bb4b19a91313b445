"""The page "plan an experiment": its plans, its Python and its commands, as a newcomer would type them."""

from __future__ import annotations

import io
import re
import runpy
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from parfocal.cli.app import run
from parfocal.runs import load_plan

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plan-an-experiment.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lapse.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def printed(number):
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(blocks("python")[number], f"block {number}", "exec"), {})
    return out.getvalue().strip()


def test_its_time_lapse_is_shown_by_its_first_command(capsys):
    first, second = (shlex.split(line) for line in blocks("sh")[0].splitlines())
    assert run(first[1:]) == 0
    assert "5, 5 images" in capsys.readouterr().out
    assert second == ["parfocal", "run", "microscope", "lapse.yaml"]


def test_its_plans_are_what_it_says(folder):
    assert printed(0) == "{'t': 4, 'p': 2, 'c': 2, 'z': 3} 28 4.0"
    assert len(load_plan(folder / "cells.yaml")) == 28
    assert printed(1) == str(["image"] * 3 + ["confirm", "wait", "image", "stimulus"] + ["image"] * 3)
    assert printed(2) == "[0.0, 4.0, 10.0, 14.0, 18.0, 22.0, 28.0, 32.0]"
    assert printed(3) == "[(-135.0, 135.0), (135.0, 135.0), (135.0, -135.0), (-135.0, -135.0)]"
    assert printed(4) == str(["autofocus", "image", "image"] * 2)
    assert printed(8) == "{'t': 3, 'p': 1, 'c': 1, 'z': 3} 20.0"
    assert printed(7) == "[0.0, 1.0, 2.0]"


def test_what_it_prepares_is_complete():
    assert printed(5) == "prepared\ncomplete"


def test_what_it_carries_out_has_its_prediction_beside_it():
    assert re.fullmatch(r"image 4 events: .* of what was predicted; \d+ % within 50 ms or 10 %", printed(6))


def test_its_picture_is_what_the_terminal_shows():
    made = runpy.run_path(str(DOCS / "make_run_picture.py"))
    assert made["PICTURE"].read_text(encoding="utf-8") == made["picture"](), (
        "run python docs/make_run_picture.py"
    )
