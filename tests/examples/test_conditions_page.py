"""The page "conditions": its interlocks and its Python, as a newcomer would type them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from parfocal.runs.conditions.interlocks import interlocks_from_data

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_its_interlocks_are_some():
    first, second = interlocks_from_data(tomllib.loads(blocks("toml")[0])["interlocks"])
    assert (first.breach, first.condition.words) == ("end", "free disk above 20 GB")
    assert (second.breach, second.condition.words) == ("pause", "z.position above -50 um and below 150 um")


@pytest.mark.slow
def test_its_python_is_guarded(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks("python")[0]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["complete"]
