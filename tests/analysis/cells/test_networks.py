"""Cellpose and StarDist as they are published, as steps of a pipeline. Opt-in: `dev.py networks`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

PYTHON = os.environ.get("PARFOCAL_NETWORKS_PYTHON", "")
SESSION = Path(__file__).parent / "networks" / "session.py"

pytestmark = [
    pytest.mark.networks,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON, reason="PARFOCAL_NETWORKS_PYTHON names no environment with both"),
]


def session(network: str, folder: Path) -> dict:
    done = subprocess.run(
        [PYTHON, str(SESSION), network, str(folder)],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
        env={**os.environ, "HOME": str(folder), "CUDA_VISIBLE_DEVICES": "-1"},  # no weights of an earlier day
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_cellpose(tmp_path):
    found = session("cellpose", tmp_path)
    assert (found["fresh"]["dtype"], found["fresh"]["shape"]) == ("int32", [96, 96])
    assert found["fresh"]["numbers"] == list(range(len(found["fresh"]["numbers"])))
    assert found["same"], "the weights of a file are those that were saved"
    assert found["even"] == 0
    assert "no model 'cyto33', nor is it a file; did you mean 'cyto3'" in found["refused"]


def test_stardist(tmp_path):
    found = session("stardist", tmp_path)
    assert (found["fresh"]["dtype"], found["fresh"]["shape"]) == ("int32", [96, 96])
    assert found["taught"]["numbers"] == [0, 1, 2, 3, 4]
    assert min(found["overlaps"]) > 0.6
    assert found["even"] == 0
    assert "did you mean '2D_versatile_fluo'" in found["refused"]
