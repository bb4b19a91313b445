"""Devices of python-microscope: the rig of the page, and drivers that fail as real ones do."""

from __future__ import annotations

import os
import queue
import re
import signal
import sys
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import (
    BadInputError,
    CommandError,
    ConfigError,
    DeviceError,
    FrameLostError,
)
from parfocal.core.protocols import Camera, LightPath, LightSource, Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.microscope.background import BackgroundCalls
from parfocal.devices.microscope.triggering import TriggeredFrames
from parfocal.devices.registry import make_device
from parfocal.storage import open_frames
from parfocal.testing.clock import ManualClock

PAGE = (Path(__file__).parents[2] / "docs" / "python-microscope.md").read_text(encoding="utf-8")
SMALL = {"arguments": {"sensor_shape": [96, 80]}, "exposure_ms": 2.0}
SIMULATED = "microscope.simulators:SimulatedCamera"


@pytest.fixture(autouse=True)
def _drivers_are_found(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])


def opened(name, protocol, **options):
    device = make_device(f"python-microscope-{name}", options, DeviceContext(), protocol)
    device.open()
    return device


def frame_of(camera):
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    for _ in range(300):
        if (header := camera.read_into(out, 0.1)) is not None:
            return header
    raise AssertionError("no frame came")


@pytest.mark.slow
def test_the_rig_of_the_page_runs_and_is_recorded(tmp_path):
    (told,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    lab = tomllib.loads(told)
    lab["services"]["recorder"] = {
        "kind": "recorder",
        "settings": {"frames": ["camera"], "folder": str(tmp_path)},
    }
    with parfocal.open_rig(lab) as rig:
        camera, stage, laser = rig["camera"], rig["stage"], rig["laser"]
        assert camera.driver_settings()["gain"].value == 12
        with pytest.raises(CommandError, match="gain must lie from 0 to 8192, not 9000"):
            camera.set_driver_setting("gain", 9000)
        assert stage.move({"x": 1000.0, "z": 20.0}) == {"x": 1000.0, "z": 20.0}
        with pytest.raises(CommandError, match=r"x cannot go to 4950.0 um; its limits are 100.0 to 4900.0"):
            stage.move({"x": 4950.0})
        state = rig["channels"].set_channel("gfp", timeout_s=60)
        assert (state.filter, state.power, state.exposure_ms, state.lit) == ("gfp", 0.5, 10.0, True)
        run = rig["recorder"].start(name="borrowed")
        headers = camera.snap(count=5, timeout_s=60)
        report = rig["recorder"].finish(timeout_s=60)
        assert (report.outcome, report.stored["camera"]) == ("complete", 5)
        assert [header.exposure_ns for header in headers] == [10_000_000] * 5
        assert camera.counts()["lost"] == 0
        assert laser.power() == 0.5
        laser.off()
        assert laser.power() == 0.0
        camera.set_binning(2, 2)
    assert open_frames(run + "/frames.ome.zarr").shape == (5, 240, 320)


@pytest.mark.slow
def test_a_laser_whose_process_is_killed_is_dark_again(tmp_path):
    laser = tmp_path / "laser"
    options = {"driver": "microscope_drivers:FileLaser", "arguments": {"file": str(laser)}}
    light = {"kind": "light", "settings": {"device": "python-microscope-light", "options": options}}
    with parfocal.open_rig({"name": "lit", "services": {"laser": light}}) as rig:
        assert laser.read_text() == "off"
        rig["laser"].set_power(0.7)
        assert laser.read_text() == "on"
        os.kill(rig.status().services["laser"].pid, signal.SIGKILL)
        assert poll_until(lambda: laser.read_text() == "off", 60)
        assert poll_until(lambda: _answers(rig), 60)
        rig["laser"].set_power(0.7)
    assert laser.read_text() == "off"


def _answers(rig):
    try:
        return rig["laser"].power() == 0.0
    except CommandError:
        return False


def test_a_light_that_stays_on_says_so(tmp_path):
    file = tmp_path / "laser"
    file.write_text("on")
    with pytest.raises(DeviceError, match="says that it is on"):
        opened(
            "light",
            LightSource,
            driver="microscope_drivers:FileLaser",
            arguments={"file": str(file), "deaf": True},
        )


def test_a_light_that_is_made_safe_while_it_is_switched_on_stays_off(monkeypatch):
    light = opened("light", LightSource, driver="microscope.simulators:SimulatedLightSource")
    enable = type(light._driver).enable

    def interrupted(driver):
        light.make_safe()
        enable(driver)

    monkeypatch.setattr(type(light._driver), "enable", interrupted)
    light.set_power(0.5)
    assert light.power() == 0.0
    light.close()


def test_a_light_that_cannot_be_enabled_fails():
    light = opened("light", LightSource, driver="microscope_drivers:LazyLight")
    with pytest.raises(DeviceError, match="could not be enabled"):
        light.set_power(0.5)
    light.close()


@pytest.mark.parametrize(("asked", "fraction"), [("get_is_on", 0.0), ("get_is_enabled", 0.5)])
def test_a_driver_that_does_not_answer_whether_it_is_on_is_named(asked, fraction, monkeypatch):
    light = opened("light", LightSource, driver="microscope.simulators:SimulatedLightSource")

    def unplugged():
        raise OSError("the port is gone")

    with monkeypatch.context() as unplugging:
        unplugging.setattr(light._driver, asked, unplugged)
        with pytest.raises(DeviceError, match=r"SimulatedLightSource could not .*OSError: the port is gone"):
            light.set_power(fraction)
    light.close()


@pytest.mark.slow
def test_a_frame_that_never_comes_is_counted_and_the_next_one_is_taken():
    import microscope_drivers

    camera = opened(
        "camera", Camera, driver="microscope_drivers:InterruptedCamera", lost_after_s=5.0, **SMALL
    )
    microscope_drivers.InterruptedCamera.losing = 1
    camera.start(count=3)
    with pytest.raises(FrameLostError) as lost:
        frame_of(camera)
    assert lost.value.frame == 0
    assert [frame_of(camera).frame, frame_of(camera).frame] == [1, 2]
    assert not camera.is_running()
    camera.close()


def test_what_the_driver_raises_is_told_and_the_camera_goes_on():
    camera = opened("camera", Camera, driver=SIMULATED, **SMALL)
    camera.set_driver_setting("a_setting", 5)
    camera._driver.set_setting("_error_percent", 101)
    camera.start()
    with pytest.raises(DeviceError, match="Exception raised in SimulatedCamera"):
        frame_of(camera)
    camera.stop()
    camera._driver.set_setting("_error_percent", 0)
    camera.start(count=1)
    assert frame_of(camera).frame == 0
    camera.close()


def test_the_frame_of_a_stopped_sequence_is_none_of_the_next():
    camera = opened("camera", Camera, driver=SIMULATED, **SMALL)
    camera.set_exposure_ms(300.0)
    camera.start()
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    camera.read_into(out, 0.0)  # triggered: this exposure, or the next one, is under way
    camera.stop()
    began_ns = camera._clock.monotonic_ns()
    camera.start(count=1)
    header = frame_of(camera)
    assert header.time_ns - header.exposure_ns >= began_ns
    assert camera.state()["discarded"] == 1
    camera.close()


def test_the_time_of_a_frame_is_its_trigger_and_its_exposure_however_long_it_is_read_out():
    camera = opened("camera", Camera, driver="microscope_drivers:SlowCamera", **SMALL)
    began_ns = camera._clock.monotonic_ns()
    camera.start(count=1)
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    header = camera.read_into(out, 0.0)  # triggered, and not there unless this process was held up
    triggered_ns = camera._clock.monotonic_ns()
    header = header or frame_of(camera)
    assert began_ns <= header.time_ns - header.exposure_ns <= triggered_ns
    assert camera._clock.monotonic_ns() - header.time_ns > 100_000_000
    camera.close()


def test_frames_that_come_unasked_are_bounded_and_counted():
    camera = opened("camera", Camera, driver=SIMULATED, **SMALL)
    for _ in range(40):
        camera._frames.receiveData(np.zeros((80, 96), np.uint8), 0.0)
    assert camera.state()["discarded"] == 24
    camera.start(count=2)
    assert [frame_of(camera).frame, frame_of(camera).frame] == [0, 1]
    camera.close()


def test_a_camera_is_reshaped_and_tells_what_its_frames_look_like():
    camera = opened("camera", Camera, driver=SIMULATED, pixel_size_um=0.1, **SMALL)
    assert (camera.spec.shape, camera.spec.dtype, camera.spec.pixel_size_um) == ((80, 96), "uint8", 0.1)
    assert camera.set_driver_setting("image data type", "uint16") == "uint16"
    assert camera.spec.dtype == "uint16"
    assert camera.set_region(8, 8, 64, 48) == camera.region() == (8, 8, 64, 48)
    assert camera.spec.shape == (48, 64)
    assert camera.set_binning(2, 1) == (2, 1)
    assert camera.spec.shape == (48, 32)
    with pytest.raises(BadInputError, match="at least one pixel"):
        camera.set_region(0, 0, 0, 10)
    camera._driver.set_binning((1, 1))
    camera.start(count=1)
    with pytest.raises(DeviceError, match="something else has changed"):
        frame_of(camera)
    camera.close()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"driver": "microscope.simulators:SimulatedCamra"}, ConfigError, "has no 'SimulatedCamra'"),
        ({"driver": "microscope.simulators:SimulatedLightSource"}, ConfigError, "which is no Camera"),
        ({"driver": SIMULATED, "arguments": {"sensor_shape": [1, 2, 3]}}, ConfigError, "'sensor_shape'"),
        ({"driver": SIMULATED, "part": "camera"}, ConfigError, "is no controller"),
        ({"driver": SIMULATED, "driver_settings": {"gian": 3}}, BadInputError, "did you mean 'gain'"),
        ({"driver": SIMULATED, "driver_settings": {"gain": 2.5}}, BadInputError, "a whole number, not 2.5"),
        ({"driver": SIMULATED, "driver_settings": {"roi": "x"}}, BadInputError, "several values"),
        ({"driver": "microscope_drivers:UntriggeredCamera"}, DeviceError, "cannot be triggered by software"),
    ],
)
def test_what_cannot_be_opened_says_why(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        opened("camera", Camera, **options)


def test_an_argument_that_the_driver_does_not_take_is_named():
    with pytest.raises(DeviceError, match="unexpected keyword argument 'port'"):
        opened(
            "light", LightSource, driver="microscope.simulators:SimulatedLightSource", arguments={"port": 3}
        )


def test_a_driver_is_named_as_a_class_of_a_module():
    with pytest.raises(ConfigError, match=r"'package\.module:Class'"):
        make_device("python-microscope-camera", {"driver": "ximea"}, DeviceContext(), Camera)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "microscope.abc", None)
    with pytest.raises(DeviceError, match=re.escape("pip install 'parfocal[microscope]'")):
        opened("camera", Camera, driver=SIMULATED)


