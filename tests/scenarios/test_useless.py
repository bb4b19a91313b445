"""Jobs that ran to their end and are of no use: the outcome, its reason and the exit code say so."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from parfocal.analysis.beads.rois import RoiSet
from parfocal.storage import read_manifest

TIMEOUT_S = 110


def track(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", "track", *map(str, arguments), "--json"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "60 % [nothing] ä.tif"
    frames = np.random.default_rng(1).poisson(500, (5, 128, 160)).astype("u2")
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "TYX"})
    return path


def test_no_bead_is_a_failed_run(noise, tmp_path):
    code, summary = track(noise, "--out", tmp_path / "runs")
    assert (code, summary["outcome"], summary["reason"]) == (1, "failed", "there was no bead to track")
    manifest = read_manifest(summary["run"])
    assert (manifest.outcome, manifest.reason) == ("failed", "there was no bead to track")
    assert Path(summary["run"]).name.endswith("_60-nothing-ä")
    assert manifest.name == "60 % [nothing] ä"


def test_nothing_but_flagged_rows_is_a_failed_run(noise, tmp_path):
    rois = tmp_path / "rois.json"
    RoiSet(roi_px=64, width_px=160, height_px=128).added([(80.0, 64.0)]).save(rois)
    code, summary = track(noise, "--rois", rois, "--out", tmp_path / "runs")
    assert (code, summary["outcome"]) == (1, "failed")
    assert summary["reason"] == "not one of 5 rows is usable: all carry flags"
    assert read_manifest(summary["run"]).reason == summary["reason"]
