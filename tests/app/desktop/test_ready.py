"""What a window has to import before it is there."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import parfocal.app.desktop.window
from parfocal.app.desktop.panels import panel_classes
panel_classes()
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"scipy", "numba", "tensorstore", "napari"}))
"""


def test_no_library_of_numbers_is_imported_before_it_computes():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []
