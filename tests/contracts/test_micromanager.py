"""What every camera, stage, light and set of channels does, of those in a core of Micro-Manager."""

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.protocols import Camera, Channels, LightSource, Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.micromanager.host import CoreHost
from parfocal.devices.registry import make_device
from parfocal.ipc import ServiceProxy
from parfocal.testing.contracts import CAMERA, CHANNELS, LIGHT, STAGE, examine
from parfocal.testing.local_rig import LocalRig

SMALL = {"Camera": {"PixelType": "8bit", "OnCameraCCDXSize": 64, "OnCameraCCDYSize": 48}}
XY = {"axes": {name: {"limits": [-10000, 10000], "speed": 10000} for name in "xy"}}
Z = {"axes": {"z": {"limits": [-300, 300], "speed": 1000}}}
ONE_POWER = ("it_takes_a_power", "a_senseless_power_is_refused")


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with LocalRig(tmp_path_factory.mktemp("core"), SYSTEM_CLOCK) as rig:
        rig.add("camera", CoreHost, {"options": {"properties": SMALL, "exposure_ms": 2.0}})
        yield rig


def broken_and_kept(make, promises):
    """Return which promises the device breaks, and why, and how many it keeps."""
    verdicts = tuple(examine(make, promises, SYSTEM_CLOCK, ["exposure", "motion", "light"]))
    broken = {verdict.promise.name: verdict.why for verdict in verdicts if verdict.outcome == "broken"}
    return broken, sum(verdict.outcome == "kept" for verdict in verdicts)


def of_the_core(rig, name, options, protocol, promises):
    context = DeviceContext(connect=lambda service: ServiceProxy(rig.client(service)))
    return broken_and_kept(lambda: make_device(name, options, context, protocol), promises)


@pytest.mark.slow
@pytest.mark.parametrize("exposure_ms", [2.0, 60.0], ids=["snapped", "in sequences"])
def test_a_camera_keeps_its_promises(exposure_ms):
    options = {"properties": SMALL, "exposure_ms": exposure_ms}
    made = lambda: make_device("micromanager-camera", options, DeviceContext(), Camera)  # noqa: E731
    assert broken_and_kept(made, CAMERA) == ({}, 13)


@pytest.mark.parametrize(
    "options", [pytest.param(XY, id="xy", marks=pytest.mark.slow), pytest.param(Z, id="z")]
)
def test_a_stage_keeps_its_promises(options, rig):
    is_instant = options is Z
    asked = [one for one in STAGE if not (is_instant and one.name == "it_is_on_its_way_meanwhile")]
    broken, kept = of_the_core(rig, "micromanager-stage", options, Stage, asked)
    assert broken == {}
    assert kept >= 10


def test_a_shutter_keeps_the_promises_of_a_light_with_one_power(rig):
    asked = [promise for promise in LIGHT if promise.name not in ONE_POWER]
    assert of_the_core(rig, "micromanager-shutter", {}, LightSource, asked) == ({}, 3)


def test_a_config_group_keeps_the_promises_of_channels(rig):
    options = {"light": "lamp", "exposures_ms": {"DAPI": 4.0}}
    assert of_the_core(rig, "micromanager-channels", options, Channels, CHANNELS) == ({}, 8)
