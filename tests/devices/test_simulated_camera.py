import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.protocols import Camera, KnowsTruth, LightSource, Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.camera import SimulatedCamera
from parfocal.devices.simulated.settings import SimulatedCameraSettings
from parfocal.devices.simulated.world import World
from parfocal.testing.clock import JumpClock
from parfocal.tracking.simulation import radial_profiles

SMALL = {"width_px": 128, "height_px": 128, "beads": 4, "spacing_px": 40.0, "image_px": 64, "depth_nm": 800.0}


@pytest.fixture
def bench():
    return DeviceContext(clock=JumpClock())


def opened(bench, **changes):
    camera = SimulatedCamera(SimulatedCameraSettings(**{**SMALL, **changes}), bench)
    camera.open()
    return camera


def film(camera, count):
    camera.start(count)
    frames = np.zeros((count, *camera.spec.shape), camera.spec.dtype)
    headers = [camera.read_into(frame, 10.0) for frame in frames]
    return frames, headers


def test_the_same_seed_makes_the_same_frames():
    first = film(opened(DeviceContext(clock=JumpClock()), seed=7), 5)[0]
    again = film(opened(DeviceContext(clock=JumpClock()), seed=7), 5)[0]
    other = film(opened(DeviceContext(clock=JumpClock()), seed=8), 5)[0]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_lost_frames_do_not_change_the_later_ones(bench):
    camera = opened(bench, seed=7)
    whole = film(opened(DeviceContext(clock=JumpClock()), seed=7), 6)[0]
    film(camera, 2)
    camera.inject_fault("lost", frames=2)
    camera.start()
    frame = np.zeros(camera.spec.shape, camera.spec.dtype)
    assert camera.read_into(frame, 1.0).frame == 4
    np.testing.assert_array_equal(frame, whole[4])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bead_is_where_the_truth_says(bench, seed):
    camera = opened(
        bench,
        seed=seed,
        beads=1,
        stuck=0.0,
        depth_nm=1500.0,
        dust=0,
        unevenness=0.0,
        read_noise_e=0.0,
        light_e_per_ms=8000.0,
    )
    frame = film(camera, 1)[0][0]
    rows = camera.ground_truth(0)
    assert isinstance(camera, KnowsTruth)
    assert list(rows["bead"]) == [0]
    level = 8000.0 * 5.0 / camera.state()["gain_e_per_adu"]
    y, x = np.mgrid[0:128, 0:128]
    for row in rows:
        r = np.hypot(x - row["x_px"], y - row["y_px"])
        near = r < 18
        expected = radial_profiles(0.525, r[near] * 0.1, [row["z_nm"]])[0]
        seen = (frame[near] - 2.0) / level
        assert np.sqrt(np.mean((seen - expected) ** 2)) < 0.03


def test_the_focus_moves_the_height_of_all(bench):
    camera = opened(bench)
    focus = make_device("simulated-focus", {}, bench, Stage)
    focus.open()
    film(camera, 1)
    focus.move_to({"z": 400.0})
    bench.clock.advance(1.0)
    film(camera, 1)
    stuck = camera.ground_truth(0)["bead"] < 1
    assert camera.ground_truth(0)["z_nm"][stuck] == pytest.approx(3000.0)
    assert camera.ground_truth(1)["z_nm"][stuck] == pytest.approx(3400.0)


def filmed_while_things_move(late):
    """Return frames and truth of a camera that is read before each move, or, late, after all of them."""
    context = DeviceContext(clock=JumpClock())
    camera, world = opened(context, seed=7, frame_rate_hz=100.0), World.of(context)
    frames = np.zeros((6, *camera.spec.shape), camera.spec.dtype)
    moves = [("focus_nm", 600.0, 5e4, 0.0), ("magnet_nm", 1e5, np.inf, 2e6), ("focus_nm", 50.0, 5e4, 0.0)]
    camera.start(6)
    for number, (name, target, speed, home) in enumerate([*moves, ("light", 0.3, np.inf, 1.0)]):
        if late:
            context.clock.advance(0.01)
        else:
            camera.read_into(frames[number], 10.0)
        world.move(name, target, context.clock.monotonic_ns(), speed, home)
    if late:
        context.clock.advance(0.02)
    for frame in frames[0 if late else 4 :]:
        camera.read_into(frame, 10.0)
    return frames, [camera.ground_truth(number) for number in range(6)]


