"""The whole loop on the optogenetics microscope: what was lit is what was asked, and who was lit answers."""

from __future__ import annotations

import numpy as np
import pytest

import parfocal
from parfocal.devices.simulated.optogenetics.lit_region import intersection_over_union
from parfocal.runs import Sequence
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.step import Step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 240.0
CELLS = "parfocal.analysis.cells."
POSITIONS = [(-180.0, 60.0, 0.0), (170.0, -40.0, 0.0)]
TIME_POINTS = 5
PIPELINE = Pipeline(
    segment=CELLS + "segment:otsu",
    track=Step(call=CELLS + "linking:NearestLinker", settings={"search_px": 12.0}),
    features=Step(call=CELLS + "measure:measure", settings={"ring_px": 4.0}),
    choose=Step(call=CELLS + "choosing:every", settings={"k": 2}),
    stimulate=CELLS + "masks:cells",
    channel="nucleus",
    deadline_s=30.0,
)
PLAN = Sequence(
    time_plan={"interval": 4.0, "loops": TIME_POINTS},
    stage_positions=POSITIONS,
    channels=["nucleus", "cytoplasm"],
    stim_channels=["stimulation"],
    stim_frames="all",
    stim_exposure=50.0,
    stim_power=0.5,
)


def recorded(seed, folder, **options):
    """Calibrate, run the loop, and return the record, and what each stimulus really lit, by (t, p)."""
    rng = np.random.default_rng(seed)
    optics = {
        "rotation_deg": float(rng.uniform(5.0, 12.0) * rng.choice([-1.0, 1.0])),
        "scale": float(rng.uniform(0.85, 1.0)),
        "shear": float(rng.uniform(-0.08, 0.08)),
    }
    camera = {"seed": seed, "steer_um": 0.0, "projection": optics, **options}
    changes = {f"camera.options.{name}": value for name, value in camera.items()}
    with parfocal.open_rig("optogenetics", changes=changes) as rig:
        if not options:  # with blocked light, the calibration of the run before is there
            rig["modulator"].calibrate(timeout_s=PATIENCE_S)
        status = rig.run(PLAN, pipeline=PIPELINE, name="loop", folder=str(folder)).wait(PATIENCE_S)
        assert status.outcome == "complete"
        run = parfocal.open_run(status.folder)
        events = {
            (frame.index["t"], frame.index["p"]): frame.header.event for frame in run.frames(c="stimulation")
        }
        lit = {}
        if not options:
            lit = {place: rig["camera"].lit_region(event) for place, event in events.items()}
    return run, lit


def reporters(run, truth):
    """Return the measured reporter of each cell, by its true number, at the last time point."""
    tracks = run.tracks()
    found = {}
    for row in tracks[tracks["t"] == TIME_POINTS - 1]:
        near = np.hypot(truth["x_um"] - row["x_um"], truth["y_um"] - row["y_um"])
        if near.min() < 3.0 and np.isfinite(row["ratio_cytoplasm"]):
            found[int(truth["cell"][np.argmin(near)])] = float(row["ratio_cytoplasm"])
    return found


def last_truth(run):
    """Return the true cells in the last images of the reporter, of both positions."""
    rows = run.rows("truth")
    last = rows[np.isclose(rows["time_s"], rows["time_s"].max())]
    return last[last["lit"] == 0.0]


def rise(reporter, without):
    """Return how far a mean is above another, in standard errors of their difference."""
    error = np.sqrt((reporter.var(ddof=1) + without.var(ddof=1)) / reporter.size)
    return float((reporter.mean() - without.mean()) / error)


def compared(run, blocked):
    """Return the reporter of the same cells, with light and without, of those that were lit and of others."""
    truth, dark = last_truth(run), last_truth(blocked)
    assert not dark["dose"].any()
    doses = {int(row["cell"]): float(row["dose"]) for row in truth}
    with_light, without = reporters(run, truth), reporters(blocked, dark)
    both = sorted(set(with_light) & set(without))
    lit = np.array([doses[cell] > 0.0 for cell in both])
    pairs = np.array([(with_light[cell], without[cell]) for cell in both])
    return pairs[lit].T, pairs[~lit].T


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_what_is_lit_is_what_was_asked_and_who_was_lit_answers(seed, tmp_path):
    run, lit = recorded(seed, tmp_path / "lit")
    stimulations = run.stimulations()
    assert len(stimulations) == len(lit) == TIME_POINTS * len(POSITIONS)
    masks = {(frame.index["t"], frame.index["p"]): frame.data for frame in run.frames("masks")}
    for row in stimulations:
        place = int(row["t"]), int(row["p"])
        x_um, y_um, _ = POSITIONS[place[1]]
        agreement = intersection_over_union(
            masks[place] != 0, x_um, y_um, lit[place].pixel_size_um, lit[place]
        )
        assert agreement >= 0.9, (place, agreement)
        assert (row["x_um"], row["y_um"], row["shutter"]) == (x_um, y_um, 1)
        assert row["power"] == pytest.approx(0.5, abs=0.01)
        assert row["mask_hash"] > 0
    blocked, _ = recorded(seed, tmp_path / "blocked", blocked=["stimulation"])
    lit_cells, others = compared(run, blocked)
    assert min(lit_cells.shape[1], others.shape[1]) >= 15
    assert rise(*lit_cells) >= 5.0
    assert abs(rise(*others)) <= 2.0
