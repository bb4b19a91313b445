"""The page "Light where you want it": its program runs, and says what it should; its rig file is sound."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "optogenetics.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return found


def test_the_program_of_the_page_lights_what_it_says(tmp_path):
    (tmp_path / "light.py").write_text(block("python"))
    words = [sys.executable, "-W", "error", "light.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    spots, mirrors, pixels = done.stdout.splitlines()
    assert float(spots.split()[2]) < 0.5
    assert mirrors.endswith("mirrors are lit; read back: True")
    lit, wanted = re.fullmatch(r"(\d+) pixels of the sensor were lit, of (\d+)", pixels).groups()
    assert abs(int(lit) / int(wanted) - 1) < 0.05


def test_the_lights_of_the_page_make_one_another_dark():
    services = tomllib.loads(block("toml"))["services"]
    assert "modulator" in services["stimulation"]["safe_when_lost"]
    assert "stimulation" in services["modulator"]["safe_when_lost"]
