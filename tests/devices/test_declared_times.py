"""What devices declare of how long they take, and which values they take."""

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.core.protocols import HasLimits, HasSwitchTimes, HasTimes
from parfocal.devices.channel_presets import ChannelPresets, ChannelSettings
from parfocal.devices.context import DeviceContext
from parfocal.devices.exposures import ExposureSchedule
from parfocal.devices.simulated.camera import SimulatedCamera, SimulatedCameraSettings
from parfocal.devices.simulated.microscope.filters import FilterSettings, SimulatedFilters
from parfocal.testing.clock import JumpClock

LIGHTLESS = {
    "presets": {
        "nucleus": {"filter": "nucleus"},
        "cytoplasm": {"filter": "cytoplasm", "settle_s": 0.1},
        "as it is": {},
    },
    "light_path": {"device": "simulated-filters", "options": {"step_s": 0.5}},
}


@pytest.fixture
def context(tmp_path):
    return DeviceContext(clock=SYSTEM_CLOCK, folder=tmp_path)


def test_a_filter_wheel_tells_the_way_from_one_filter_to_another(context):
    wheel = SimulatedFilters(FilterSettings(step_s=0.5), context)
    assert isinstance(wheel, HasSwitchTimes)
    assert wheel.switch_s("open", "cytoplasm") == 1.0
    assert wheel.switch_s("nucleus", "nucleus") == 0.0
    assert wheel.switch_s("", "nucleus") == 0.5  # the longest of all ways there


def test_channels_tell_the_way_of_their_filter_and_the_time_to_settle(context):
    channels = ChannelPresets(ChannelSettings.model_validate(LIGHTLESS), context)
    channels.open()
    try:
        assert channels.switch_s("nucleus", "cytoplasm") == 0.6
        assert channels.switch_s("", "nucleus") == 0.5  # the wheel stands at "open"
        assert channels.switch_s("nucleus", "as it is") == 0.0
    finally:
        channels.close()


def test_a_simulated_camera_declares_its_limits_and_its_readout(context):
    camera = SimulatedCamera(SimulatedCameraSettings(), context)
    assert isinstance(camera, HasLimits)
    assert isinstance(camera, HasTimes)
    assert camera.limits()["exposure_ms"] == (0.001, 1e7)
    assert camera.times_s() == {"readout": 0.0}
    with pytest.raises(BadInputError, match="exposure_ms must lie from"):
        camera.set_exposure_ms(2e7)


def test_a_frame_can_be_read_when_its_readout_is_over():
    clock = JumpClock()
    schedule = ExposureSchedule(clock, frame_rate_hz=None, exposure_ms=20, instant=False, readout_ms=30)
    schedule.start(1)
    began_ns = clock.monotonic_ns()
    header = schedule.end(schedule.begin(1.0))
    assert header.time_ns - began_ns == 20_000_000
    assert clock.monotonic_ns() - began_ns == 50_000_000


def test_the_first_exposure_of_a_sequence_begins_with_it_and_each_other_one_when_it_is_asked_for():
    clock = JumpClock()
    schedule = ExposureSchedule(clock, frame_rate_hz=None, exposure_ms=20, instant=False)
    schedule.start(2)
    began_ns = clock.monotonic_ns()
    for late_s, begin_ns in ((0.003, 0), (0.005, 25_000_000)):
        clock.advance(late_s)
        exposure = schedule.begin(1.0)
        assert exposure.start_ns - began_ns == begin_ns
        schedule.end(exposure)
