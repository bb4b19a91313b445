"""A core of Micro-Manager: configurations, properties and presets of the real DemoCamera."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ConfigError, DeviceError, FrameLostError
from parfocal.core.protocols import Camera
from parfocal.devices.context import DeviceContext
from parfocal.devices.micromanager.configuration import configuration_path
from parfocal.devices.registry import make_device

SMALL = {"Camera": {"PixelType": "8bit", "OnCameraCCDXSize": 64, "OnCameraCCDYSize": 48}}


def camera_of(**options):
    return make_device("micromanager-camera", {"properties": SMALL, **options}, DeviceContext(), Camera)


@pytest.fixture(scope="module")
def camera():
    device = camera_of(exposure_ms=2.0)
    device.open()
    yield device
    device.close()


@pytest.fixture
def core(camera):
    return camera.core


def read(camera, timeout_s=30.0):
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    return out, camera.read_into(out, timeout_s)


@pytest.fixture
def demo(core, tmp_path):
    """Return a function that writes the demo's configuration with a change."""
    text = Path(core.path).read_text("utf-8")

    def changed(old, new):
        assert old in text
        path = tmp_path / "changed.cfg"
        path.write_text(text.replace(old, new, 1), "utf-8")
        return str(path), text[: text.index(old)].count("\n") + 1

    return changed


def test_a_configuration_that_fails_names_its_line(demo):
    path, line = demo("Device,Z,DemoCamera,DStage", "Device,Z,DemoCamera,DStag")
    with pytest.raises(DeviceError, match=rf"changed.cfg does not load: line {line} \(.*DStag\): .*DStag"):
        camera_of(configuration=path).open()


def test_a_configuration_without_devices_is_refused(tmp_path):
    path = tmp_path / "empty.cfg"
    path.write_text("# nothing at all\n", "utf-8")
    with pytest.raises(DeviceError, match=r"empty.cfg loads no devices"):
        camera_of(configuration=str(path), properties={}).open()


def test_a_configuration_without_a_camera_is_refused(tmp_path):
    path = tmp_path / "stage.cfg"
    path.write_text("Device,Z,DemoCamera,DStage\nProperty,Core,Initialize,1\n", "utf-8")
    with pytest.raises(DeviceError, match="names no camera"):
        camera_of(configuration=str(path), properties={}).open()


def test_a_configuration_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"nowhere\.cfg"):
        camera_of(configuration="nowhere.cfg").open()


def test_adapters_without_a_demo_say_so(tmp_path):
    with pytest.raises(ConfigError, match="mm-test-adapters"):
        configuration_path("demo", [str(tmp_path)])


def test_a_configuration_that_does_not_load_leaves_the_one_before(camera, demo):
    before = camera.spec
    path, _ = demo("Device,Z,DemoCamera,DStage", "Device,Z,NoSuchAdapter,DStage")
    with pytest.raises(DeviceError, match="NoSuchAdapter"):
        camera.load_configuration(path)
    assert camera.spec == before
    camera.start(count=1)
    assert read(camera)[1] is not None


def test_what_is_set_is_read_back(core):
    assert core.set_property("Camera", "Gain", 3) == "3"
    assert core.set_property("Objective", "Label", "Nikon 10X S Fluor") == "Nikon 10X S Fluor"
    for device, name, value, said in (
        ("Camera", "Gian", 3, "'Gain'"),
        ("Kamera", "Gain", 3, "'Camera'"),
    ):
        with pytest.raises(BadInputError, match=said):
            core.set_property(device, name, value)
    with pytest.raises(DeviceError, match=r"Binning.*'3'"):
        core.set_property("Camera", "Binning", 3)


def test_a_preset_arrives_value_by_value(core):
    core.begin_preset("Channel", "FITC")
    assert core.preset_arrived("Channel", "FITC")
    assert core.current_preset("Channel") == "FITC"
    core.set_property("Emission", "Label", "Chroma-HQ620")
    with pytest.raises(DeviceError, match="Label of 'Emission' reads 'Chroma-HQ620' instead of"):
        core.preset_arrived("Channel", "FITC")
    with pytest.raises(BadInputError, match="'FITC'"):
        core.begin_preset("Channel", "FITK")


def test_a_preset_that_changes_frames_is_an_error(core):
    before = core.current_preset("Camera")
    with pytest.raises(DeviceError, match="has changed the frames from 64 x 48 px of 8 bits to"):
        core.begin_preset("Camera", "LowRes")
    core.set_property("Camera", "Binning", 1)
    assert before in ("", "HighRes")


def test_the_camera_can_be_reshaped(camera):
    assert camera.set_binning(2) == 2
    assert camera.spec.shape == (24, 32)
    camera.set_binning(1)
    assert camera.set_region(8, 4, 32, 16) == (8, 4, 32, 16)
    assert camera.spec.shape == (16, 32)
    camera.start(count=2)
    assert [read(camera)[1].frame for _ in range(2)]
    assert camera.clear_region() == (0, 0, 64, 48)
    assert camera.set_camera_property("PixelType", "16bit") == "16bit"
    assert camera.spec.dtype == "uint16"
    camera.set_camera_property("PixelType", "8bit")


def test_colours_are_refused(camera):
    with pytest.raises(DeviceError, match=r"4 components .* set its property PixelType"):
        camera.set_camera_property("PixelType", "32bitRGB")
    camera.set_camera_property("PixelType", "8bit")


def test_what_the_buffer_loses_leaves_a_gap(core):
    camera = camera_of(exposure_ms=1.0, buffer_mb=1.0, properties={"Camera": {"PixelType": "16bit"}})
    camera.open()
    try:
        assert camera.core.mmc.getBufferTotalCapacity() < 10
        camera.start(count=30)
        while camera.core.mmc.isSequenceRunning():  # nobody reads meanwhile
            pass
        first = read(camera)[1].frame
        assert first > 0
        frames = [first]
        while camera.is_running():
            try:
                frames.append(read(camera)[1].frame)
            except FrameLostError as error:
                frames.append(error.frame)
        assert frames[-1] == 29
    finally:
        camera.close()


def test_shutters_are_closed_when_it_is_opened_and_safe(camera, core):
    core.set_shutter("LED Shutter", True)
    core.set_shutter("", True)
    assert core.shutter_is_open("LED Shutter")
    camera.make_safe()
    assert not core.shutter_is_open("")


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymmcore_plus", None)
    with pytest.raises(DeviceError, match=r"pip install 'parfocal\[micromanager\]'"):
        camera_of().open()


def test_nothing_of_micromanager_is_imported_before_a_core_is_opened():
    code = (
        "import sys, parfocal.devices.micromanager.host, parfocal.devices.micromanager.channels, "
        "parfocal.devices.micromanager.stage, parfocal.devices.micromanager.modulator, "
        "parfocal.devices.micromanager.shutter; "
        "sys.exit(any(name.startswith('pymmcore') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=100, check=False).returncode == 0


def test_values_that_differ_among_presets_step(core):
    values = core.stepped_values("Channel", ("DAPI", "FITC", "DAPI"))
    assert values["Emission", "Label"] == ["Chroma-HQ620", "Chroma-HQ535", "Chroma-HQ620"]
    assert ("Core", "Shutter") not in values
    assert core.stepped_values("Channel", ("DAPI", "DAPI")) == {}
    assert core.most_stepped("Channel") == 0
    assert core.most_stepped("Objective") > 0
    core.set_property("Z", "UseSequences", "Yes")
    assert core.most_heights("Z") > 100
    core.set_property("Z", "UseSequences", "No")
    assert core.most_heights("Z") == 0


def test_a_copy_of_the_adapters_is_found_by_its_folder(core, tmp_path):
    (folder,) = core.mmc.getDeviceAdapterSearchPaths()
    copied = tmp_path / "adapters"
    shutil.copytree(folder, copied)
    camera = camera_of(adapters=str(copied))
    camera.open()
    assert str(core.mmc.getCameraDevice()) == "Camera"
    camera.close()
    with pytest.raises(ConfigError, match="there is no folder"):
        camera_of(adapters=str(tmp_path / "no")).open()
