"""What the tracker is asked between acquisitions: regions, examples, pictures; one rig for all of it."""

import json

import numpy as np
import pytest
from PIL import Image

from parfocal.analysis.beads.overlay import GOOD
from parfocal.core.errors import CommandError
from parfocal.streams import open_stream

pytestmark = pytest.mark.usefixtures("shared_roots")


@pytest.fixture
def bench(shared_rig):
    """The rig of all these tests, without regions."""
    yield shared_rig
    shared_rig.client("tracker").call("clear_rois", timeout_s=30)
    shared_rig.client("tracker").call("renumber_rois", timeout_s=30)


def find_all(bench):
    bench.client("camera").call("snap", timeout_s=30)
    return bench.client("tracker").call("find_beads", timeout_s=30)


def test_a_sweep_that_cannot_be_is_refused_as_if_there_were_no_worker(bench):
    tracker = bench.client("tracker")
    tracker.call("add_roi", 100.0, 100.0, timeout_s=30)
    raised = "^tracker.build_tables raised BadInputError: "
    for wrong, said in (
        (
            {"focus": "nope"},
            "rig 'bench' has no service 'nope' to move the focus; known: camera,",
        ),
        ({"focus": "camera"}, "service 'camera' is no stage: it has no 'position'"),
        ({"z_min_nm": 1e6, "z_max_nm": 2e6, "step_nm": 1e5}, "the sweep goes from 1000000 to 2000000 nm"),
    ):
        with pytest.raises(CommandError, match=raised + said):
            tracker.call("build_tables", **wrong, timeout_s=30)


def test_one_example_finds_the_others(bench):
    tracker = bench.client("tracker")
    found = find_all(bench)["rois"]
    tracker.call("clear_rois")
    click = found[1]["x_px"] + 1.0, found[1]["y_px"] - 1.0
    like = tracker.call("find_like", *click, min_score=0.4, timeout_s=30)["rois"]
    assert len(like) == 4
    for roi in found:
        assert min(np.hypot(roi["x_px"] - r["x_px"], roi["y_px"] - r["y_px"]) for r in like) < 2.5
    again = tracker.call("find_like", bead=like[2]["bead"], min_score=0.4, timeout_s=30)["rois"]
    assert again == like, "a bead that has a region is not added again"
    with pytest.raises(CommandError, match="a bead that has a region"):
        tracker.call("find_like", x_px=100.0, timeout_s=30)
    with pytest.raises(CommandError, match="there is no bead 99"):
        tracker.call("find_like", bead=99, timeout_s=30)


def test_regions_are_changed_saved_and_loaded(bench, tmp_path):
    tracker = bench.client("tracker")
    before = tracker.call("list_rois")["version"]
    assert tracker.call("add_roi", 100.0, 90.0) == 0
    assert tracker.call("add_rois", [(150.0, 90.0), (0.0, 0.0)]) == [1, 2]
    tracker.call("move_rois", {1: (151.0, 95.0), 0: (99.0, 90.0)})
    tracker.call("remove_roi", 0)
    rois = tracker.call("list_rois")
    assert rois["version"] == before + 4
    assert [(r["bead"], r["x_px"], r["y_px"]) for r in rois["rois"]] == [(1, 151.0, 95.0), (2, 32.0, 32.0)]
    tracker.call("save_rois", str(tmp_path / "rois.json"))
    assert json.loads((tmp_path / "rois.json").read_text())["roi_px"] == 64
    assert [r["bead"] for r in tracker.call("renumber_rois")["rois"]] == [0, 1]
    tracker.call("clear_rois")
    assert tracker.call("load_rois", str(tmp_path / "rois.json"))["version"] == before + 7
    assert bench.client("tracker-1").call("state")["roi_version"] == before + 7
    with pytest.raises(CommandError, match="no bead 9"):
        tracker.call("move_roi", 9, 1.0, 1.0)
    with pytest.raises(CommandError, match="no bead 9"):
        tracker.call("move_rois", {1: (50.0, 50.0), 9: (1.0, 1.0)})
    assert tracker.call("list_rois")["version"] == before + 7
    with pytest.raises(CommandError, match="no z tables"):
        tracker.call("save_tables", str(tmp_path / "tables.npz"))


def test_no_region_at_all_is_refused(bench):
    tracker = bench.client("tracker")
    for name, nothing in (("add_rois", []), ("move_rois", {})):
        with pytest.raises(CommandError, match="is empty; name some"):
            tracker.call(name, nothing, timeout_s=30)


def test_a_picture_of_the_frame_with_its_regions(bench, tmp_path):
    find_all(bench)
    bench.client("tracker").call("overlay", str(tmp_path / "overlay.png"), timeout_s=30)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == 320 < picture.height, "the legend lies below the frame"
        assert GOOD in set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist()))


def test_references_tell_the_drift_of_the_sample(bench):
    camera, tracker = bench.client("camera"), bench.client("tracker")
    with pytest.raises(CommandError, match=r"there are no beads \[99\]"):
        tracker.call("set_references", [99])
    rois = find_all(bench)["rois"]
    tracker.call("drain", timeout_s=30)
    with (
        open_stream(bench.streams, "drift").lossless("drop") as reader,
        open_stream(bench.streams, "truth").lossless() as truths,
    ):
        camera.call("snap", timeout_s=30)
        stuck = truths.read(timeout_s=30)[:2]  # the first half of the beads is
        apart = [np.hypot(stuck["x_px"] - roi["x_px"], stuck["y_px"] - roi["y_px"]).min() for roi in rois]
        chosen = [roi["bead"] for roi, away in zip(rois, apart, strict=True) if away < 2.0]
        tracker.call("drain", timeout_s=30)
        assert tracker.call("set_references", chosen)["references"] == chosen
        assert len(chosen) == 2
        camera.call("set_drift", 100.0, 0.0, 0.0)
        camera.call("start", 60, timeout_s=30)
        true = np.concatenate([truths.read(timeout_s=30)])
        while len(true) < 240:
            true = np.concatenate([true, truths.read(timeout_s=30)])
        assert not tracker.call("drain", timeout_s=60)["dropped"]
        rows = reader.poll()
    camera.call("set_drift")
    assert rows["frame"].tolist() == true["frame"][::4].tolist()
    assert set(rows["used"][20:].tolist()) == {2}
    errors_nm = rows["x_nm"] - 100.0 * true["x_px"][::4]  # of one that is stuck
    assert np.nanstd(errors_nm[20:]) < 2.0
    assert tracker.call("drift")["x_nm"] == rows["x_nm"][-1]
    tracker.call("remove_roi", chosen[0])
    assert tracker.call("drift")["references"] == chosen[1:]