def test_a_part_of_a_controller_is_a_device():
    made_by = {"driver": "microscope_drivers:controller", "part": "wheel"}
    wheel = opened("filters", LightPath, filters=["open", "dapi", "gfp"], **made_by)
    assert wheel.filter() == "open"
    wheel.select("gfp")
    assert poll_until(lambda: wheel.filter() == "gfp", 30)
    with pytest.raises(BadInputError, match="did you mean 'gfp'"):
        wheel.select("gpf")
    wheel.close()
    with pytest.raises(ConfigError, match="3 positions, not 2"):
        opened("filters", LightPath, filters=["open", "gfp"], **made_by)
    with pytest.raises(ConfigError, match="did you mean 'wheel'"):
        opened("filters", LightPath, filters=["a"], driver=made_by["driver"], part="weel")


@pytest.mark.parametrize(
    ("axis", "more", "words"),
    [
        ({"limits": (-1.0, 5.0)}, {}, "go beyond those of"),
        ({"driver_axis": "y"}, {}, "has no axis 'y'"),
        ({}, {"homes": True}, "may_move_when_opened = true"),
    ],
)
def test_a_stage_that_would_go_where_it_must_not_is_refused(axis, more, words):
    arguments = {"limits": {"x": [0, 10]}, **more}
    axes = {"x": {"unit": "um", "speed": 10.0, **axis}}
    driver = "microscope_drivers:GlidingStage"
    with pytest.raises((ConfigError, DeviceError), match=re.escape(words)):
        opened("stage", Stage, driver=driver, arguments=arguments, axes=axes)


