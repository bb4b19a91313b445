"""The tracker as a rig runs it: coordinator and workers in processes of their own."""

import os
import signal

import numpy as np
import pytest
import tifffile

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.core.clock import poll_until
from parfocal.core.errors import CancelledError, CommandError, DeadlineError
from parfocal.streams import open_stream


def balances(counts):
    return counts["produced"] == counts["tracked"] + sum(counts["dropped"].values()) + counts["in_flight"]


def rows_of(reader, frames):
    """Read rows until the last of `frames` frames is complete."""
    rows = np.zeros(0, TRACK_DTYPE)
    while len(np.unique(rows["frame"])) < frames:
        rows = np.concatenate([rows, reader.read(timeout_s=60)])
    return rows


def find_all(bench):
    bench.client("camera").call("snap", timeout_s=30)
    return bench.client("tracker").call("find_beads", timeout_s=30)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_every_frame_is_tracked_once_and_in_order(rig, workers):
    bench = rig(workers=workers)
    camera, tracker = bench.client("camera"), bench.client("tracker")
    found = find_all(bench)
    assert len(found["rois"]) == 4
    candidates = tracker.call("find_candidates", timeout_s=30)
    for roi in found["rois"]:
        assert min(np.hypot(x - roi["x_px"], y - roi["y_px"]) for x, y, _ in candidates) < 1
    tracker.call("drain", timeout_s=30)
    with (
        open_stream(bench.streams, "tracks").lossless() as reader,
        open_stream(bench.streams, "truth").lossless() as truth,
    ):
        camera.call("start", 60, timeout_s=30)
        rows = rows_of(reader, 60)
        true = np.concatenate([truth.read(timeout_s=30)])
        while len(true) < 240:
            true = np.concatenate([true, truth.read(timeout_s=30)])
    assert list(rows["frame"]) == list(np.repeat(np.arange(1, 61), 4))
    assert list(rows["bead"][:4]) == [0, 1, 2, 3]
    assert (np.diff(rows["written_ns"]) >= 0).all()
    assert (rows["written_ns"] > rows["time_ns"]).all()
    assert set(rows["roi_version"]) == {1}
    assert np.isnan(rows["z_nm"]).all()
    for row in rows:
        here = true[true["frame"] == row["frame"]]
        distance = np.hypot(here["x_px"] - row["x_px"], here["y_px"] - row["y_px"])
        assert distance.min() < 0.2
    counts = tracker.call("drain", timeout_s=30)
    assert counts == {"produced": 61, "tracked": 61, "dropped": {}, "in_flight": 0}


def test_tables_from_a_sweep_give_heights(rig):
    bench = rig(camera={"stuck": 1.0, "beads": 1})
    camera, tracker, focus = bench.client("camera"), bench.client("tracker"), bench.client("focus")
    camera.call("start", timeout_s=30)
    (bead,) = tracker.call("find_beads", timeout_s=30)["rois"]
    empty = [40.0 if bead[axis] > 160 else 280.0 for axis in ("x_px", "y_px")]
    tracker.call("add_roi", *empty, timeout_s=30)
    call = tracker.submit("build_tables", z_min_nm=-600.0, z_max_nm=600.0, frames_per_plane=3, timeout_s=60)
    quality = call.result()
    assert (quality["beads"], quality["without"]) == ([0], [1])
    assert call.progress.fraction == 1.0
    assert focus.call("position") == 0.0
    focus.call("move_to", 250.0, timeout_s=30)
    camera.call("stop", timeout_s=30)
    tracker.call("drain", timeout_s=30)
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("snap", 5, timeout_s=30)
        rows = rows_of(reader, 5)
    seen, nothing = rows[rows["bead"] == 0], rows[rows["bead"] == 1]
    assert seen["z_nm"] == pytest.approx(np.full(5, 250.0), abs=30.0)
    assert not seen["flags"].any()
    assert np.isnan(nothing["z_nm"]).all(), "a region that shows no bead takes no table from the others"
    assert nothing["flags"].all()


