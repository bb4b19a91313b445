"""The window of napari: what a person does there, and what stays."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("person_in_napari.py")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def told(on_display):
    def run(theme):
        on_display()
        done = subprocess.run([sys.executable, PROGRAM, theme], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize("theme", ["dark", "red"])
def test_what_a_person_does_comes_back_and_stays(told, theme):
    assert told(theme) == {
        "nothing was done": [],
        "layers": ["cells", "cells spots", "cells areas", "cells box", "cells paths"],
        "labels of sliders": ["t", "y", "x"],
        "chosen": [5, 300, 0.5, "magma", [40, 30], 3],
        "after a plane": [5, 300, 0.5, "magma", False, "cells box", 3, True, 4],
        "slider": [["Selected"], {"t": "1"}, [[1, 1]]],
        "slider stays": [{"t": "1"}, 1, 6],
        "a point added": [["Drawn"], [[1, 1], [50, 60]]],
        "an ellipse added": 2,
        "labels painted": [0, 7, 9],
        "points begun": [["Drawn"], [[3, 4]]],
        "a click": [["Clicked"], [7], True],
        "continuous": ["auto", False],
        "removed layers come back": True,
        "taken back": False,
        "split": [f"t-{t}" for t in range(6)],
        "joined": ["colours", "cells"],
        "empty": [[], 3],
        "closed": [True],
    }
