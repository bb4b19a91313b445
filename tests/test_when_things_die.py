"""The page "when things die": each line names tests, and these are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "when-things-die.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
][1:]
PARTS = (
    *("client", "script", "desktop", "viewer", "engine", "worker", "camera", "stage", "recorder", "tracker"),
    *("modulator", "world", "supervisor", "computer", "disk"),
)


@cache
def functions_in(file: str) -> set[str]:
    """Return the names of the test functions in a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_line_names_tests_that_are_there(row: list[str]) -> None:
    what, happens, shown = row
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown)
    assert what
    assert happens
    assert named, "a line without a test"
    assert shown.count("`") == 2 * len(named), "something else than tests"
    missing = [f"{file}::{test}" for file, test in named if test not in functions_in(file)]
    assert not missing


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_laboratory_has_a_line(part: str) -> None:
    assert any(part in row[0] for row in ROWS)
