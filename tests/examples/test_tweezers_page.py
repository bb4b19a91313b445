"""The tutorial "a first hour at the tweezers": its commands and its Python, as page and as notebook, run."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tweezers.md").read_text(encoding="utf-8")
NOTEBOOK = json.loads((DOCS / "tweezers.ipynb").read_text(encoding="utf-8"))
SMALL = (
    *("camera.options.width_px=352", "camera.options.height_px=256", "camera.options.beads=4"),
    "camera.options.stuck=0.25",
)
LONG, SHORT = "SECONDS = 20\n", "SECONDS = 4\n"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def cells(kind):
    return ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == kind]


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=200,
        env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_notebook_is_the_page():
    make = runpy.run_path(str(DOCS / "make_notebook.py"))
    assert make["notebook_of"](PAGE) == NOTEBOOK, "run python docs/make_notebook.py"
    assert cells("code") == [code.rstrip("\n") for code in blocks("python")]
    assert len(re.findall(r"^## \d+\. ", "\n".join(cells("markdown")), flags=re.MULTILINE)) == 10


def test_its_ten_steps_run_from_shell_and_notebook(tmp_path):
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert [words[1] for words in commands] == ["up", "status", "snap", "commands", "call", "down"]
    up, *others, down = ([*words] for words in commands)
    told = run("-m", *up, *(word for change in SMALL for word in ("--set", change)), cwd=tmp_path)
    assert "is ready as process" in told
    try:
        for words in others:
            told = run("-m", *words, cwd=tmp_path)
            assert max(map(len, told.splitlines())) <= 80, words
        assert (tmp_path / "beads.png").stat().st_size > 1000
        program = "\n".join(cells("code"))
        assert program.count(LONG) == 1
        printed = run("-W", "error", "-c", program.replace(LONG, SHORT), cwd=tmp_path)
    finally:
        run("-m", *down, cwd=tmp_path)
    assert "4 beads" in printed
    assert "4 tables, chi2 [" in printed
    assert "DNA, 1 um beads" in printed
    force, error = map(float, re.search(r"bead \d: (.*) \+- (.*) pN at \d+ nm\n", printed).groups())
    assert 0 < error < force
    assert 0.8 < force < 2.4, "the magnet pulls with 1.39 pN"
    for file in ("z.png", "rois.json", "tables.npz"):
        assert (tmp_path / file).stat().st_size > 100, file
    (report,) = (tmp_path / "runs").iterdir()
    assert (report / "manifest.json").exists()
    assert str(report) in printed
