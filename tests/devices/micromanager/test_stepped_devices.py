"""Devices of a core that step from frame to frame, and a sequence that is cut short."""

import importlib

import numpy as np
import pytest

from parfocal.core.protocols import Camera
from parfocal.core.sequences import ExpectedSequence
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device

PLACES = ((0.0, 1.0), (10.0, 2.0), (20.0, 3.0), (30.0, 4.0))


@pytest.fixture
def camera(core_with):
    options = core_with("XYStage", "XY", "stepping_stage,SteppingStage") | {"exposure_ms": 20.0}
    device = make_device("micromanager-camera", options, DeviceContext(), Camera)
    device.open()
    yield device
    device.close()


@pytest.fixture
def stage(camera, monkeypatch):
    """Return the stage, which the core holds by a proxy of its own."""
    kind = importlib.import_module("stepping_stage").SteppingStage
    return camera.core.mmc._pydevices.get_device_of_type("XY", kind)


def frames(camera):
    out, headers = np.zeros(camera.spec.shape, camera.spec.dtype), []
    while camera.is_running():
        header = camera.read_into(out, 10.0)
        if header is not None:
            headers.append(header)
    return headers


def test_an_xy_stage_steps_with_the_frames_and_is_stopped_with_them(camera, stage):
    assert camera.core.most_places("XY") == 16
    camera.frames.expect(ExpectedSequence(events=(5, 6, 7, 8), xy_stage="XY", places_um=PLACES), "call")
    camera.start(4)
    assert [header.event for header in frames(camera)] == [5, 6, 7, 8]
    assert stage.told == [PLACES, "start", "stop"]


def test_one_frame_is_a_sequence_too(camera, stage):
    camera.frames.expect(ExpectedSequence(events=(7,), xy_stage="XY", places_um=PLACES[:1]), "call")
    camera.start(1)
    assert [header.event for header in frames(camera)] == [7]
    assert stage.told == [PLACES[:1], "start", "stop"]


def test_a_sequence_that_is_cut_keeps_what_it_has_taken_and_the_next_goes_on_with_the_numbers(camera, stage):
    events = tuple(range(200))
    camera.frames.expect(ExpectedSequence(events=events), "call")
    camera.start(len(events))
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    while camera.read_into(out, 10.0) is None:
        pass
    camera.frames.cut("another call")
    assert not camera.frames.was_cut
    camera.frames.cut("call")
    taken = 1 + len(frames(camera))
    assert camera.frames.was_cut
    assert camera.frames.is_whole
    assert 1 <= taken < len(events)
    camera.start(2)
    assert [header.frame for header in frames(camera)] == [taken, taken + 1]


def test_one_that_is_cut_before_it_begins_takes_one_frame_or_a_few(camera, stage):
    camera.frames.expect(ExpectedSequence(events=tuple(range(200)), xy_stage="XY"), "call")
    camera.frames.cut("call")
    camera.start(200)
    assert 1 <= len(frames(camera)) < 200
    assert camera.frames.was_cut


def test_one_that_is_cut_at_once_does_not_wait_for_the_exposure_under_way(camera, stage):
    camera.set_exposure_ms(1500.0)
    camera.frames.expect(ExpectedSequence(events=tuple(range(4))), "call")
    camera.start(4)
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    while camera.read_into(out, 10.0) is None:
        pass
    camera.frames.cut("call", at_once=True)
    assert not camera.is_running()
    assert camera.frames.was_cut
    camera.set_exposure_ms(5.0)
    camera.start(1)
    assert [header.frame for header in frames(camera)] == [1]
