"""Live forces against the truth of the simulated tethers: bias, errors, doubts."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.force.live_force import CameraScale, live_rows
from parfocal.analysis.force.live_records import LiveWarning, live_force
from parfocal.analysis.force.live_settings import Anchor, TetherPhysics
from parfocal.analysis.force.traces import TraceWindow
from parfocal.devices.simulated.beads import BeadField, Tethers
from parfocal.devices.simulated.forces import KT_PN_NM
from parfocal.tracking.rows import Flag

PIXEL_NM, RADIUS_NM, CONTOUR_NM, BEADS = 100.0, 525.0, 1000.0, 50
KELVIN = KT_PN_NM / 0.01380649
ERROR_NM, Z_ERROR_NM = 1.0, 3.0
SURFACE_NM = 950.0


def tracked(force_pn, rate_hz, exposure_s, seconds, contour_nm, seed=5, drift_nm_per_s=0.0):
    """Return the rows of a perfect tracker, with noise, of beads on tethers of these lengths."""
    field = BeadField(Tethers.single(np.asarray(contour_nm)), RADIUS_NM, seed)
    rng = np.random.default_rng(seed)
    frames = round(seconds * rate_hz)
    moved = np.array([field.advance(k, 1 / rate_hz, force_pn, exposure_s) for k in range(frames + 20)])[20:]
    moved[:, :, 0] += drift_nm_per_s * np.arange(frames)[:, None] / rate_hz
    rows = np.zeros((frames, len(contour_nm)), TRACK_DTYPE)
    rows["frame"] = np.arange(frames)[:, None] + 1000
    rows["time_ns"] = (rows["frame"] / rate_hz * 1e9).astype(np.int64)
    rows["bead"] = np.arange(len(contour_nm))
    for n, axis in enumerate("xy"):
        place = moved[:, :, n] + rng.normal(0, ERROR_NM, moved.shape[:2])
        rows[f"{axis}_px"], rows[f"sigma_{axis}_px"] = place / PIXEL_NM + 50, ERROR_NM / PIXEL_NM
    rows["z_nm"] = SURFACE_NM - moved[:, :, 2] + rng.normal(0, Z_ERROR_NM, moved.shape[:2])
    return rows.ravel()


def found(rows, exposure_s, physics, **options):
    window = TraceWindow(600.0)
    for part in np.array_split(rows, 7):
        window.add(part)
    traces = window.traces(window.beads(), physics.axis)
    return live_rows(traces, CameraScale(PIXEL_NM, exposure_s), physics, **{"anchors": {}, **options})


@pytest.mark.parametrize(
    ("force_pn", "rate_hz", "exposure_s", "axis", "knows"),
    [
        (0.4, 100.0, 0.01, "x", "anchors"),
        pytest.param(1.4, 100.0, 0.005, "x", "contour", marks=pytest.mark.slow),
        pytest.param(1.4, 200.0, 0.004, "y", "anchors", marks=pytest.mark.slow),
        pytest.param(3.0, 250.0, 0.002, "x", "contour", marks=pytest.mark.slow),
    ],
)
def test_forces_are_those_of_the_twin_within_their_errors(force_pn, rate_hz, exposure_s, axis, knows):
    lengths = CONTOUR_NM * (1 + 0.03 * np.random.default_rng(2).standard_normal(BEADS))
    rows = tracked(force_pn, rate_hz, exposure_s, 20.0, lengths)
    radius = RADIUS_NM if axis == "x" else 0.0
    if knows == "anchors":
        physics = TetherPhysics(axis=axis, radius_nm=radius, temperature_k=KELVIN)
        options = {"anchors": dict.fromkeys(range(BEADS), Anchor(SURFACE_NM, 2.0))}
    else:
        physics = TetherPhysics(
            axis=axis, radius_nm=radius, contour_nm=CONTOUR_NM, contour_sigma_nm=30.0, temperature_k=KELVIN
        )
        options = {}
    live = found(rows, exposure_s, physics, expected_pn=force_pn, **options)
    assert not live["warnings"].any()
    assert (live["samples"] == round(20 * rate_hz)).all()
    for name in ("spectrum", "allan"):
        force, sigma = live[f"{name}_pn"], live[f"{name}_sigma_pn"]
        assert abs(force.mean() / force_pn - 1) < 0.03
        pulls = np.log(force / force_pn) * force / sigma
        assert np.abs(pulls).max() < 3.3, "the largest of 50"
        assert 0.75 < pulls.std() < 1.35


def test_without_the_blur_forces_would_be_wrong():
    rows = tracked(1.4, 100.0, 0.01, 20.0, [CONTOUR_NM] * 20)
    physics = TetherPhysics(axis="y", radius_nm=0.0, contour_nm=CONTOUR_NM, temperature_k=KELVIN)
    assert found(rows, 1e-5, physics)["spectrum_pn"].mean() > 1.4 * 1.3
    assert found(rows, 0.01, physics)["spectrum_pn"].mean() == pytest.approx(1.4, rel=0.05)


PHYSICS = TetherPhysics(axis="x", radius_nm=RADIUS_NM, contour_nm=CONTOUR_NM, temperature_k=KELVIN)


def texts_of(rows, exposure_s=0.005, physics=PHYSICS, **options):
    return LiveWarning(int(found(rows, exposure_s, physics, **options)["warnings"][0]))


def test_each_doubt_is_told():
    good = tracked(1.4, 100.0, 0.005, 10.0, [CONTOUR_NM])
    assert texts_of(good, expected_pn=1.4) == 0
    assert texts_of(good) == LiveWarning.OUTSIDE
    assert LiveWarning.FEW_SAMPLES in texts_of(good[:40])
    assert LiveWarning.FEW_SAMPLES in texts_of(tracked(0.05, 100.0, 0.005, 3.0, [CONTOUR_NM]))
    stiff = texts_of(tracked(15.0, 100.0, 0.01, 10.0, [CONTOUR_NM]), exposure_s=0.01)
    assert LiveWarning.TOO_STIFF | LiveWarning.BLURRED in stiff
    assert LiveWarning.STILL in texts_of(tracked(1.4, 100.0, 0.005, 10.0, [0.0]))
    unknown = TetherPhysics(axis="x", radius_nm=RADIUS_NM)
    assert LiveWarning.NO_EXTENSION in texts_of(good, physics=unknown)
    (row,) = found(good, 0.005, unknown)
    assert row["stiffness_pn_per_nm"] > 0
    assert np.isnan(row["spectrum_pn"])
    assert LiveWarning.NO_REFERENCE in texts_of(good, references=[17])


def test_a_bead_that_is_lost_has_no_force_and_gaps_are_told():
    rows = tracked(1.4, 100.0, 0.005, 20.0, [CONTOUR_NM] * 3)
    bead, frame = rows["bead"], rows["frame"] - 1000
    rows["flags"][(bead == 0) & (frame > 1700)] = Flag.EMPTY
    rows = rows[~((bead == 1) & (frame % 20 == 7))]
    lost, gaps, good = found(rows, 0.005, PHYSICS, expected_pn=1.4)
    assert lost["warnings"] == LiveWarning.LOST
    assert np.isnan(lost["spectrum_pn"])
    assert gaps["warnings"] == LiveWarning.GAPS
    assert gaps["spectrum_pn"] == pytest.approx(1.4, rel=0.2)
    assert good["warnings"] == 0
    assert gaps["samples"] == 1900


def test_of_frames_that_were_lost_in_bursts_the_longest_stretch_counts():
    rows = tracked(1.4, 100.0, 0.005, 20.0, [CONTOUR_NM] * 20)
    frame = rows["frame"] - 1000
    rows = rows[~(((frame >= 300) & (frame < 420)) | ((frame >= 1500) & (frame < 1780)))]
    live = found(rows, 0.005, PHYSICS, expected_pn=1.4)
    assert (live["warnings"] == LiveWarning.GAPS).all()
    assert (live["samples"] == 1080).all()
    assert live["window_s"] == pytest.approx(10.79)
    assert live["spectrum_pn"].mean() == pytest.approx(1.4, rel=0.04)


def test_a_bead_that_came_later_counts_from_then_on():
    rows = tracked(1.4, 100.0, 0.005, 20.0, [CONTOUR_NM] * 2)
    rows = rows[(rows["bead"] == 0) | (rows["frame"] - 1000 >= 1000)]
    early, late = found(rows, 0.005, PHYSICS, expected_pn=1.4)
    assert late["warnings"] == 0
    assert early["window_s"] == pytest.approx(2 * late["window_s"], rel=0.01)
    assert late["spectrum_sigma_pn"] > 1.2 * early["spectrum_sigma_pn"]


def test_drift_of_the_references_is_subtracted():
    lengths = [CONTOUR_NM] * 10 + [0.0, 0.0]
    rows = tracked(5.0, 500.0, 0.002, 10.0, lengths)
    swing = 30.0 * np.sin(2 * np.pi * (rows["frame"] - 1000) / 500.0 * 0.3)
    rows["x_px"] += swing / PIXEL_NM
    live = found(rows, 0.002, PHYSICS, references=[10, 11], expected_pn=5.0)
    assert live["bead"].tolist() == list(range(10))
    assert not live["warnings"].any()
    assert live["spectrum_pn"].mean() == pytest.approx(5.0, rel=0.05)
    assert live["allan_pn"].mean() == pytest.approx(5.0, rel=0.05)
    bad = found(rows, 0.002, PHYSICS, expected_pn=5.0)["spectrum_pn"][:10].mean()
    assert abs(bad / 5.0 - 1) > 0.2


def test_a_row_is_read_as_people_see_it():
    rows = found(tracked(1.4, 100.0, 0.005, 10.0, [CONTOUR_NM]), 0.005, PHYSICS)
    shown = live_force(rows[0], int(rows["time_ns"][0]) + 500_000_000)
    assert (shown.bead, shown.samples, shown.age_s) == (0, 1000, 0.5)
    assert shown.warnings == ("the magnet's table does not cover where the magnet stands",)
    assert shown.extension_nm == pytest.approx(880, abs=10)


@pytest.mark.parametrize("rate_before_hz", [100.0, 250.0])
def test_frames_before_a_pause_of_the_camera_or_at_another_rate_do_not_count(rate_before_hz):
    before = tracked(1.4, rate_before_hz, 0.004, 8.0, [CONTOUR_NM])
    after = tracked(1.4, 100.0, 0.004, 10.0, [CONTOUR_NM], seed=6)
    after["frame"] += before["frame"][-1] + 1 - after["frame"][0]  # the camera counts on
    after["time_ns"] += before["time_ns"][-1] + 3_000_000_000 - after["time_ns"][0]
    window = TraceWindow(60.0)
    window.add(np.concatenate([before, after]))
    traces = window.traces([0], "x")
    assert traces.interval_s == pytest.approx(0.01, rel=1e-6)
    assert len(traces.place_px) == len(after)


def test_a_rate_that_changes_while_the_camera_runs_begins_anew():
    rows = tracked(1.4, 100.0, 0.004, 10.0, [CONTOUR_NM])
    steps_ns = np.where(np.arange(len(rows)) <= 400, 10_000_000, 20_000_000)
    rows["time_ns"] = np.cumsum(steps_ns)
    window = TraceWindow(60.0)
    window.add(rows)
    traces = window.traces([0], "x")
    assert traces.interval_s == pytest.approx(0.02, rel=1e-6)
    assert len(traces.place_px) == len(rows) - 400


def test_rows_of_a_camera_that_counts_anew_may_come_in_one_part():
    rows = tracked(1.4, 100.0, 0.004, 2.0, [CONTOUR_NM, CONTOUR_NM])
    again = rows.copy()
    again["frame"] -= 900
    again["time_ns"] += 5_000_000_000
    window = TraceWindow(60.0)
    window.add(np.concatenate([rows, again]))
    assert window.traces([0, 1], "x").place_px.shape == (200, 2)
