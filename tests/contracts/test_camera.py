"""What every camera does, simulated or replayed."""

import numpy as np
import pytest
import tifffile

from parfocal.core.errors import BadInputError
from parfocal.core.protocols import Camera
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import CAMERA, NotAskable, Trial

FIELD = {"width_px": 96, "height_px": 80, "beads": 2, "image_px": 32, "depth_nm": 500.0}


@pytest.fixture(
    params=["simulated", "simulated 8 bit", "microscope", "replay", "replay as fast as read"],
)
def trial(request, tmp_path):
    clock = JumpClock(monotonic_ns=5_000_000_000)
    if request.param.startswith("replay"):
        movie = tmp_path / "movie.tif"
        tifffile.imwrite(movie, np.arange(40 * 20 * 24, dtype=np.uint16).reshape(40, 20, 24))
        rate = "fastest" if request.param.endswith("read") else 100.0
        name, settings = "replay", {"path": str(movie), "rate": rate, "loop": True}
    elif request.param == "microscope":
        name, settings = "simulated-microscope-camera", {"width_px": 64, "height_px": 48}
    else:
        name, settings = "simulated-camera", {**FIELD, "bits": 8 if "8" in request.param else 12}
    device = make_device(name, settings, DeviceContext(clock=clock, folder=tmp_path), Camera)
    device.open()
    yield Trial(device, clock)
    device.close()


@pytest.mark.parametrize("promise", CAMERA, ids=str)
def test_a_camera_keeps_its_promises(promise, trial):
    try:
        promise.check(trial)
    except NotAskable as why:
        pytest.skip(str(why))


def test_the_first_frame_of_a_simulated_or_replayed_camera_is_frame_0(trial):
    trial.device.start(count=1)
    out = np.zeros(trial.device.spec.shape, trial.device.spec.dtype)
    assert trial.device.read_into(out, 1.0).frame == 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_senseless_count_is_refused(trial, count):
    with pytest.raises(BadInputError, match="count"):
        trial.device.start(count=count)


def test_a_wrong_array_is_refused(trial):
    trial.device.start()
    with pytest.raises(BadInputError, match="out"):
        trial.device.read_into(np.zeros((3, 3), trial.device.spec.dtype), 1.0)
