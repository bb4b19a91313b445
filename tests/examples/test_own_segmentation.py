"""The segmentation step of the docs: slow, killed, and every frame accounted for."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_segmentation.py"


def test_a_slow_segmentation_goes_on_after_a_crash_and_counts_what_it_lost(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ | {"PYTHONPATH": str(EXAMPLE.parent)},
    )
    assert done.returncode == 0, done.stderr
    assert "which wrote stream 'objects', has ended without closing it" in done.stdout
    assert "restarts: 1" in done.stdout
    frames = ast.literal_eval(re.search(r"segmented frames (\[.*\])", done.stdout)[1])
    assert len(frames) >= 10
    assert frames == sorted(frames)
    told = re.search(r"objects: (\d+) of (\d+) segmented, lost: (.*)", done.stdout)
    delivered, offered, lost = told.groups()
    assert len(set(frames)) - 2 <= int(delivered), "all but the one it died in and the one in its hands"
    assert int(delivered) + sum(ast.literal_eval(lost).values()) <= int(offered)
    assert ast.literal_eval(lost)["overrun"] > 0
