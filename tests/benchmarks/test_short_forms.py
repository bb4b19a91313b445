"""Every benchmark runs to its end in its short form, and prints the one format: ``dev.py benchmarks``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
ELSEWHERE = {"dashboards": "PARFOCAL_PYMODAQ_PYTHON"}  # environments of their own
COLUMNS = {
    "name": str,
    "value": float | int | None,
    "unit": str,
    "wanted": str,
    "peer": str,
    "peer_value": float | int | None,
    "ok": bool | None,
    "ratio": float | int | None,
    "failed": str,
}

pytestmark = [pytest.mark.benchmarks, pytest.mark.slow, pytest.mark.timeout(300)]


def short(name):
    python = os.environ.get(ELSEWHERE.get(name, ""), sys.executable)
    if name in ELSEWHERE and python == sys.executable:
        pytest.skip(f"{ELSEWHERE[name]} names no environment for {name}")
    words = [python, str(FOLDER / f"{name}.py"), "--short", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("[a-z]*.py")))
def test_the_short_form_prints_the_format(name):
    printed = short(name)
    assert set(printed) == {"conditions", "rows"}
    assert printed["rows"]
    for row in printed["rows"]:
        assert list(row) == list(COLUMNS)
        assert all(isinstance(row[column], kind) for column, kind in COLUMNS.items()), row
        assert row["value"] is not None or row["failed"], row
        assert (row["peer_value"] is not None) == (bool(row["peer"]) and not row["failed"]), row
    names = [(row["name"], row["peer"]) for row in printed["rows"]]
    assert len(set(names)) == len(names), "a name tells one number"