def test_a_camera_that_is_late_shows_what_was_when_it_exposed():
    frames, truth = filmed_while_things_move(late=False)
    late_frames, late_truth = filmed_while_things_move(late=True)
    np.testing.assert_array_equal(late_truth, truth)
    np.testing.assert_array_equal(late_frames, frames)
    assert np.ptp([rows["z_nm"][0] for rows in truth]) > 100
    assert frames[5].mean() < 0.5 * frames[0].mean()


def test_the_magnet_changes_the_motion(bench):
    camera = opened(bench, stuck=0.0, width_px=64, height_px=64, image_px=8, exposure_ms=1e-3)
    magnet = make_device("simulated-magnet", {}, bench, Stage)
    magnet.open()

    def spread(magnet_nm):
        magnet.move_to({"z": magnet_nm})
        bench.clock.advance(10.0)
        headers = film(camera, 300)[1]
        rows = np.stack([camera.ground_truth(header.frame) for header in headers[20:]])
        return rows["x_px"].std(axis=0).mean() * 100, rows["z_nm"].mean(axis=0)

    strong, low = spread(0.0)
    weak, high = spread(4e6)
    assert strong == pytest.approx(np.sqrt(4.11 * (960 + 525) / 20.0), rel=0.15)
    assert weak > 2 * strong
    assert (
        high > low + 50
    ).all()  # less force: shorter tethers, so the focal plane stands higher above the beads


def test_the_lamp_is_what_it_sees_by(bench):
    camera = opened(bench)
    light = make_device("simulated-light", {}, bench, LightSource)
    assert film(camera, 1)[0].mean() > 1000
    light.open()
    assert film(camera, 1)[0].mean() < 10
    light.set_power(0.5)
    assert film(camera, 1)[0].mean() > 1000


@pytest.mark.parametrize(
    ("bits", "dtype", "top"), [(8, "uint8", 255), (12, "uint16", 4095), (16, "uint16", 65535)]
)
def test_any_depth_and_saturation(bench, bits, dtype, top):
    camera = opened(bench, bits=bits, frame_rate_hz=1.0)
    frames = film(camera, 1)[0]
    assert frames.dtype == dtype
    assert 0.05 * top < frames.mean() < 0.6 * top
    camera.set_exposure_ms(500.0)
    assert film(camera, 1)[0].max() == top


def test_the_noise_is_that_of_the_light(bench):
    camera = opened(bench, beads=0, dust=0, unevenness=0.0)
    frames = film(camera, 50)[0].astype(float)
    assert frames.mean() == pytest.approx(5002.0, rel=0.001)
    assert frames.var(axis=0, ddof=1).mean() == pytest.approx(5000.0 + 64.0, rel=0.02)
    shaken = frames - frames.mean(axis=0)
    assert abs(np.mean(shaken[:-1] * shaken[1:])) < 0.03 * 5064
    assert abs(np.mean(shaken[:, :, :-1] * shaken[:, :, 1:])) < 0.01 * 5064


def test_a_reader_that_is_much_too_late_loses_frames(bench):
    camera = opened(bench, buffer_frames=8)
    camera.start()
    bench.clock.advance(0.5)
    frame = np.zeros(camera.spec.shape, camera.spec.dtype)
    header = camera.read_into(frame, 0.0)
    assert header.frame == 42
    assert header.time_ns == 430_000_000


def test_a_sequence_that_fits_into_the_buffer_loses_none_however_late_its_reader_comes(bench):
    camera = opened(bench, buffer_frames=8)
    camera.start(count=9)
    bench.clock.advance(60.0)
    frame = np.zeros(camera.spec.shape, camera.spec.dtype)
    assert [camera.read_into(frame, 0.0).frame for _ in range(8)] == list(range(1, 9))
    assert camera.is_running() is False


