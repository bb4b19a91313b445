"""Force-extension curves of the twin during a ramp: points and chains against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.force.extension import ExtensionCurves, ForceOfTime, curve_of, height_column
from parfocal.analysis.force.live_settings import Anchor, TetherPhysics
from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.analysis.force.ramp import ForceRamp
from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.beads import BeadField, Tethers
from parfocal.devices.simulated.forces import KT_PN_NM, magnet_force_pn, tether
from parfocal.tracking.rows import Flag

HEIGHTS = [0.0, 1e6, 2e6, 3e6, 4.5e6, 6e6]
TABLE = MagnetTable(HEIGHTS, [magnet_force_pn(height) for height in HEIGHTS])
PHYSICS = TetherPhysics(temperature_k=KT_PN_NM / 0.01380649, persistence_nm=50.0)
SURFACE_NM, RATE_HZ, LENGTHS_NM = 900.0, 100.0, (960.0, 1040.0)


@pytest.fixture(scope="module")
def pulled():
    """Rows of two beads while the force goes from 0.4 to 10 pN within 20 s, and the magnet's own rows."""
    ramp = ForceRamp(TABLE, 0.4, 10.0, 0.48)
    field, rng = BeadField(Tethers.single(np.array(LENGTHS_NM)), 525.0, seed=4), np.random.default_rng(4)
    frames = round(ramp.duration_s * RATE_HZ)
    rows = np.zeros((frames, len(LENGTHS_NM)), TRACK_DTYPE)
    for frame in range(frames):
        force = magnet_force_pn(ramp.height(frame / RATE_HZ))
        rows["z_nm"][frame] = SURFACE_NM - field.advance(frame, 1 / RATE_HZ, force, 0.005)[:, 2]
    rows["z_nm"] += rng.normal(0, 2.0, rows.shape)
    rows["time_ns"] = 1_000_000_000 + (np.arange(frames) / RATE_HZ * 1e9).astype(np.int64)[:, None]
    rows["bead"] = [3, 4]
    seconds = np.arange(0.0, ramp.duration_s, 0.05)
    told = ForceOfTime(TABLE, 1_000_000_000 + seconds * 1e9, [ramp.height(s) for s in seconds])
    return rows.ravel(), told


def grown(pulled, pieces=9):
    rows, force = pulled
    curves = ExtensionCurves(PHYSICS.z_sign)
    for part in np.array_split(rows, pieces):
        curves.add(part, force)
    return curves


def test_points_lie_on_the_curve_of_the_tether(pulled):
    curves = grown(pulled)
    assert curves.beads == (3, 4)
    for bead, length in zip(curves.beads, LENGTHS_NM, strict=True):
        points = curves.points(bead, Anchor(SURFACE_NM))
        true = [tether(force, length, 525.0).extension_nm for force in points["force_pn"]]
        pulls = (points["extension_nm"] - true) / points["sigma_nm"]
        assert np.abs(pulls).max() < 4
        assert 0.6 < pulls.std() < 1.5
        assert points["force_pn"][0] < 0.5
        assert points["force_pn"][-1] > 9
        assert 1900 < points["samples"].sum() <= 2000


def test_chains_are_those_of_the_tethers_within_their_errors(pulled):
    curves = grown(pulled)
    for bead, length in zip(curves.beads, LENGTHS_NM, strict=True):
        chain = curve_of(curves.points(bead, Anchor(SURFACE_NM)), PHYSICS, anchored=True)
        assert chain.reason == ""
        assert abs(chain.contour_nm - length) < 3 * chain.contour_sigma_nm < 25
        assert abs(chain.persistence_nm - 50) < 3 * chain.persistence_sigma_nm < 20
        assert chain.offset_nm == 0
        free = curve_of(curves.points(bead), PHYSICS, anchored=False)
        assert abs(free.contour_nm - length) < 3 * free.contour_sigma_nm < 90
        assert abs(free.offset_nm - SURFACE_NM) < 3 * free.offset_sigma_nm
        assert (free.persistence_nm, free.persistence_sigma_nm) == (50.0, 0.0)


def test_a_curve_is_the_same_in_however_many_pieces_it_comes(pulled):
    once, often = grown(pulled, 1).points(4), grown(pulled, 80).points(4)
    for name in once.dtype.names:
        assert once[name] == pytest.approx(often[name], rel=1e-9)


def test_a_bead_that_is_stuck_has_no_chain(pulled):
    rows, force = pulled
    stuck = rows.copy()
    stuck["z_nm"] = np.random.default_rng(1).normal(0, 2.0, len(rows))
    curves = ExtensionCurves(PHYSICS.z_sign)
    curves.add(stuck, force)
    assert curve_of(curves.points(3), PHYSICS, anchored=False).reason.endswith("is it stuck?")


def test_only_points_that_have_grown_are_told_again(pulled):
    rows, force = pulled
    curves = ExtensionCurves(PHYSICS.z_sign)
    told = []
    for part in np.array_split(rows, 20):
        curves.add(part, force)
        told.append(curves.grown(3))
    assert max(map(len, told)) < 10
    values = ["force_pn", "extension_nm", "sigma_nm", "samples"]
    assert set(curves.points(3)[values].tolist()) <= set(np.concatenate(told)[values].tolist())
    assert len(curves.grown(3)) == 0


def test_what_says_nothing_does_not_count(pulled):
    rows, force = pulled
    spoilt = rows.copy()
    spoilt["flags"][::2] = Flag.OFF_TABLE
    spoilt["z_nm"][1::4] = np.nan
    curves = ExtensionCurves(PHYSICS.z_sign)
    curves.add(spoilt, force)
    kept = sum(curves.points(bead)["samples"].sum() for bead in curves.beads)
    assert 0.2 * len(rows) < kept < 0.25 * len(rows)
    assert curve_of(curves.points(99), PHYSICS, anchored=True).reason.startswith("a chain needs at least 4")
    stands = ExtensionCurves(PHYSICS.z_sign)
    stands.add(rows, ForceOfTime(TABLE, [], []))
    stands.add(rows, ForceOfTime(TABLE, [0], [9e6]))
    assert stands.beads == ()


def test_the_height_of_the_magnet_is_found_among_its_columns():
    stage = np.dtype([("time_ns", "i8"), ("z_nm", "f8"), ("rotation_turn", "f8")])
    assert height_column(stage, "") == height_column(stage, "z") == "z_nm"
    with pytest.raises(BadInputError, match="which of z_nm, rotation_turn"):
        height_column(stage, "x")