@pytest.mark.slow
def test_a_cancelled_sweep_goes_back_and_changes_nothing(rig):
    bench = rig(camera={"stuck": 1.0})
    camera, tracker, focus = bench.client("camera"), bench.client("tracker"), bench.client("focus")
    camera.call("start", timeout_s=30)
    tracker.call("find_beads", timeout_s=30)
    call = tracker.submit("build_tables", z_min_nm=-600.0, z_max_nm=600.0, step_nm=1.0)
    while call.progress is None:
        tracker.ping(30)
    with pytest.raises(CommandError, match="z tables are being made"):
        tracker.call("clear_rois", timeout_s=30)
    call.cancel("tea")
    with pytest.raises(CancelledError, match="tea"):
        call.result(30)
    assert focus.call("position", timeout_s=30) == 0.0
    tracker.call("clear_rois", timeout_s=30)
    for wrong, why in (
        ({"z_min_nm": 5.0, "z_max_nm": 5.0}, "z_min"),
        ({"z_min_nm": -30_000.0, "step_nm": 1000.0}, "limits of .focus. are -10000"),
    ):
        tracker.call("add_roi", 100.0, 100.0, timeout_s=30)
        with pytest.raises(CommandError, match=why):
            tracker.call("build_tables", timeout_s=30, **wrong)


def test_one_bad_region_harms_only_itself(rig):
    bench = rig(camera={"beads": 1})
    camera, tracker = bench.client("camera"), bench.client("tracker")
    find_all(bench)
    bead = tracker.call("list_rois")["rois"][0]
    empty = 40.0 if bead["x_px"] > 160 else 280.0
    tracker.call("add_roi", empty, 96.0)
    tracker.call("drain", timeout_s=30)
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("snap", 3, timeout_s=30)
        rows = rows_of(reader, 3)
    good, bad = rows[rows["bead"] == 0], rows[rows["bead"] == 1]
    assert len(good) == len(bad) == 3
    assert bad["flags"].any()
    assert not good["flags"].any()
    assert np.isfinite(good["x_px"]).all()


@pytest.mark.slow
def test_a_killed_worker_is_counted_and_the_others_go_on(rig):
    bench = rig(workers=2)
    camera, tracker = bench.client("camera"), bench.client("tracker")
    find_all(bench)
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("start", timeout_s=30)
        rows_of(reader, 20)
        os.kill(bench.status().services["tracker-1"].pid, signal.SIGKILL)
        last = 0
        while not (
            bench.status().services["tracker-1"].restarts
            and last % 2
            and bench.status().services["tracker-1"].state == "ready"
        ):
            last = int(reader.read(timeout_s=60)["frame"][-1])
        rows = rows_of(reader, 40)
        camera.call("stop", timeout_s=30)
        counts = tracker.call("drain", timeout_s=60)
    assert (np.diff(rows["frame"].astype(int)) >= 0).all()
    assert balances(counts)
    assert counts["in_flight"] == 0
    assert set(counts["dropped"]) <= {"worker died", "overrun"}
    assert counts["produced"] == open_stream(bench.streams, "camera").status().produced


@pytest.mark.slow
def test_a_killed_front_goes_on_with_an_exact_ledger(rig):
    bench = rig(workers=2)
    camera, tracker = bench.client("camera"), bench.client("tracker")
    find_all(bench)
    camera.call("start", timeout_s=30)
    with open_stream(bench.streams, "tracks").lossless(follow=True) as reader:
        rows_of(reader, 20)
        os.kill(bench.status().services["tracker"].pid, signal.SIGKILL)
        before = rows_of(reader, 1)["frame"][-1]
        after = rows_of(reader, 100)["frame"]
        camera.call("stop", timeout_s=30)
        counts = tracker.call("drain", timeout_s=60)
    assert (np.diff(after.astype(int)) >= 0).all()
    assert after[-1] > before
    assert balances(counts)
    assert counts["produced"] == open_stream(bench.streams, "camera").status().produced
    assert len(tracker.call("list_rois")["rois"]) == 4