def test_drift_moves_everything(bench):
    camera = opened(bench, stuck=1.0, drift_nm_per_s=(100.0, 0.0, -50.0))
    film(camera, 101)
    first, last = camera.ground_truth(0), camera.ground_truth(100)
    assert last["x_px"] - first["x_px"] == pytest.approx(np.ones(4))
    assert last["z_nm"] - first["z_nm"] == pytest.approx(np.full(4, 50.0))


def test_the_sample_drifts_and_is_knocked_while_it_is_watched(bench):
    camera = opened(bench, stuck=1.0)
    film(camera, 2)
    camera.set_drift(z_nm_per_s=-50.0)
    film(camera, 100)
    camera.shift_sample(x_nm=200.0, z_nm=10.0)
    camera.set_drift()
    film(camera, 2)
    first, drifted, last = (camera.ground_truth(frame) for frame in (1, 101, 103))
    assert drifted["z_nm"] - first["z_nm"] == pytest.approx(np.full(4, 50.0))
    assert last["z_nm"] - drifted["z_nm"] == pytest.approx(np.full(4, -10.0))
    assert last["x_px"] - first["x_px"] == pytest.approx(np.full(4, 2.0))
    with pytest.raises(BadInputError, match="inf"):
        camera.set_drift(z_nm_per_s=float("inf"))


def test_the_truth_of_other_frames_is_refused(bench):
    camera = opened(bench, truth_frames=3)
    film(camera, 5)
    with pytest.raises(BadInputError, match="frames 2 to 4"):
        camera.ground_truth(1)
    with pytest.raises(BadInputError):
        camera.ground_truth(5)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 12},
        {"width_px": 0},
        {"bits": 17},
        {"stuck": 1.5},
        {"seed": -1},
        {"beads": "many"},
        {"pixel_size_um": 0.0},
    ],
)
def test_wrong_settings_are_named(bench, settings):
    with pytest.raises((ConfigError, BadInputError), match=next(iter(settings))):
        make_device("simulated-camera", settings, bench, Camera)


def test_rate_and_exposure_keep_each_other_in_bounds(bench):
    camera = opened(bench)
    assert camera.set_frame_rate_hz(500.0) == 500.0
    assert camera.exposure_ms() == 2.0
    assert camera.set_frame_rate_hz(50.0) == 50.0
    assert camera.exposure_ms() == 5.0
    assert film(camera, 3)[1][2].time_ns == 60_000_000


def test_a_binned_pixel_holds_the_electrons_of_all_its_pixels(bench):
    whole = film(opened(bench, bits=16, dust=0), 1)[0][0].astype(float)
    camera = opened(DeviceContext(clock=JumpClock()), bits=16, dust=0, binning=2)
    binned = film(camera, 1)[0][0].astype(float)
    offset = camera.spec.sensor.offset_adu
    np.testing.assert_allclose(
        binned - offset, (whole - offset).reshape(64, 2, 64, 2).sum(axis=(1, 3)), atol=1.0
    )
    assert camera.spec.sensor.read_noise_e == pytest.approx(2 * 8.0)
    assert camera.spec.pixel_size_um == pytest.approx(0.2)


def test_a_region_shows_the_same_pixels(bench):
    whole = film(opened(bench), 1)[0][0]
    part = film(opened(DeviceContext(clock=JumpClock()), region=(20, 30, 64, 48)), 1)[0][0]
    np.testing.assert_array_equal(part, whole[30:78, 20:84])


@pytest.mark.parametrize("region", [(0, 0, 129, 10), (-1, 0, 10, 10), (0, 0, 0, 10), (120, 0, 9, 9)])
def test_a_region_beyond_the_sensor_is_refused(bench, region):
    camera = opened(bench)
    with pytest.raises(BadInputError, match="region"):
        camera.set_region(*region)
    assert camera.spec.shape == (128, 128)


def test_the_camera_tells_what_its_counts_mean(bench):
    sensor = opened(bench, bits=12, gain_e_per_adu=3.0, offset_adu=100.0, read_noise_e=5.0).spec.sensor
    assert (sensor.gain_e_per_adu, sensor.offset_adu, sensor.read_noise_e) == (3.0, 100.0, 5.0)
    assert sensor.saturates_at == 4095.0
