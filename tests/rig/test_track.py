"""What `parfocal track` refuses before it starts anything."""

import numpy as np
import pytest
from PIL import Image

from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.rig.ring_size import rows_bytes, slots_for
from parfocal.rig.track import track_config
from parfocal.rig.track_plan import TrackPlan, check_inputs
from parfocal.tracking import ZTables, save_tables


@pytest.fixture
def folder(tmp_path):
    """An image, regions of two beads, tables of three, and files of something else."""
    Image.fromarray(np.full((200, 300), 90, np.uint8)).save(tmp_path / "image.png")
    rois = RoiSet(roi_px=64, width_px=300, height_px=200).added([(100, 100), (200, 100)])
    rois.save(tmp_path / "rois.json")
    RoiSet(roi_px=64, width_px=900, height_px=200).added([(800, 100)]).save(tmp_path / "elsewhere.json")
    RoiSet(roi_px=32, width_px=300, height_px=200).save(tmp_path / "small.json")
    for count, name in ((2, "two.npz"), (3, "three.npz"), (1, "one.npz")):
        limits = np.tile([0.0, 400.0], (count, 1))
        tables = ZTables(np.zeros((count, 8, 20), np.float32), 64, 0.0, 100.0, limits, np.ones(count))
        save_tables(tmp_path / name, tables)
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "text.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    return tmp_path


def plan(folder, movie="image.png", **options):
    paths = {name: folder / options.pop(name) for name in ("rois", "zlut") if name in options}
    return TrackPlan(movie=folder / movie, **paths, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"movie": "nothing.tif"}, "there is nothing at"),
        ({"movie": "text.tif"}, r"movie: cannot replay .*text\.tif: not a TIFF file"),
        ({"movie": "text.json"}, r"movie: cannot replay .*known are \.tif"),
        ({"movie": "empty"}, "holds no images"),
        ({"roi_px": 7}, "even and from 8 to 256, not 7"),
        ({"roi_px": 256}, "regions of 256 px do not fit into an image of 300 x 200"),
        ({"rois": "text.json"}, "holds no regions"),
        ({"rois": "small.json"}, "regions of 32 px, but roi_px is 64"),
        ({"rois": "elsewhere.json"}, "outside of this image of 300 x 200"),
        ({"zlut": "text.json"}, r"no z tables.*give the tables\.npz of a run"),
        ({"zlut": "two.npz", "roi_px": 48}, "regions of 64 px, but roi_px is 48"),
        ({"zlut": "three.npz", "rois": "rois.json"}, "3 tables, but there are 2 beads; load the regions"),
        ({"workers": 0}, "1 or more, not 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_started(folder, options, message):
    with pytest.raises(BadInputError, match=message):
        check_inputs(plan(folder, **options))


def test_what_fits_is_taken(folder):
    for options in (
        {},
        {"zlut": "three.npz"},
        *({"rois": "rois.json", "zlut": f} for f in ("two.npz", "one.npz")),
    ):
        check_inputs(plan(folder, **options))
    settings = track_config(plan(folder, gain_e_per_adu=4.9, read_noise_e=8.0)).services["tracker"].settings
    assert (settings["gain_e_per_adu"], settings["offset_adu"], settings["read_noise_e"]) == (4.9, 0.0, 8.0)


def test_what_the_movie_tells_of_its_camera_is_taken_unless_it_is_given(folder):
    told = Sensor(gain_e_per_adu=0.5, offset_adu=100.0, bit_depth=12)
    services = track_config(plan(folder, gain_e_per_adu=0.7), stated=told).services
    tracker, camera = services["tracker"].settings, services["camera"].settings["options"]["sensor"]
    assert (tracker["gain_e_per_adu"], tracker["offset_adu"], tracker["read_noise_e"]) == (0.7, 100.0, 0.0)
    assert (camera["gain_e_per_adu"], camera["bit_depth"]) == (0.7, 12)


def test_a_movie_that_does_not_fit_into_shared_memory_says_what_to_do():
    spec = FrameSpec(shape=(4096, 4096), dtype="uint16")
    with pytest.raises(
        BadInputError, match=r"images of 4096 x 4096 need \d+ MB .* 64 MB are free: .*PARFOCAL_SHM_DIR"
    ):
        slots_for(spec, workers=2, free_bytes=64_000_000)
    assert slots_for(spec, workers=2, free_bytes=rows_bytes(2) + 4 * spec.nbytes) == 4
