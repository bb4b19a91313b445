"""The drift of references that are lost, come back and are replaced: it makes no step."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.tracking.running_drift import JOINS_AFTER, DriftState, RunningDrift

NOISE_NM = 0.5
RATE_HZ = 100.0
FRAMES = 220


def motion(frames: int, nm_per_s: float, wave_nm: float) -> np.ndarray:
    """Return what is true, (frames, 3): a steady drift and slow waves."""
    t = np.arange(frames) / RATE_HZ
    waves = np.stack([np.sin(t), np.cos(1.3 * t), np.sin(0.7 * t + 1)], axis=1)
    return nm_per_s * t[:, None] * [1, -0.5, 2] + wave_nm * waves


def field(there: np.ndarray, true: np.ndarray, seed: int, noise_nm: float = NOISE_NM) -> np.ndarray:
    """Return positions (frames, beads, 3); NaN where a bead is not `there` (frames, beads)."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-5e4, 5e4, (1, there.shape[1], 3))
    seen = places + true[:, None] + noise_nm * rng.standard_normal((*there.shape, 3))
    return np.where(there[:, :, None], seen, np.nan)


def drifts(positions: np.ndarray, drift: RunningDrift | None = None) -> np.ndarray:
    drift = drift or RunningDrift(range(positions.shape[1]))
    return np.stack([drift.add(k / RATE_HZ, frame).nm for k, frame in enumerate(positions)])