@pytest.mark.slow
def test_a_camera_that_is_restarted_goes_on(rig):
    bench = rig(workers=2)
    camera, tracker = bench.client("camera"), bench.client("tracker")
    find_all(bench)
    tracker.call("drain", timeout_s=30)
    bench.restart("camera")
    camera.call("snap", 9, timeout_s=30)
    counts = tracker.call("drain", timeout_s=30)
    assert counts["produced"] == counts["tracked"] + counts["dropped"].get("stream restarted", 0) == 10
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("snap", 9, timeout_s=30)
        assert list(rows_of(reader, 9)["frame"][::4]) == list(range(10, 19))
    assert tracker.call("drain", timeout_s=30)["tracked"] == counts["tracked"] + 9


def movie(tmp_path, frames=100):
    """A movie of one bead, tiled: small, and fast to replay."""
    rng = np.random.default_rng(1)
    tifffile.imwrite(
        tmp_path / "m.tif", rng.poisson(500, (frames, 64, 64)).astype(np.uint16), photometric="minisblack"
    )
    return {"device": "replay", "options": {"path": str(tmp_path / "m.tif"), "rate": "fastest"}, "truth": ""}


def test_a_movie_is_tracked_as_fast_as_it_goes_and_whole(rig, tmp_path):
    bench = rig(workers=2, worker={"policy": "block"}, **movie(tmp_path, 500))
    camera, tracker = bench.client("camera"), bench.client("tracker")
    tracker.call("add_roi", 32.0, 32.0)
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("start", timeout_s=30)
        rows = rows_of(reader, 500)
    assert list(rows["frame"]) == list(range(500))
    assert tracker.call("drain", timeout_s=30) == {
        "produced": 500,
        "tracked": 500,
        "dropped": {},
        "in_flight": 0,
    }


@pytest.mark.slow
def test_a_reader_that_blocks_holds_everything_up_and_nobody_dies_of_it(rig, tmp_path):
    options = {"worker": {"policy": "block", "slots": 1024}, "tracker": {"slots": 1024}}
    bench = rig(workers=2, **options, **movie(tmp_path, 6000))
    camera, tracker = bench.client("camera"), bench.client("tracker")
    tracker.call("add_roi", 32.0, 32.0)
    frames = open_stream(bench.streams, "camera")
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("start", timeout_s=30)
        full = 1100  # more frames than there is room for rows: some are tracked by nobody
        assert poll_until(lambda: frames.status().produced > full, 60.0)
        before = -1
        while frames.status().produced > before:  # until nothing moves any more
            before = frames.status().produced
            with pytest.raises(DeadlineError):
                tracker.call("drain", timeout_s=1.5)
        assert before < 6000
        rows = rows_of(reader, 6000)
    assert list(rows["frame"]) == list(range(6000))
    assert {name: service.restarts for name, service in bench.status().services.items()} == {
        "camera": 0, "focus": 0, "tracker": 0, "tracker-1": 0, "tracker-2": 0,
    }  # fmt: skip


@pytest.mark.slow
def test_a_stopped_worker_is_replaced_and_counted(rig):
    bench = rig(workers=2)
    camera, tracker = bench.client("camera"), bench.client("tracker")
    find_all(bench)
    with open_stream(bench.streams, "tracks").lossless() as reader:
        camera.call("start", timeout_s=30)
        rows_of(reader, 20)
        os.kill(bench.status().services["tracker-2"].pid, signal.SIGSTOP)
        while (
            bench.status().services["tracker-2"].restarts == 0
            or bench.status().services["tracker-2"].state != "ready"
        ):
            reader.read(timeout_s=60)
        rows_of(reader, 40)
        camera.call("stop", timeout_s=30)
        counts = tracker.call("drain", timeout_s=60)
    assert balances(counts)
    assert counts["tracked"] > 60
    assert set(counts["dropped"]) <= {"worker died", "overrun", "late"}
