"""A recorded plan replayed by the index of each event: in any order, with everything between them."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile

from parfocal.core.errors import BadInputError
from parfocal.core.protocols import Camera
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock

SHARED = Path(__file__).parents[3] / "shared" / "data" / "cells-3t2p2c.ome.tif"


def own_file(folder):
    """Write 3 times, 2 positions, 2 channels as OME-TIFF; return it with its images by index."""
    path = folder / "cells-3t2p2c.ome.tif"
    images = np.arange(2 * 3 * 2 * 12 * 10, dtype=np.uint16).reshape(2, 3, 2, 12, 10)
    with tifffile.TiffWriter(path, ome=True) as file:
        for position in images:
            file.write(position, photometric="minisblack", metadata={"axes": "TCYX"})
    return path, images


@pytest.fixture(params=["own", "shared"])
def recorded(request, tmp_path):
    if request.param == "own":
        return own_file(tmp_path)
    if not SHARED.exists():
        pytest.skip("the real cells are not beside this project")
    images = tifffile.imread(SHARED)
    return SHARED, images.reshape(1, *images.shape)


@pytest.fixture
def camera(recorded):
    settings = {"path": str(recorded[0]), "rate": "fastest", "channel": "all", "position": "all"}
    camera = make_device("replay", settings, DeviceContext(clock=JumpClock(monotonic_ns=10**9)), Camera)
    camera.open()
    yield camera
    camera.close()


def snap(camera, event, index):
    camera.next_event(event, None, index)
    camera.start(count=1)
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    header = camera.read_into(out, 1.0)
    assert header.time_ns >= 10**9
    return out


def test_each_event_shows_the_image_at_its_index_in_any_order(recorded, camera):
    images = recorded[1]
    places = list(itertools.product(*(range(size) for size in images.shape[:3])))
    np.random.default_rng(1).shuffle(places)
    for event, (p, t, c) in enumerate(places):
        assert np.array_equal(snap(camera, event, {"t": t, "p": p, "c": c, "z": 0}), images[p, t, c])
    assert camera.next_frame() == len(places)


def test_a_sequence_after_an_event_begins_with_the_first_image(recorded, camera):
    snap(camera, 0, {"t": 1, "c": 1})
    camera.start(count=1)
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    assert camera.read_into(out, 1.0).time_ns == 0
    assert np.array_equal(out, recorded[1][0, 0, 0])


def test_an_index_that_was_not_recorded_is_refused(camera):
    for place, words in (({"t": 3}, "t = 3"), ({"z": 1}, "z = 1"), ({"c": 2}, "c = 2")):
        with pytest.raises(BadInputError, match=words):
            camera.next_event(0, None, place)