def off(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return how far what was found is from what is true, which begins elsewhere; (known frames, 3)."""
    apart = (found - true)[np.isfinite(found).all(axis=1)]
    return apart - apart[: 2 * JOINS_AFTER].mean(axis=0)


spans = st.lists(st.tuples(st.integers(0, FRAMES), st.integers(0, 90)), max_size=4)


@settings(max_examples=25, deadline=None)
@given(
    lost=st.lists(spans, min_size=2, max_size=4),
    nm_per_s=st.floats(-50, 50),
    wave_nm=st.floats(0, 20),
    seed=st.integers(0, 2**16),
)
def test_references_that_are_lost_and_come_back_make_no_step(lost, nm_per_s, wave_nm, seed) -> None:
    there = np.ones((FRAMES, len(lost) + 1), bool)
    for bead, its in enumerate(lost):
        for begin, length in its:
            there[begin : begin + length, bead] = False
    there[:, -1] = True  # one that is tracked all the time; the others come and go
    true = motion(FRAMES, nm_per_s, wave_nm)
    found = drifts(field(there, true, seed))
    assert np.isfinite(found[JOINS_AFTER:]).all(), "one reference is enough"
    assert np.abs(off(found, true)).max() < 7 * NOISE_NM


@settings(max_examples=25, deadline=None)
@given(
    overlap=st.integers(JOINS_AFTER, 60),
    changes=st.integers(1, 3),
    nm_per_s=st.floats(-50, 50),
    seed=st.integers(0, 2**16),
)
def test_a_chain_of_references_each_of_which_replaces_another(overlap, changes, nm_per_s, seed) -> None:
    frames = 80 * (changes + 1)
    there = np.zeros((frames, changes + 1), bool)
    for bead in range(changes + 1):
        there[max(0, 80 * bead - overlap) : 80 * (bead + 1), bead] = True
    true = motion(frames, nm_per_s, 5.0)
    found = drifts(field(there, true, seed))
    assert np.isfinite(found[JOINS_AFTER:]).all()
    assert np.abs(off(found, true)).max() < 7 * NOISE_NM


@settings(max_examples=25, deadline=None)
@given(gap=st.integers(0, JOINS_AFTER - 1), nm_per_s=st.floats(-50, 50), seed=st.integers(0, 2**16))
def test_one_that_takes_the_place_of_another_without_a_frame_of_both(gap, nm_per_s, seed) -> None:
    there = np.zeros((200, 2), bool)
    there[:100, 0] = there[100 + gap :, 1] = True
    true = motion(200, nm_per_s, 0.0)
    found = drifts(field(there, true, seed))
    assert np.isnan(found[100 : 100 + gap + JOINS_AFTER - 1]).all(), "nobody knows the drift here"
    assert np.isfinite(found[100 + gap + JOINS_AFTER :]).all()
    assert np.abs(off(found, true)).max() < 10 * NOISE_NM


def test_the_same_reference_tells_the_drift_of_a_gap_when_it_is_back() -> None:
    there = np.ones((400, 1), bool)
    there[100:300] = False
    true = motion(400, 40.0, 0.0)
    found = drifts(field(there, true, 1))
    assert np.isnan(found[100:300]).all()
    assert np.abs(off(found, true)).max() < 6 * NOISE_NM


@settings(max_examples=15, deadline=None)
@given(away_nm=st.floats(20, 1e4), beads=st.integers(3, 6), seed=st.integers(0, 2**16))
def test_a_reference_that_comes_loose_is_left_out(away_nm, beads, seed) -> None:
    true = motion(FRAMES, 5.0, 0.0)
    positions = field(np.ones((FRAMES, beads), bool), true, seed)
    positions[150:, 0] += away_nm
    drift = RunningDrift(range(beads))
    rows = [drift.add(k / RATE_HZ, frame) for k, frame in enumerate(positions)]
    assert np.abs(off(np.stack([row.nm for row in rows]), true)).max() < 6 * NOISE_NM
    assert (rows[160].lost, rows[160].used) == ((0,), beads - 1)
    assert rows[-1].lost == (), "it is taken in again where it stays"


def test_a_knock_at_the_table_is_drift() -> None:
    true = motion(FRAMES, 0.0, 0.0)
    true[150:] += [300.0, -100.0, 50.0]
    for beads in (1, 2, 5):
        found = drifts(field(np.ones((FRAMES, beads), bool), true, 2))
        assert np.abs(off(found, true)).max() < 6 * NOISE_NM, beads


def test_other_references_are_chosen_without_a_step_or_a_gap() -> None:
    true = motion(FRAMES, 50.0, 10.0)
    positions = field(np.ones((FRAMES, 4), bool), true, 3)
    drift, found = RunningDrift([0, 1]), []
    for k, frame in enumerate(positions):
        if k == 150:
            drift.choose([3, 2])
        found.append(drift.add(k / RATE_HZ, frame[list(drift.members)]).nm)
    assert drift.members == drift.chosen == (3, 2)
    assert np.isfinite(np.stack(found)[JOINS_AFTER:]).all()
    assert np.abs(off(np.stack(found), true)).max() < 6 * NOISE_NM


def test_it_goes_on_from_its_state_and_by_new_numbers() -> None:
    true = motion(FRAMES, 50.0, 10.0)
    positions = field(np.ones((FRAMES, 3), bool), true, 4)
    drift = RunningDrift([5, 6, 7])
    found = [drift.add(k / RATE_HZ, frame).nm for k, frame in enumerate(positions[:150])]
    kept = msgspec.json.decode(msgspec.json.encode(drift.state()), type=DriftState)
    other = RunningDrift(state=kept)
    other.renumber({5: 0, 7: 2})
    assert other.chosen == other.members == (0, 2)
    found += [other.add((k + 150) / RATE_HZ, frame[[0, 2]]).nm for k, frame in enumerate(positions[150:])]
    assert np.abs(off(np.stack(found), true)).max() < 6 * NOISE_NM


def test_heights_may_be_missing_where_places_are_not() -> None:
    true = motion(FRAMES, 5.0, 0.0)
    positions = field(np.ones((FRAMES, 2), bool), true, 5)
    positions[:, :, 2] = np.nan
    drift = RunningDrift([0, 1])
    row = [drift.add(k / RATE_HZ, frame) for k, frame in enumerate(positions)][-1]
    assert np.isfinite(row.nm).tolist() == [True, True, False]
    assert row.used == 2


def test_what_cannot_be_chosen_is_refused_and_nothing_is_changed() -> None:
    drift = RunningDrift([1])
    with pytest.raises(BadInputError, match=r"\[3, 3\] name a bead twice"):
        drift.choose([3, 3])
    assert drift.chosen == (1,)
    drift.choose([])
    assert drift.members == ()
    row = drift.add(0.0, np.empty((0, 3)))
    assert np.isnan(row.nm).all()
    assert row.used == 0
