"""Everything a newcomer would type: the README's Python, its commands, and the examples."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.cli.app import run
from parfocal.rig.named_rigs import builtin_rigs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LONG = ("own_segmentation", "time_lapse")
EXAMPLES = [
    pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in LONG else ())
    for path in sorted((ROOT / "examples").glob("*.py"))
]
TIMEOUT_S = 110


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run_python(*arguments: str, cwd: Path) -> str:
    """Run Python in a folder; return what it printed, or fail with what it said."""
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readmes_python_runs(tmp_path):
    ten_lines, a_run = blocks("python")
    printed = run_python("-c", ten_lines, cwd=tmp_path)
    assert "FrameHeader(frame=" in printed
    assert "ReaderLedger(" in printed
    assert run_python("-c", a_run, cwd=tmp_path).splitlines()[-1] == "(9, 512, 512) complete"


def test_the_readmes_shell_session_runs(tmp_path):
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("parfocal ")]
    named = [command.split()[1] for command in commands]
    assert named == ["up", "status", "call", "commands", "down", "run", "demo"]
    (tmp_path / "plan.yaml").write_text(*blocks("yaml"))
    for command in commands[:-1]:  # the demo has tests of its own
        run_python("-m", *shlex.split(command), cwd=tmp_path)


def test_the_readmes_set_up_commands_exist():
    named = {
        line.split()[2]
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("python3 dev.py")
    }
    assert named == {"demo", "strangers", "test"}
    helped = run_python(str(ROOT / "dev.py"), "--help", cwd=ROOT)
    assert all(f"dev.py {word}" in helped for word in named)


def test_the_readmes_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_page_is_named_in_the_readme():
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages
    assert pages - set(re.findall(r"\]\(([^)#]+)", README)) == set()


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(example.parent))
    assert run_python(str(example), cwd=tmp_path)


@pytest.mark.parametrize("name", sorted(builtin_rigs()))
def test_builtin_rigs_are_sound(name, capsys):
    assert run(["check", str(builtin_rigs()[name])]) == 0
    assert "is sound" in capsys.readouterr().out
