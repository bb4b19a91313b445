"""What every camera does, simulated or replayed."""

import numpy as np
import pytest
import tifffile

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import Camera, CanFail
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock


@pytest.fixture
def clock():
    return JumpClock(monotonic_ns=5_000_000_000)


@pytest.fixture(params=["simulated", "simulated 8 bit", "replay", "replay as fast as read"])
def camera(request, clock, tmp_path):
    bench = DeviceContext(clock=clock)
    if request.param.startswith("replay"):
        movie = tmp_path / "movie.tif"
        tifffile.imwrite(movie, np.arange(40 * 20 * 24, dtype=np.uint16).reshape(40, 20, 24))
        rate = "fastest" if request.param.endswith("read") else 100.0
        settings = {"path": str(movie), "rate": rate, "loop": True}
        device = make_device("replay", settings, bench, Camera)
    else:
        bits = 8 if "8" in request.param else 12
        settings = {
            "width_px": 96,
            "height_px": 80,
            "beads": 2,
            "bits": bits,
            "image_px": 32,
            "depth_nm": 500.0,
        }
        device = make_device("simulated-camera", settings, bench, Camera)
    device.open()
    yield device
    device.close()


def frame_of(camera):
    return np.zeros(camera.spec.shape, camera.spec.dtype)


def read(camera, timeout_s=1.0):
    out = frame_of(camera)
    return out, camera.read_into(out, timeout_s)


def test_it_is_a_camera_that_can_fail(camera):
    assert isinstance(camera, Camera)
    assert isinstance(camera, CanFail)
    assert camera.spec.axes == "yx"
    assert isinstance(camera.state(), dict)


def test_without_a_sequence_there_are_no_frames(camera):
    assert not camera.is_running()
    assert read(camera)[1] is None


def test_a_count_ends_by_itself(camera):
    camera.start(count=3)
    headers = [read(camera)[1] for _ in range(3)]
    assert [header.frame for header in headers] == [0, 1, 2]
    assert not camera.is_running()
    assert read(camera)[1] is None


def test_frame_numbers_go_on_in_the_next_sequence(camera):
    for first in (0, 2):
        camera.start(count=2)
        assert [read(camera)[1].frame for _ in range(2)] == [first, first + 1]


def test_times_are_those_of_the_exposure(camera, clock):
    camera.set_exposure_ms(2.0)
    camera.start(count=3)
    headers = [read(camera)[1] for _ in range(3)]
    ends = [header.time_ns for header in headers]
    assert ends == sorted(ends)
    assert all(end <= clock.monotonic_ns() for end in ends)
    utc = {header.utc_ns - header.time_ns for header in headers}
    assert utc == {clock.utc_ns() - clock.monotonic_ns()}


def test_stop_is_idempotent_and_ends(camera):
    camera.start()
    read(camera)
    camera.stop()
    camera.stop()
    assert not camera.is_running()
    assert read(camera)[1] is None


def test_two_sequences_at_once_are_refused(camera):
    camera.start()
    with pytest.raises(DeviceError, match="stop it"):
        camera.start()


@pytest.mark.parametrize("count", [0, -1])
def test_a_senseless_count_is_refused(camera, count):
    with pytest.raises(BadInputError, match="count"):
        camera.start(count=count)


@pytest.mark.parametrize("exposure_ms", [0.0, -1.0, float("nan")])
def test_a_senseless_exposure_is_refused(camera, exposure_ms):
    before = camera.exposure_ms()
    with pytest.raises(BadInputError, match="exposure_ms"):
        camera.set_exposure_ms(exposure_ms)
    assert camera.exposure_ms() == before


def test_the_exposure_is_what_it_made_of_it(camera):
    assert camera.set_exposure_ms(1.5) == camera.exposure_ms() == 1.5


def test_a_wrong_array_is_refused(camera):
    camera.start()
    with pytest.raises(BadInputError, match="out"):
        camera.read_into(np.zeros((3, 3), camera.spec.dtype), 1.0)


def test_a_slot_of_a_ring_can_be_filled(camera):
    ring = np.zeros((2, *camera.spec.shape), camera.spec.dtype)
    camera.start(count=1)
    assert camera.read_into(ring[1], 1.0) is not None
    assert ring[1].any()
    assert not ring[0].any()


def test_make_safe_and_close_are_idempotent(camera):
    camera.start()
    for _ in range(2):
        camera.make_safe()
    assert not camera.is_running()
    for _ in range(2):
        camera.close()
    camera.make_safe()
    with pytest.raises(DeviceError, match="open"):
        camera.start()


def test_it_can_be_opened_again(camera):
    camera.close()
    camera.open()
    camera.start(count=1)
    assert read(camera)[1] is not None


def test_lost_frames_leave_a_gap(camera):
    camera.start()
    read(camera)
    camera.inject_fault("lost", frames=3)
    assert read(camera)[1].frame == 4


def test_an_injected_error_comes_once(camera):
    camera.start()
    camera.inject_fault("error", message="the sensor is too hot")
    with pytest.raises(DeviceError, match="too hot"):
        read(camera)
    assert read(camera)[1].frame == 0


def test_a_late_frame_comes_late_with_its_own_time(camera, clock):
    camera.start()
    camera.inject_fault("late", seconds=0.5)
    assert read(camera, timeout_s=0.1)[1] is None
    header = read(camera)[1]
    assert header.frame == 0
    assert clock.monotonic_ns() >= header.time_ns


def test_a_frozen_camera_times_out_until_it_thaws(camera, clock):
    camera.start()
    camera.inject_fault("freeze")
    before = clock.monotonic_ns()
    assert read(camera, timeout_s=0.2)[1] is None
    assert clock.monotonic_ns() >= before + 200_000_000
    camera.inject_fault("thaw")
    assert read(camera)[1] is not None


def test_a_hanging_camera_answers_much_too_late(camera, clock):
    camera.start()
    before = clock.monotonic_ns()
    camera.inject_fault("hang", seconds=5.0)
    read(camera, timeout_s=0.1)
    assert clock.monotonic_ns() >= before + 5_000_000_000


def test_unknown_faults_name_the_known(camera):
    with pytest.raises(BadInputError, match="freeze"):
        camera.inject_fault("freze")
    with pytest.raises(BadInputError, match="seconds"):
        camera.inject_fault("late", second=1.0)
