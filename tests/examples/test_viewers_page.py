"""The page "look at it": its Python runs; its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

from parfocal.cli.app import run

PAGE = (Path(__file__).parents[2] / "docs" / "viewers.md").read_text(encoding="utf-8")


def test_its_python_runs(tmp_path):
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert re.fullmatch(r"ready \d+ \(256, 256, 3\) \['main'\]", first)
    assert others == [
        "['cells channel-nucleus', 'cells channel-erk']",
        "['labels', 'points', 'field', 'tracks']",
        "(1,)",
    ]


def test_its_commands_exist(capsys):
    session = "".join(re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL))
    named = [line.split()[1:] for line in session.splitlines() if line.startswith("parfocal")]
    assert {words[0] for words in named} == {"demo", "view", "viewers"}
    for command in (["demo", "tweezers"], ["demo", "optogenetics"], ["view"], ["viewers"]):
        assert run([*command, "--help"]) == 0
    assert "--view" in capsys.readouterr().out
