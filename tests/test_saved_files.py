"""Whatever a person saves takes the place of what was there in one step: it is never written in place."""

from __future__ import annotations

import os

import numpy as np
import pytest

from parfocal.analysis.beads.rois import RoiSet
from parfocal.cli.calls import _report
from parfocal.processes.settings import NoSettings, export_toml
from parfocal.rig.config import RigConfig, save_config
from parfocal.rig.setting_bundles import write_bundle
from parfocal.runs import Sequence
from parfocal.runs.plans.plan_files import save_plan
from parfocal.tracking.ztable import ZTables, save_tables
from parfocal.viewers.saving import save_picture

TABLES = ZTables(np.full((1, 8, 20), 0.5, np.float32), 32, 0.0, 100.0, np.array([[0.0, 400.0]]), np.ones(1))
SAVERS = {
    "plan.yaml": lambda path: save_plan(Sequence(channels=["nucleus"]), path),
    "plan.toml": lambda path: save_plan(Sequence(channels=["nucleus"]), path),
    "result.json": lambda path: _report([1, 2, 3], json=False, out=path),
    "settings.toml": lambda path: export_toml(NoSettings(), path),
    "bundle.yaml": lambda path: write_bundle("lab", {}, path),
    "rig.toml": lambda path: save_config(RigConfig(name="lab", services={}), path),
    "regions.json": lambda path: RoiSet(roi_px=64, width_px=640, height_px=480).save(path),
    "tables.npz": lambda path: save_tables(path, TABLES),
    "picture.png": lambda path: save_picture(np.zeros((4, 4, 3), np.uint8), path),
}


@pytest.mark.parametrize("name", SAVERS)
def test_what_is_saved_takes_the_place_of_what_was_there_in_one_step(name, tmp_path):
    path, before = tmp_path / name, tmp_path / "before"
    path.write_bytes(b"of another day")
    os.link(path, before)
    SAVERS[name](path)
    assert before.read_bytes() == b"of another day", "it was written in place"
    assert path.read_bytes() != b"of another day"
    assert sorted(tmp_path.iterdir()) == sorted([path, before])
