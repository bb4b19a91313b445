"""What every camera, stage and light does, of those that python-microscope drives: the library itself."""

import sys
from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.protocols import Camera, LightSource, Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.contracts import CAMERA, LIGHT, STAGE, examine

DRIVERS = Path(__file__).parents[1] / "devices"
AXIS = {"unit": "um", "driver_units": 10.0, "speed": 10.0, "tolerance": 1e-6}
SMALL = {"arguments": {"sensor_shape": [96, 80]}, "exposure_ms": 2.0}
TWO_AXES = {
    "arguments": {"limits": {"X": [-100, 100], "y": [0, 50]}},
    "axes": {"x": {**AXIS, "driver_axis": "X"}, "y": AXIS},
}


def broken_and_kept(name, options, protocol, promises, monkeypatch):
    """Return which promises the device breaks, and why, and how many it keeps."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(DRIVERS)])
    verdicts = tuple(
        examine(
            lambda: make_device(name, options, DeviceContext(), protocol),
            promises,
            SYSTEM_CLOCK,
            ["exposure", "motion", "light"],
        )
    )
    broken = {verdict.promise.name: verdict.why for verdict in verdicts if verdict.outcome == "broken"}
    return broken, sum(verdict.outcome == "kept" for verdict in verdicts)


@pytest.mark.parametrize(
    "driver", ["microscope.simulators:SimulatedCamera", "microscope_drivers:InterruptedCamera"]
)
def test_a_camera_keeps_its_promises(driver, monkeypatch):
    options = {**SMALL, "driver": driver}
    assert broken_and_kept("python-microscope-camera", options, Camera, CAMERA, monkeypatch) == ({}, 12)


WAITING = pytest.param("microscope_drivers:WaitingStage", marks=pytest.mark.slow)


@pytest.mark.parametrize("driver", ["microscope_drivers:GlidingStage", WAITING])
def test_a_stage_keeps_its_promises(driver, monkeypatch):
    options = {**TWO_AXES, "driver": driver}
    assert broken_and_kept("python-microscope-stage", options, Stage, STAGE, monkeypatch) == ({}, 11)


@pytest.mark.slow
def test_the_librarys_own_stage_keeps_them_but_is_never_on_its_way(monkeypatch):
    options = {**TWO_AXES, "driver": "microscope.simulators:SimulatedStage"}
    asked = [promise for promise in STAGE if promise.name not in ("it_is_on_its_way_meanwhile",)]
    assert broken_and_kept("python-microscope-stage", options, Stage, asked, monkeypatch) == ({}, 10)


@pytest.mark.parametrize(
    "driver", ["microscope.simulators:SimulatedLightSource", "microscope_drivers:FileLaser"]
)
def test_a_light_keeps_its_promises(driver, tmp_path, monkeypatch):
    options = {"driver": driver, "arguments": {}}
    if driver.endswith("FileLaser"):
        options["arguments"] = {"file": str(tmp_path / "laser")}
    assert broken_and_kept("python-microscope-light", options, LightSource, LIGHT, monkeypatch) == ({}, 5)