def test_the_error_of_a_move_comes_once_and_a_halted_move_is_not_made():
    stage = opened(
        "stage",
        Stage,
        driver="microscope.simulators:SimulatedStage",
        arguments={"limits": {"x": [0, 10]}},
        axes={"x": {"unit": "um", "speed": 10.0}},
    )
    move_to, stage._driver.move_to = stage._driver.move_to, None
    stage.move_to({"x": 7.0})
    assert poll_until(lambda: not stage._calls.busy(), 30)
    with pytest.raises(DeviceError, match="could not move to"):
        stage.is_moving("x")
    stage.halt()
    assert poll_until(lambda: not stage._calls.busy(), 30)
    stage._driver.move_to = move_to
    stage.move_to({"x": 7.0})
    assert poll_until(lambda: not stage.is_moving("x"), 30)
    assert stage.position("x") == 7.0
    stage.close()


def test_of_calls_that_wait_the_newest_counts():
    go, made = threading.Event(), []
    calls = BackgroundCalls("moves")

    def move(targets):
        go.wait(30)
        made.append(dict(targets))

    def stop(targets):
        made.append(sorted(targets))

    calls.submit(move, {"x": 1})
    assert poll_until(lambda: not calls._waiting, 30)
    calls.submit(move, {"x": 2})
    calls.submit(move, {"x": 3, "y": 3})
    assert calls.targets() == {"x": 3, "y": 3}
    calls.replace(stop, calls.busy())
    calls.submit(move, {"y": 4})
    go.set()
    calls.close(30)
    assert made == [{"x": 1}, ["x", "y"], {"y": 4}]


class HeldUpQueue(queue.SimpleQueue):
    """Its first look takes long: a frame comes just after it."""

    def __init__(self, clock, comes):
        self._clock, self._comes = clock, comes

    def get(self, timeout):
        if self._comes is not None:
            comes, self._comes = self._comes, None
            self._clock.advance(10.0)
            comes()
            raise queue.Empty
        return super().get(timeout=timeout)


def test_a_frame_that_comes_while_its_reader_is_held_up_is_not_lost():
    clock = ManualClock()
    driver = SimpleNamespace(set_client=lambda client: None, trigger=lambda: None)
    frames = TriggeredFrames(driver, "the camera", clock, lost_after_s=1.0)
    pixels = np.ones((2, 2))
    frames._received = HeldUpQueue(clock, lambda: frames.receiveData(pixels, clock.utc_ns() * 1e-9))
    assert frames.next(0.1, 1_000_000) is None
    assert frames.next(0.1, 1_000_000).pixels.tolist() == pixels.tolist()
