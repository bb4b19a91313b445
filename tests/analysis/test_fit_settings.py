"""What the tracker is told of the camera and of fitting, and what it says if that cannot be true."""

from __future__ import annotations

from contextlib import closing

import msgspec
import numpy as np
import pytest
from PIL import Image

from parfocal.analysis.beads.assignment import Assignment, CameraNoise, FitSettings
from parfocal.analysis.beads.field import FieldTracker
from parfocal.analysis.beads.flat import read_flat
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.tracker import TrackerConfig, _noise
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.tracking import Flag
from parfocal.tracking.simulation import add_noise, bead_stack, render

CAMERA = Sensor(gain_e_per_adu=3.0, offset_adu=100.0, read_noise_e=2.0, bit_depth=12)
FRAMES = FrameSpec(shape=(96, 96), dtype="uint16", sensor=CAMERA)


def field(**told):
    fit = FitSettings(**{name: told.pop(name) for name in ("max_chi2", "flat") if name in told})
    rois = RoiSet(roi_px=64, width_px=96, height_px=96).added([(48.0, 48.0)])
    return closing(FieldTracker(Assignment(owner=1, rois=rois, noise=CameraNoise(**told), fit=fit)))


def images(gain=1.0, light=None):
    frame = np.full((96, 96), 4000, np.float32)
    render(frame, bead_stack(0.525, 0.1, [2500.0], 96), 48.2, 47.9, 0.0, 4000)
    if light is not None:
        frame *= light
    return [add_noise(frame, gain_e_per_adu=gain, seed=k) for k in range(200)]


def test_what_is_not_set_is_what_the_camera_tells():
    told = CameraNoise(gain_e_per_adu=3.0, offset_adu=100.0, read_noise_e=2.0, saturation_adu=4095.0)
    assert _noise(TrackerConfig(), FRAMES) == told
    assert _noise(TrackerConfig(offset_adu=0.0, saturation_adu=4000.0), FRAMES) == CameraNoise(
        gain_e_per_adu=3.0, offset_adu=0.0, read_noise_e=2.0, saturation_adu=4000.0
    )
    assert _noise(TrackerConfig(), FrameSpec(shape=(96, 96), dtype="uint8")) == CameraNoise()


def test_a_chi2_far_below_1_is_told_once_with_its_likely_cause():
    with field(gain_e_per_adu=1.0) as tracker:
        for image in images(gain=20.0):
            tracker.track(image)
        assert "Most likely" in tracker.advice
        likely = float(tracker.advice.partition("gain_e_per_adu is ")[2].partition(",")[0])
        assert abs(likely - 20) < 2
        tracker.advice = ""
        tracker.track(image)
        assert tracker.advice == ""
    with field(gain_e_per_adu=20.0, max_chi2=2.0) as tracker:
        for image in images(gain=20.0):
            tracker.track(image)
        assert tracker.advice == ""


def test_limits_of_the_settings_reach_the_fit():
    image = images()[0]
    with field(saturation_adu=float(image.max()) - 500) as tracker:
        assert tracker.track(image)["flags"][0] & Flag.SATURATED
    with field(max_chi2=0.1) as tracker:
        assert tracker.track(image)["flags"][0] & Flag.BAD_FIT


@pytest.mark.parametrize("name", ["flat.npy", "flat.png"])
def test_a_flat_field_from_a_file_is_divided_out(tmp_path, name):
    light = np.random.default_rng(1).uniform(0.5, 1.0, (96, 96)).astype(np.float32)
    counts = np.rint(light * 60000).astype(np.uint16)
    if name.endswith("npy"):
        np.save(tmp_path / name, counts)
    else:
        Image.fromarray(counts).save(tmp_path / name)
    image = images(light=light)[0]
    with field(flat=str(tmp_path / name), max_chi2=1.5) as tracker:
        assert tracker.track(image)["flags"][0] == 0
    with field(max_chi2=1.5) as tracker:
        assert tracker.track(image)["flags"][0] & Flag.BAD_FIT


def test_files_that_are_no_flat_field_are_refused(tmp_path):
    np.save(tmp_path / "stack.npy", np.ones((2, 4, 4)))
    np.save(tmp_path / "dark.npy", np.zeros((4, 4)))
    np.save(tmp_path / "small.npy", np.ones((4, 4)))
    (tmp_path / "text.png").write_text("no picture")
    for name, told in (
        ("stack.npy", "numbers .y, x."),
        ("dark.npy", "numbers from 0 up"),
        ("small.npy", r"is \(4, 4\), the frames are \(5, 5\)"),
        ("text.png", "holds no image"),
        ("absent.npy", "cannot be read"),
    ):
        with pytest.raises(BadInputError, match=told):
            read_flat(tmp_path / name, (5, 5))


def test_the_rig_takes_them_while_it_runs_or_refuses_them(rig, tmp_path):
    tracker = rig(tracker={"read_noise_e": None, "offset_adu": None}).client("tracker")
    state = tracker.call("state")
    assert state["noise"]["read_noise_e"] == 8.0, "as the simulated camera says"
    assert state["noise"]["saturation_adu"] == 65535.0
    np.save(tmp_path / "flat.npy", np.ones((320, 320)))
    settings = {
        "flat": str(tmp_path / "flat.npy"),
        "tilted_light": True,
        "max_chi2": 2.0,
        "saturation_adu": 9.0,
    }
    tracker.call("set_settings", settings)
    state = tracker.call("state")
    assert state["fit"] == {"max_chi2": 2.0, "tilted_light": True, "flat": str(tmp_path / "flat.npy")}
    assert state["noise"]["saturation_adu"] == 9.0
    with pytest.raises(CommandError, match="cannot be read"):
        tracker.call("set_settings", {"flat": str(tmp_path / "none.npy")})
    assert tracker.call("state")["fit"]["flat"] == str(tmp_path / "flat.npy")


def test_a_tracker_of_regions_that_only_moved_is_the_one_there_is():
    image = np.full((200, 200), 4000, np.float32)
    render(image, bead_stack(0.525, 0.1, [2500.0], 96), 120.2, 110.9, 0.0, 4000)
    rois = RoiSet(roi_px=64, width_px=200, height_px=200).added([(48.0, 48.0)])
    first = Assignment(owner=1, rois=rois)
    moved = msgspec.structs.replace(first, rois=rois.moved({0: (118.0, 108.0)}))
    with closing(FieldTracker(first)) as tracker, closing(FieldTracker(moved)) as anew:
        assert tracker.move(moved)
        assert tracker.version == 2
        assert tracker.track(image).tobytes() == anew.track(image).tobytes()
        for changes in (
            {"rois": rois.added([(60.0, 60.0)])},
            {"tables": "other.npz"},
            {"fit": FitSettings(max_chi2=2.0)},
            {"noise": CameraNoise(gain_e_per_adu=2.0)},
        ):
            assert not tracker.move(msgspec.structs.replace(moved, **changes))
        assert tracker.version == 2
