"""What napari tells of the areas under the mouse, in a program of its own: it warns while it is imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PROGRAM = """
import json
import numpy as np
from parfocal.viewers.annotations import Labels
from parfocal.viewers.napari.annotation_layers import made, show

areas = np.array([[0, 1], [2, 3]], np.int32)
place = lambda tracks: tracks.rows
tell = lambda layer: layer.get_status((1, 1), world=True)["value"]
layer = made(Labels("cells", areas, first=0), "cells", place)
told = {"from 0": tell(layer)}
show(layer, Labels("cells", areas + 4, first=0), place)
told["others"] = tell(layer)
told["from 1"] = tell(made(Labels("cells", areas), "cells", place))
print(json.dumps(told))
"""


def test_an_area_is_told_by_the_number_that_it_has_elsewhere():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"from 0": "3; number: 2", "others": "7; number: 6", "from 1": "3"}
