"""Traces of beads: the newest rows of each, gaps where one was lost, and no spike left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.app.desktop.trace_curves import curve, in_nm, less_reference
from parfocal.app.desktop.trace_store import TraceStore
from parfocal.tracking.rows import Flag


def rows(*told, flags=0):
    """Rows of (time in ms, bead, x)."""
    made = np.zeros(len(told), TRACK_DTYPE)
    for row, (time_ms, bead, x) in zip(made, told, strict=True):
        row["time_ns"], row["bead"], row["x_px"], row["z_nm"] = time_ms * 1_000_000, bead, x, 10 * x
        row["flags"] = flags
    return made


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(4, 40))
def test_the_store_has_the_newest_rows_of_a_bead_in_their_order(parts, size):
    store, told, time_ms = TraceStore(size), [], 0
    for part in parts:
        new = [(time_ms + number, number % 3, float(time_ms + number)) for number in range(part)]
        time_ms += part
        told += new
        store.add(rows(*new))
    kept = [x for _, bead, x in told[-size:] if bead == 1]
    assert store.trace(1, 0).values["x"].tolist() == kept
    assert store.newest_ns == max(0, time_ms - 1) * 1_000_000


def test_a_bead_that_is_lost_leaves_a_gap_in_what_the_flag_spoils():
    store = TraceStore(16)
    store.add(rows((0, 4, 1.0)))
    store.add(rows((10, 4, 2.0), flags=Flag.OFF_TABLE))
    store.add(rows((20, 4, 3.0), flags=Flag.EMPTY))
    trace = store.trace(4, 0)
    assert np.isnan(trace.values["x"]).tolist() == [False, False, True]
    assert np.isnan(trace.values["z"]).tolist() == [False, True, True]
    assert store.newest[4]["flags"] == Flag.EMPTY


def test_motion_that_both_beads_share_is_gone_and_frames_of_one_alone_are_left_out():
    store = TraceStore(64)
    drift = np.linspace(0.0, 5.0, 10)
    store.add(rows(*((10 * n, 1, 3.0 + drift[n]) for n in range(10))))
    store.add(rows(*((10 * n, 2, 9.0 + drift[n]) for n in range(2, 10))))
    left = in_nm(less_reference(store.trace(1, 0), store.trace(2, 0)), pixel_size_um=0.1)
    assert len(left.times_ns) == 8
    np.testing.assert_allclose(left.values["x"], 0.0, atol=1e-9)
    np.testing.assert_allclose(left.values["z"], -60.0)


def test_a_spike_of_one_row_is_drawn_however_many_rows_there_are():
    times = np.arange(20_000) * 10_000_000
    values = np.zeros(20_000)
    values[12_345] = 7.0
    x, y = curve(times, values, int(times[-1]), 200.0, points=400)
    assert len(x) < 450
    assert np.nanmax(y) == 7.0


def test_where_no_row_came_the_curve_is_broken():
    times = np.concatenate([np.arange(50), np.arange(150, 200)]) * 10_000_000
    for points in (1000, 40):
        x, y = curve(times, np.ones(100), int(times[-1]), 2.0, points)
        assert np.isnan(y).sum() == 1
        assert -1.6 < x[np.isnan(y)][0] < -0.4
    no_time = np.empty(0, np.int64)
    assert len(curve(no_time, np.empty(0), 0, 2.0, 100)[0]) == 0
