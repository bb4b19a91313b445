"""Verdicts on beads against what simulated ones are, by their motion alone: no images, no processes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.analysis.beads.drift import DRIFT_DTYPE
from parfocal.analysis.beads.motion import MOTION_DTYPE, motion_of, motion_sums
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.beads.tether_motion import expected_motion
from parfocal.analysis.beads.verdict_feed import VerdictFeed
from parfocal.analysis.beads.verdicts import VERDICTS, ExpectedMotion, common_motion, in_words, judge
from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.beads import BeadField, tethers_of
from parfocal.devices.simulated.forces import KT_PN_NM, tether
from parfocal.devices.simulated.settings import SimulatedCameraSettings
from parfocal.testing.clock import JumpClock
from parfocal.tracking.rows import Flag

RATE_HZ, EXPOSURE_S, PIXEL_NM, RADIUS_NM = 100.0, 0.005, 100.0, 525.0
NOISE_NM = np.array([0.5, 0.5, 1.5])
MIXED = {"stuck": 0.2, "double": 0.2, "lost": 0.1}


class Simulated:
    """Rows of a field of beads, as a tracker would publish them; the sample drifts."""

    def __init__(self, seed, force_pn=5.0, beads=60, **kinds):
        settings = SimulatedCameraSettings(beads=beads, seed=seed, **(MIXED | {"lost_after_s": 0.0} | kinds))
        tethers = tethers_of(settings, np.random.default_rng([seed, 1]))
        self.kinds, self.force_pn, self.frame = tethers.kinds(), force_pn, 0
        self.field, self.rng = BeadField(tethers, RADIUS_NM, seed), np.random.default_rng([seed, 2])
        self.homes_nm = np.append(self.rng.uniform(0, 1e5, (beads, 2)), np.zeros((beads, 1)), axis=1)
        self.knocked_nm = np.zeros(3)

    def rows(self, frames):
        parts = []
        for _ in range(frames):
            moved = self.field.advance(self.frame, 1 / RATE_HZ, self.force_pn, EXPOSURE_S)
            drift = np.array([3.0, -2.0, 1.0]) * self.frame / RATE_HZ + self.knocked_nm
            place = self.homes_nm + moved + drift + NOISE_NM * self.rng.standard_normal(moved.shape)
            rows = np.zeros(len(moved), TRACK_DTYPE)
            rows["bead"], rows["frame"] = np.arange(len(moved)), self.frame
            rows["time_ns"] = 10**15 + round(self.frame / RATE_HZ * 1e9)
            rows["x_px"], rows["y_px"], rows["z_nm"] = *place[:, :2].T / PIXEL_NM, place[:, 2]
            rows["sigma_x_px"] = rows["sigma_y_px"] = NOISE_NM[0] / PIXEL_NM
            rows["sigma_z_nm"] = NOISE_NM[2]
            rows["flags"] = np.where(np.isnan(place[:, 0]), Flag.EMPTY | Flag.NOT_CONVERGED, 0)
            parts.append(rows)
            self.frame += 1
        return np.concatenate(parts)


def sums_of(rows):
    places = np.stack([rows["x_px"] * PIXEL_NM, rows["y_px"] * PIXEL_NM, rows["z_nm"]], axis=1)
    return motion_sums(rows, places, PIXEL_NM, 10**15)


def verdicts_of(simulated, seconds=10, expected=None):
    blocks = [sums_of(simulated.rows(round(RATE_HZ))) for _ in range(seconds)]
    return words_of(motion_of(blocks), expected)


def words_of(motion, expected=None):
    expected = expected or common_motion(motion)
    return [in_words(*each, expected, "") for each in zip(motion, judge(motion, expected), strict=True)]


@pytest.mark.parametrize("force_pn", [pytest.param(1.0, marks=pytest.mark.slow), 5.0])
def test_at_least_95_of_100_beads_of_each_kind_are_told(force_pn):
    counts = Counter()
    for seed in (2026, 2027, 2028):  # the limits come from physics, and were looked at with seeds below 10
        field = Simulated(seed, force_pn)
        counts.update(zip(field.kinds, (each.verdict for each in verdicts_of(field)), strict=True))
    for kind in ("good", "stuck", "double tether", "lost"):
        of_kind = sum(count for (true, _), count in counts.items() if true == kind)
        assert counts[kind, kind] >= 0.95 * of_kind, f"confusion: {counts}"


def test_by_theory_most_beads_may_hang_on_two_tethers():
    field = Simulated(2029, 5.0, double=0.8, stuck=0.1, lost=0.0)
    expected = expected_motion(5.0, 1000.0, RADIUS_NM, exposure_ms=EXPOSURE_S * 1e3)
    told = Counter(zip(field.kinds, (v.verdict for v in verdicts_of(field, expected=expected)), strict=True))
    assert sum(count for (true, verdict), count in told.items() if true == verdict) >= 57, told


@pytest.mark.parametrize("force_pn", [0.5, 5.0])
def test_theory_expects_what_simulated_tethers_do(force_pn):
    chain = tether(force_pn, 1000.0, RADIUS_NM)
    flash = expected_motion(force_pn, 1000.0, RADIUS_NM)
    assert flash.xx == pytest.approx(KT_PN_NM / chain.stiffness_x, rel=0.01)
    assert flash.yy == pytest.approx(KT_PN_NM / chain.stiffness_y, rel=0.01)
    assert expected_motion(force_pn, 1000.0, RADIUS_NM, field_along="x").xx == flash.yy
    assert expected_motion(force_pn, 1000.0, RADIUS_NM, exposure_ms=5.0).xx < flash.xx
    with pytest.raises(BadInputError, match="force_pn"):
        expected_motion(-1.0, 1000.0, RADIUS_NM)


def test_reasons_tell_the_figures():
    field = Simulated(3, stuck=0.25, double=0.25, lost=0.25, beads=24)
    told = {verdict.verdict: verdict for verdict in verdicts_of(field)}
    assert told["lost"].reasons == ("no bead was found in 100% of 1000 rows",)
    assert told["stuck"].reasons[0] == "no tether holds a bead to less than 3 nm"
    assert told["stuck"].rms_nm[0] < 1.0
    assert "deg (from x to y) it has 0." in told["double tether"].reasons[0]
    assert "of the variance of the median of" in told["double tether"].reasons[0]
    assert told["double tether"].part < 0.75 < told["good"].part
    assert "nm RMS across the force" in told["good"].reasons[1]


def test_beads_that_never_move_and_those_of_one_moment_raise_no_warning():
    rows = np.zeros(300, TRACK_DTYPE)
    rows["bead"], rows["x_px"] = np.arange(300) % 2, 5.0
    assert [each.verdict for each in words_of(motion_of([sums_of(rows[:2])]))] == ["not judged"] * 2
    assert {each.verdict for each in words_of(motion_of([sums_of(rows)]))} <= {"not judged", "stuck"}
    rows["time_ns"] = 10**15 + 10**7 * (np.arange(300) // 2)
    assert [each.verdict for each in words_of(motion_of([sums_of(rows)]))] == ["stuck"] * 2


def test_beads_that_all_move_along_one_line_are_compared():
    motion = np.zeros(5, MOTION_DTYPE)
    motion["bead"], motion["rows"] = np.arange(5), 1000
    motion["placed"] = motion["independent"] = 1000
    motion["xx"], motion["yy"] = [100, 110, 90, 500, 100], [100, 90, 110, 100, 500]
    motion["xy"] = [99.9, 99.0, 99.0, 220.0, 220.0]
    parts = [each.part for each in words_of(motion)]
    assert np.isfinite(parts).all()


def test_beads_without_motion_along_one_axis_are_no_measure():
    """What the tracker states as its own noise may be more than all there is along x."""
    motion = np.zeros(4, MOTION_DTYPE)
    motion["bead"], motion["rows"], motion["placed"], motion["independent"] = range(4), 2000, 2000, 1500
    motion["xx"], motion["yy"] = -0.5, 100.0
    assert common_motion(motion) is None
    for each in words_of(motion):
        assert (each.verdict, each.part) == ("good", None)
        assert "nothing to compare it with" in each.reasons[0]


@pytest.mark.parametrize("force_pn", [1e9, 5e3])
def test_a_tether_that_would_hold_a_bead_still_is_refused(force_pn):
    with pytest.raises(BadInputError, match=r"a tether of 1000 nm at .* stuck"):
        expected_motion(force_pn, 1000.0, 525.0)


def test_one_bead_alone_is_not_called_a_double_tether():
    alone = Simulated(4, beads=1, stuck=0.0, double=1.0, lost=0.0)
    (verdict,) = verdicts_of(alone)
    assert (verdict.verdict, verdict.part) == ("good", None)
    assert verdict.reasons[0].startswith("nothing to compare it with")
    (verdict,) = words_of(motion_of([sums_of(alone.rows(50))]))
    assert (verdict.verdict, verdict.reasons) == ("not judged", ("50 rows tell where it is: 100 are needed",))


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, 199), max_size=5), seed=st.integers(0, 1000))
def test_sums_of_parts_are_those_of_the_whole_and_those_of_numpy(cuts, seed):
    rng = np.random.default_rng(seed)
    rows = np.zeros(200, TRACK_DTYPE)
    rows["time_ns"], rows["bead"] = 10**15 + np.arange(200) * 10**7, 5
    rows["x_px"], rows["y_px"] = 900 + rng.normal(0, 0.2, 200), 40 + 0.01 * np.arange(200)
    rows["z_nm"] = rng.normal(0, 5, 200)
    (whole,) = motion_of([sums_of(rows)])
    (parts,) = motion_of([sums_of(part) for part in np.split(rows, sorted(cuts))])
    x = rows["x_px"] * PIXEL_NM
    about = x - np.polyval(np.polyfit(np.arange(200), x, 1), np.arange(200))
    assert whole["xx"] == pytest.approx((about**2).sum() / 198, rel=1e-6)
    assert whole["yy"] == pytest.approx(0.0, abs=1e-4), "an even drift is no motion"
    for name in ("xx", "yy", "xy", "zz"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-6, abs=1e-4)
    assert 120 < whole["independent"] <= 200


@given(
    angle=st.floats(0, np.pi),
    greater=st.floats(1, 9),
    expected_angle=st.floats(0, 3),
    ratio=st.floats(0.2, 5),
)
def test_parts_of_what_is_expected_are_those_of_linear_algebra(angle, greater, expected_angle, ratio):
    def turned(a, variances):
        axes = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        return axes @ np.diag(variances) @ axes.T

    seen, single = turned(angle, [100 * greater, 100.0]), turned(expected_angle, [150.0, 150.0 * ratio])
    motion = np.zeros(1, MOTION_DTYPE)
    motion["rows"] = motion["placed"] = motion["independent"] = 1000
    motion["xx"], motion["yy"], motion["xy"] = seen[0, 0], seen[1, 1], seen[0, 1]
    (judged,) = judge(motion, ExpectedMotion(single[0, 0], single[1, 1], single[0, 1], "theory"))
    parts = np.sort(np.linalg.eigvals(np.linalg.solve(single, seen)).real)
    assert [judged["part"], judged["most_part"]] == pytest.approx(parts.tolist())
    towards = np.array([np.cos(np.radians(judged["towards_deg"])), np.sin(np.radians(judged["towards_deg"]))])
    assert (towards @ seen @ towards) / (towards @ single @ towards) == pytest.approx(parts[0], rel=1e-6)


def feed_of(drift=lambda: np.zeros(0, DRIFT_DTYPE)):
    return VerdictFeed(JumpClock(monotonic_ns=10**15), PIXEL_NM, 5.0, drift)


def test_a_verdict_tells_since_when_and_changes_when_the_bead_does():
    field, feed = Simulated(5, beads=20, lost=0.2, lost_after_s=12.0), feed_of()
    assert feed.verdicts([3])[0].reasons == ("no frame of it was tracked yet",)
    seen = []
    for _ in range(80):
        feed.add(field.rows(25))
        seen.append(feed.verdicts(range(20)))
    lost = field.kinds.index("lost")
    first, last = seen[30][lost], seen[-1][lost]
    assert (first.verdict, last.verdict) == ("good", "lost")
    assert first.since_utc < last.since_utc
    still = field.kinds.index("stuck")
    assert seen[30][still].since_utc == seen[-1][still].since_utc
    feed.renumber({lost: 0, still: 7})
    assert [each.verdict for each in feed.verdicts([0, 7, 9])] == ["lost", "stuck", "not judged"]
    assert [each.bead for each in feed.verdicts([0, 7, 9])] == [0, 7, 9]


def test_a_bead_that_was_judged_stays_so_near_the_limit():
    motion = np.zeros(3, MOTION_DTYPE)
    motion["bead"], motion["rows"], motion["placed"] = np.arange(3), 250, 250
    motion["xx"] = motion["yy"] = [400.0, 400.0, 160.0]
    motion["independent"] = [71.0, 99.0, 99.0]
    expected = ExpectedMotion(400.0, 400.0, 0.0, "theory")
    assert [each.verdict for each in words_of(motion, expected)] == ["not judged"] * 3
    verdicts = [VERDICTS[place] for place in judge(motion, expected, before=[0, 2])["verdict"]]
    assert verdicts == ["good", "not judged", "double tether"]
    assert common_motion(motion) is None, "by beads that are not judged none is"
    assert common_motion(motion, before=[0, 1, 2]) is not None
    motion["independent"] = 69.0
    assert set(judge(motion, expected, before=[0, 1, 2])["verdict"]) == {VERDICTS.index("not judged")}


def test_slow_beads_are_not_judged_and_unjudged_by_turns():
    field, feed, told = Simulated(8, force_pn=0.4, beads=20, lost=0.0, stuck=0.0), feed_of(), []
    for _ in range(60):
        feed.add(field.rows(25))
        told.append([each.verdict != "not judged" for each in feed.verdicts(range(20))])
    turns = np.abs(np.diff(np.array(told).astype(int), axis=0)).sum(axis=0)
    assert max(turns) == 1, f"of 5 s, about 100 rows of each are independent: {turns}"


def test_a_knock_at_the_table_is_no_motion_where_the_drift_is_known():
    field = Simulated(6, beads=20, lost=0.0)
    newest = np.zeros(0, DRIFT_DTYPE)
    blind, informed = feed_of(), feed_of(lambda: newest)
    for k in range(20):
        field.knocked_nm = np.array([0.0, 0.0, 0.0]) if k < 14 else np.array([400.0, 0.0, 0.0])
        begin = field.frame
        rows = field.rows(25)
        newest = np.zeros(25, DRIFT_DTYPE)
        newest["frame"] = np.arange(begin, begin + 25)
        for axis, speed in zip("xyz", (3.0, -2.0, 1.0), strict=True):
            newest[f"{axis}_nm"] = speed * newest["frame"] / RATE_HZ
        newest["x_nm"] += field.knocked_nm[0]
        blind.add(rows)
        informed.add(rows)
    verdicts = [each.verdict for each in informed.verdicts(range(20))]
    assert sum(told == true for told, true in zip(verdicts, field.kinds, strict=True)) >= 19
    assert "stuck" not in [each.verdict for each in blind.verdicts(range(20))]


@pytest.mark.parametrize("tracked", [True, False])
def test_references_that_move_by_themselves_or_are_not_tracked_spoil_no_verdict(tracked):
    field = Simulated(7, beads=20, lost=0.0, double=0.0)
    newest, mobile = np.zeros(0, DRIFT_DTYPE), field.kinds.index("good")
    feed = feed_of(lambda: newest)
    for _ in range(20):
        rows = field.rows(25)
        reference = rows[rows["bead"] == mobile]
        newest = np.zeros(25, DRIFT_DTYPE)
        newest["frame"] = reference["frame"]
        for axis in "xy":
            newest[f"{axis}_nm"] = (reference[f"{axis}_px"] * PIXEL_NM) if tracked else np.nan
        newest["z_nm"] = np.nan
        feed.add(rows)
    verdicts = [each.verdict for each in feed.verdicts(range(20))]
    assert sum(told == true for told, true in zip(verdicts, field.kinds, strict=True)) >= 19
