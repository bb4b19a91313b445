"""What the reader of the napari plugin makes of files and runs, without napari."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import parfocal
from parfocal.app.napari_plugin.lazy_planes import LazyPlanes
from parfocal.app.napari_plugin.reading import get_reader, read_layers
from parfocal.core.errors import ParfocalError
from parfocal.runs import Sequence

CAMERA = {"device": "simulated-camera", "options": {"width_px": 24, "height_px": 16, "beads": 0}}


def test_planes_are_read_where_somebody_looks():
    asked = []

    def read(index):
        asked.append(index)
        return np.full((4, 5), 10 * index[0] + index[1], np.int64)

    planes, whole = LazyPlanes((3, 2), (4, 5), np.dtype(np.int64), read), np.zeros((3, 2, 4, 5), np.int64)
    assert asked == []
    for place in np.ndindex(3, 2):
        whole[place] = 10 * place[0] + place[1]
    for key in (0, -1, (2, 1), (slice(1, None), 0), (..., 2), (0, ..., 1), np.int64(1), slice(None, None, 2)):
        np.testing.assert_array_equal(planes[key], whole[key])
    np.testing.assert_array_equal(np.asarray(planes), whole)
    assert sorted(set(asked)) == sorted(asked)
    assert (planes.ndim, planes.size, len(planes)) == (4, 120, 3)
    with pytest.raises(IndexError, match="out of bounds"):
        planes[3]


def test_a_tiff_with_channels_is_a_layer_for_each(tmp_path):
    path = tmp_path / "movie.ome.tif"
    images = np.arange(3 * 2 * 6 * 7, dtype=np.uint16).reshape(3, 2, 6, 7)
    axes = {"axes": "TCYX", "Channel": {"Name": ["red", "blue"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, images, metadata=axes, ome=True)
    reader = get_reader(str(path))
    assert reader is not None
    layers = reader(str(path))
    assert [settings["name"] for _, settings, _ in layers] == ["movie.ome.tif red", "movie.ome.tif blue"]
    for number, (data, settings, kind) in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(data), images[:, number])
        assert (kind, settings["scale"]) == ("image", (1.0, 0.5, 0.5))


def test_what_is_not_ours_is_left_to_other_readers(tmp_path):
    (tmp_path / "text.txt").write_text("no images")
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "nothing.tif")) is None
    assert get_reader([str(tmp_path)]) is None


def test_what_cannot_be_read_tells_why(tmp_path):
    path = tmp_path / "broken.tif"
    path.write_bytes(b"II*\0 and no more")
    with pytest.raises(ParfocalError, match=r"broken\.tif"):
        read_layers(str(path))


@pytest.mark.slow
def test_a_recorded_run_with_its_positions(tmp_path):
    services = {"camera": {"kind": "camera", "settings": CAMERA}, "recorder": {"kind": "recorder"}}
    config = {"name": "recorded", "runs": {"keep_times": False}, "services": services}
    plan = Sequence(time_plan={"interval": 0, "loops": 3})
    with parfocal.open_rig(config) as rig:
        status = rig.run(plan, folder=tmp_path).wait(60)
    assert get_reader(status.folder) is not None
    ((data, settings, kind),) = read_layers(status.folder)
    assert (kind, data.shape, settings["name"]) == ("image", (3, 16, 24), Path(status.folder).name)
    frames = parfocal.open_run(status.folder).frames()
    np.testing.assert_array_equal(data[2], frames.plane({"t": 2, "p": 0, "c": 0, "z": 0}))
