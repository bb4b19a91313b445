"""What plugins, benchmarks, examples and docs import from parfocal is there: some run elsewhere."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("plugins", "benchmarks", "examples", "docs")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def imported(path):
    """Return the modules and names that a file imports from parfocal."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return [
        (node.module, name.name)
        for node in froms
        if node.module.split(".")[0] == "parfocal"
        for name in node.names
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_names_exist(path):
    missing = [
        f"{module}.{name}"
        for module, name in imported(path)
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []
