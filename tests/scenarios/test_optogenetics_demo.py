"""The closed loop as a newcomer types it: masks where they should be, and cells that answer to the light."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.spatial import cKDTree

from parfocal.core.modulation import ModulatorCalibration
from parfocal.rig.config import load_config, with_changes
from parfocal.rig.opening import open_rig
from parfocal.rig.optogenetics_plan import (
    OptogeneticsPlan,
    every_second_cell,
    optogenetics_config,
    optogenetics_sequence,
)
from parfocal.runs.analysis_rows import OUTCOMES
from parfocal.storage.recorded_run import open_run

pytestmark = pytest.mark.timeout(400)
TIMEOUT_S = 180.0
ROOT_VARIABLES = ("PARFOCAL_RUNTIME_DIR", "PARFOCAL_SHM_DIR", "PARFOCAL_STATE_DIR")
FIELDS = {
    "outcome", "reason", "run", "events", "frames", "stimulations", "latency_ms", "lag_ms", "errors",
}  # fmt: skip
PLAN = OptogeneticsPlan(time_points=6, positions=2, interval=0.5, cells=40, seed=7411)
STIMULI = 2 * (6 - 1)
SAME_CELL_PX = 4.0


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The JSON of a demo, from its command line."""
    out = tmp_path_factory.mktemp("demo")
    options = {
        "time-points": PLAN.time_points, "positions": PLAN.positions, "interval": PLAN.interval,
        "cells": PLAN.cells, "seed": PLAN.seed, "out": out,
    }  # fmt: skip
    roots = [Path(tempfile.mkdtemp(prefix="pf")) for _ in ROOT_VARIABLES]  # no other test's rigs are there
    typed = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", "demo", "optogenetics", *typed, "--json"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        env={**os.environ, **dict(zip(ROOT_VARIABLES, map(str, roots), strict=True))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path for root in roots[:2] for path in root.rglob("*") if not path.is_dir()] == []
    for root in roots:
        shutil.rmtree(root)
    return json.loads(done.stdout.splitlines()[-1])


def test_it_is_complete_and_its_counts_balance(demo):
    assert set(demo) >= FIELDS
    assert (demo["outcome"], demo["errors"]) == ("complete", 0)
    images = 2 * PLAN.time_points * PLAN.positions
    assert demo["events"] == {"total": images + STIMULI, "acquired": images + STIMULI}
    assert demo["frames"] == {"received": images, "stored": images, "dropped": 0}
    assert demo["stimulations"] == {"asked": STIMULI, "fired": STIMULI, "fallback": 0}
    took = demo["latency_ms"]["image_to_stim"]
    assert 0 < took["p50"] <= took["p99"]
    assert 0 <= demo["lag_ms"]["p50"] <= demo["lag_ms"]["max"]
    assert Path(demo["picture"]).read_bytes().startswith(b"\x89PNG")


def test_each_stimulus_had_the_mask_of_its_own_image_and_lit_what_it_says(demo):
    stimuli = open_run(demo["run"]).stimulations()
    assert len(stimuli) == STIMULI
    assert set(stimuli["outcome"].tolist()) == {OUTCOMES.index("fired")}
    image_of = {
        row["number"]: (row["t"], row["p"])
        for row in open_run(demo["run"]).events()
        if row["kind"] == 0
    }  # fmt: skip
    assert [image_of[row["image_event"]] for row in stimuli] == [(row["t"], row["p"]) for row in stimuli]
    assert (stimuli["image_ns"] < stimuli["mask_ns"]).all()
    assert (stimuli["mask_ns"] < stimuli["shown_ns"]).all()
    assert (stimuli["shown_ns"] < stimuli["fired_ns"]).all()
    assert (stimuli["shutter"] == 1).all()
    assert demo["mask_iou"]["min"] >= 0.9


def test_every_second_cell_got_light_and_shows_it(demo):
    run = open_run(demo["run"])
    doses = run.doses()
    chosen = doses["particle"] % 2 == 0
    assert (doses["dose"][chosen] > 0).all()
    assert (doses["dose"][~chosen] == 0).all()
    assert demo["reporter"]["lit"] > demo["reporter"]["unlit"] + 5 * demo["reporter"]["lit_error"]


@pytest.mark.slow
def test_lit_cells_answer_and_others_do_not_beside_the_same_cells_in_blocked_light(demo, tmp_path):
    lit = reporter_by_cell(open_run(demo["run"]))
    dark = reporter_by_cell(blocked_run(demo, tmp_path))
    with_light = cells_with_light(open_run(demo["run"]))
    shared = lit.keys() & dark.keys()
    assert len(shared) >= 0.95 * len(lit)
    answered = [(lit[cell], dark[cell]) for cell in shared & with_light]
    left = [(lit[cell], dark[cell]) for cell in shared - with_light]
    assert min(len(answered), len(left)) > 20
    assert standard_errors_above(answered) >= 5
    assert abs(standard_errors_above(left)) <= 2


def blocked_run(demo, folder):
    """Carry out the demo's plan once more, with a beam block in its light."""
    wanted = msgspec.structs.replace(PLAN, out=folder)
    config = optogenetics_config(wanted, folder / "calibration.json")
    config = load_config(with_changes(config, {"camera.options.blocked": ["stimulation"]}))
    known = open_run(demo["run"]).manifest.devices["modulator"]["calibration"]
    with open_rig(config) as rig:
        rig["modulator"].set_calibration(msgspec.convert(known, ModulatorCalibration, strict=False))
        handle = rig.run(optogenetics_sequence(wanted), name="blocked", pipeline=every_second_cell())
        status = handle.wait(timeout_s=TIMEOUT_S)
    assert (status.outcome, status.stimulations.fired) == ("complete", STIMULI)
    return open_run(status.folder)


def true_cells(run, t):
    """Return the rows of the tracks of a time point, with the true cell of each; -1 for none."""
    tracks, truth = run.tracks(), run.rows("truth")
    frame_of = dict(run.events()[["number", "frame"]].tolist())
    rows = tracks[tracks["t"] == t]
    cells = np.full(len(rows), -1, dtype=np.int64)
    for number in np.unique(rows["number"]).tolist():
        here = rows["number"] == number
        there = truth[truth["frame"] == frame_of[number]]
        tree = cKDTree(np.column_stack([there["y_px"], there["x_px"]]))
        far, nearest = tree.query(np.column_stack([rows["y_px"][here], rows["x_px"][here]]))
        cells[here] = np.where(far < SAME_CELL_PX, there["cell"][nearest.clip(max=len(there) - 1)], -1)
    return rows, cells


def reporter_by_cell(run):
    """Return the reporter of each true cell at the last time point, as the pipeline measured it."""
    rows, cells = true_cells(run, PLAN.time_points - 1)
    values = zip(cells.tolist(), rows["ratio_cytoplasm"].tolist(), strict=True)
    return {cell: value for cell, value in values if cell >= 0 and np.isfinite(value)}


def cells_with_light(run):
    """Return the true cells that any stimulus lit, as the record of doses has it."""
    doses = run.doses()
    lit = {tuple(cell) for cell in doses[doses["dose"] > 0][["p", "particle"]].tolist()}
    rows, cells = true_cells(run, PLAN.time_points - 1)
    return {
        cell
        for cell, key in zip(cells.tolist(), rows[["p", "particle"]].tolist(), strict=True)
        if key in lit and cell >= 0
    }


def standard_errors_above(pairs):
    """Return by how many standard errors the mean of the first values is above that of the second."""
    first, second = np.array(pairs).T
    error = np.sqrt(first.var(ddof=1) / first.size + second.var(ddof=1) / second.size)
    return float((first.mean() - second.mean()) / error)
