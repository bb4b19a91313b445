"""What every camera does, real, simulated or replayed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameHeader
from parfocal.core.protocols import Camera, CanAbort, CanFail, TakesEvents
from parfocal.devices.limits import check_values, limits_reader
from parfocal.testing.contracts.promise import NotAskable, Promises, Trial, refused

CAMERA = Promises("camera")
_PATIENCE_S = 10.0


@CAMERA.promise()
def it_has_the_methods_of_a_camera(trial: Trial) -> None:
    """It has all methods of the protocol, and tells what its frames look like."""
    assert isinstance(trial.device, Camera)
    assert trial.device.spec.axes == "yx"
    assert isinstance(trial.device.state(), dict)


@CAMERA.promise()
def without_a_sequence_there_are_no_frames(trial: Trial) -> None:
    """Nothing is exposed before `start`."""
    assert not trial.device.is_running()
    assert read(trial, timeout_s=0.1)[1] is None


@CAMERA.promise(needs="exposure")
def a_count_ends_by_itself(trial: Trial) -> None:
    """A sequence of three frames has three, numbered one after the other, and ends."""
    trial.device.start(count=3)
    frames = [read_frame(trial).frame for _ in range(3)]
    assert frames == [frames[0], frames[0] + 1, frames[0] + 2]
    assert not trial.device.is_running()
    assert read(trial, timeout_s=0.1)[1] is None


@CAMERA.promise(needs="exposure")
def frame_numbers_go_on_in_the_next_sequence(trial: Trial) -> None:
    """A second sequence goes on with the number after the last of the first."""
    numbers = []
    for _ in range(2):
        trial.device.start(count=2)
        numbers += [read_frame(trial).frame for _ in range(2)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


@CAMERA.promise(needs="exposure")
def times_are_those_of_the_exposure(trial: Trial) -> None:
    """The time of a frame is the end of its exposure, and the UTC beside it is the same instant."""
    trial.device.start(count=3)
    headers = [read_frame(trial) for _ in range(3)]
    ends = [header.time_ns for header in headers]
    assert ends == sorted(set(ends)) or len(set(ends)) == 1
    assert all(end <= trial.clock.monotonic_ns() for end in ends)
    offset_ns = trial.clock.utc_ns() - trial.clock.monotonic_ns()
    assert all(abs(header.utc_ns - header.time_ns - offset_ns) < 1e9 for header in headers)


@CAMERA.promise(needs="exposure")
def stop_is_idempotent_and_ends(trial: Trial) -> None:
    """`stop` ends an endless sequence; once more it does nothing."""
    trial.device.start()
    read_frame(trial)
    trial.device.stop()
    trial.device.stop()
    assert not trial.device.is_running()


@CAMERA.promise(needs="exposure")
def two_sequences_at_once_are_refused(trial: Trial) -> None:
    """A second `start` while a sequence is on is refused."""
    trial.device.start()
    with refused(DeviceError, saying="stop it"):
        trial.device.start()


@CAMERA.promise()
def a_senseless_exposure_is_refused(trial: Trial) -> None:
    """An exposure that is no positive number is beyond its limits, or refused; the old one stays."""
    before = trial.device.exposure_ms()
    for exposure_ms in (0.0, -1.0, float("nan")):
        with refused(BadInputError, saying="exposure_ms"):
            check_values(limits_reader(trial.device)(), {"exposure_ms": exposure_ms})  # as its host does
            trial.device.set_exposure_ms(exposure_ms)
    assert trial.device.exposure_ms() == before


@CAMERA.promise()
def the_exposure_is_what_it_made_of_it(trial: Trial) -> None:
    """`set_exposure_ms` returns what is read back then."""
    before = trial.device.exposure_ms()
    try:
        assert trial.device.set_exposure_ms(before / 2) == trial.device.exposure_ms()
    finally:
        trial.device.set_exposure_ms(before)


@CAMERA.promise(needs="exposure")
def a_slot_of_a_ring_can_be_filled(trial: Trial) -> None:
    """It fills the array that it is given, and nothing beside it."""
    ring = np.zeros((2, *trial.device.spec.shape), trial.device.spec.dtype)
    trial.device.start(count=1)
    assert read_into(trial, ring[1], _PATIENCE_S) is not None
    assert ring[1].any()
    assert not ring[0].any()


@CAMERA.promise(needs="exposure")
def make_safe_and_close_are_idempotent(trial: Trial) -> None:
    """Made safe it exposes no more; closed it says that it must be opened; both may come twice."""
    trial.device.start()
    for _ in range(2):
        trial.device.make_safe()
    assert not trial.device.is_running()
    for _ in range(2):
        trial.device.close()
    trial.device.make_safe()
    with refused(DeviceError, saying="open"):
        trial.device.start()


@CAMERA.promise(needs="exposure")
def it_can_be_opened_again(trial: Trial) -> None:
    """Closed and opened again it makes frames."""
    trial.device.close()
    trial.device.open()
    trial.device.start(count=1)
    read_frame(trial)


@CAMERA.promise(needs="exposure")
def lost_frames_leave_a_gap(trial: Trial) -> None:
    """A frame that the camera loses leaves a gap in the numbers."""
    faults = _faults(trial)
    trial.device.start()
    first = read_frame(trial).frame
    faults.inject_fault("lost", frames=3)
    assert read_frame(trial).frame == first + 4


@CAMERA.promise(needs="exposure")
def an_error_comes_once(trial: Trial) -> None:
    """An error is raised where frames are read, with its text; then it goes on with the next number."""
    faults = _faults(trial)
    trial.device.start()
    first = read_frame(trial).frame
    faults.inject_fault("error", message="the sensor is too hot")
    with refused(DeviceError, saying="too hot"):
        read_frame(trial)
    assert read_frame(trial).frame == first + 1


@CAMERA.promise(needs="exposure")
def a_late_frame_comes_late_with_its_own_time(trial: Trial) -> None:
    """A frame that is read late keeps the time at which it was exposed."""
    faults = _faults(trial)
    trial.device.start()
    faults.inject_fault("late", seconds=0.5)
    assert read(trial, timeout_s=0.1)[1] is None
    header = read_frame(trial)
    assert trial.clock.monotonic_ns() >= header.time_ns


@CAMERA.promise(needs="exposure")
def a_frozen_camera_times_out_until_it_thaws(trial: Trial) -> None:
    """Without a frame `read_into` returns None after its time limit."""
    faults = _faults(trial)
    trial.device.start()
    faults.inject_fault("freeze")
    before = trial.clock.monotonic_ns()
    assert read(trial, timeout_s=0.2)[1] is None
    assert trial.clock.monotonic_ns() >= before + 200_000_000
    faults.inject_fault("thaw")
    read_frame(trial)


@CAMERA.promise(needs="exposure")
def a_hanging_camera_answers_much_too_late(trial: Trial) -> None:
    """A hang can be simulated: a call lasts as long as was asked for."""
    faults = _faults(trial)
    trial.device.start()
    before = trial.clock.monotonic_ns()
    faults.inject_fault("hang", seconds=5.0)
    read(trial, timeout_s=0.1)
    assert trial.clock.monotonic_ns() >= before + 5_000_000_000


@CAMERA.promise(needs="exposure")
def an_aborted_exposure_gives_no_frame(trial: Trial) -> None:
    """Aborted it is still at once, from any thread; the frame never comes, and the next is a new one."""
    abort = _abort_of(trial)
    trial.device.start()
    before = read_frame(trial).frame
    thread = threading.Thread(target=abort)
    thread.start()
    thread.join()
    assert not trial.device.is_running()
    assert read(trial, timeout_s=0.1)[1] is None
    abort()
    trial.device.start(count=1)
    assert read_frame(trial).frame > before


@CAMERA.promise(needs="exposure")
def an_event_belongs_to_the_next_frame_alone(trial: Trial) -> None:
    """Given an event it takes one frame, whatever it shows; the event after it, and none, may follow."""
    takes_events = _taking_events(trial)
    numbers = []
    for event in (0, 1):
        takes_events.next_event(event, 0.5 * event, {"t": event})
        trial.device.start(count=1)
        numbers.append(read_frame(trial).frame)
        assert not trial.device.is_running()
    trial.device.start(count=1)
    numbers.append(read_frame(trial).frame)
    assert numbers == list(range(numbers[0], numbers[0] + 3))


@CAMERA.promise(needs="exposure")
def the_same_event_gives_the_same_image(trial: Trial) -> None:
    """Given an event again, with the same time and place, it gives the same image again."""
    takes_events = _taking_events(trial)
    images = []
    for event in (0, 1, 0):
        takes_events.next_event(event, 0.5 * event, {"t": event})
        trial.device.start(count=1)
        image, header = read(trial, _PATIENCE_S)
        assert header is not None, f"no frame came within {_PATIENCE_S} s"
        images.append(image)
    assert np.array_equal(images[0], images[2])


@CAMERA.promise()
def unknown_faults_name_the_known(trial: Trial) -> None:
    """A fault that it does not know is refused, naming the nearest."""
    faults = _faults(trial)
    with refused(BadInputError, saying="freeze"):
        faults.inject_fault("freze")
    with refused(BadInputError, saying="seconds"):
        faults.inject_fault("late", second=1.0)


def read(trial: Trial, timeout_s: float = 1.0) -> tuple[NDArray[Any], FrameHeader | None]:
    """Read the next frame into an array of its own."""
    out = np.zeros(trial.device.spec.shape, trial.device.spec.dtype)
    return out, read_into(trial, out, timeout_s)


def read_into(trial: Trial, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
    """Read the next frame; its header, or None if none came."""
    header: FrameHeader | None = trial.device.read_into(out, timeout_s)
    return header


def read_frame(trial: Trial) -> FrameHeader:
    """Return the header of the next frame, which must come."""
    header = read(trial, _PATIENCE_S)[1]
    assert header is not None, f"no frame came within {_PATIENCE_S} s"
    return header


def _faults(trial: Trial) -> CanFail:
    if not isinstance(trial.device, CanFail):
        raise NotAskable("it cannot be told to fail")
    return trial.device


def _taking_events(trial: Trial) -> TakesEvents:
    if not isinstance(trial.device, TakesEvents):
        raise NotAskable("it does not take events")
    return trial.device


def _abort_of(trial: Trial) -> Callable[[], None]:
    if not isinstance(trial.device, CanAbort):
        raise NotAskable("it cannot abort an exposure")
    return trial.device.abort
