"""A camera's own sequence as a task of a run, against a camera in memory that does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ServiceUnavailableError
from parfocal.ipc import RECEIVER, Client, CommandTable, Server, command, current_call
from parfocal.runs.instruments.camera_sequence import CameraSequence
from parfocal.testing.clock import ManualClock

PATIENCE_S = 30.0


class Camera:
    """Counts a frame whenever it is asked whether it runs; `at` says what happens at which frame."""

    def __init__(self) -> None:
        self.frames, self.lost, self.running, self.restarts = 100, 0, False, 0
        self.end: int | None = None
        self.stopped_by = ""
        self.at: dict[int, Callable[[], None]] = {}
        self.started: list[int | None] = []
        self.away = False

    def call(self, command: str, *, timeout_s: float, **arguments: Any) -> Any:
        if self.away:
            raise ServiceUnavailableError("the camera is away", service="camera", command=command)
        return getattr(self, f"_{command}")(**arguments)

    def _start(self, count: int | None) -> None:
        self.started.append(count)
        self.running, self.stopped_by = True, ""
        self.end = None if count is None else self.frames + self.lost + count

    def _is_running(self) -> bool:
        if self.running:
            self.frames += 1
            self.at.pop(self.frames - 100, lambda: None)()
            self.running = self.running and self.frames + self.lost != self.end
        return self.running

    def _counts(self) -> dict[str, int]:
        return {"frames": self.frames, "lost": self.lost}

    def _state(self) -> dict[str, str]:
        return {"stopped_by": self.stopped_by}

    def _stop(self) -> None:
        self.running, self.stopped_by = False, "the run"

    def stop_from_outside(self) -> None:
        self.running, self.stopped_by = False, "script.py"

    def die(self) -> None:
        self.running, self.restarts = False, self.restarts + 1


@pytest.fixture
def camera() -> Camera:
    return Camera()


class MovingClock(ManualClock):
    """Time goes on by itself while somebody waits."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.advance(timeout_s)
        return event.is_set()


@pytest.fixture
def sequence(camera) -> CameraSequence:
    aborted = threading.Event()
    return CameraSequence(camera, aborted, lambda: camera.restarts, MovingClock(), restart_s=2.0)


def test_a_counted_sequence_ends_whole(camera, sequence):
    ended = sequence.run(5)
    assert (ended.frames, ended.whole, ended.stopped) == (5, True, "")
    assert sequence.run(3).frames == sequence.frames == 3


def test_frames_that_the_camera_lost_were_exposed(camera, sequence):
    camera.at[2] = lambda: setattr(camera, "lost", 2)
    assert sequence.run(5).frames == 5


def test_a_sequence_without_a_count_ends_with_the_camera(camera, sequence):
    camera.at[7] = lambda: setattr(camera, "running", False)
    ended = sequence.run(None)
    assert (ended.frames, ended.whole, ended.stopped) == (7, True, "")


@pytest.mark.parametrize(("count", "part"), [(9, "4 of 9 frames"), (None, "4 frames")])
def test_a_camera_that_somebody_stops_is_told_with_who(camera, sequence, count, part):
    camera.at[4] = camera.stop_from_outside
    ended = sequence.run(count)
    assert (ended.frames, ended.whole) == (4, False)
    assert ended.stopped == f"the camera was stopped from outside by script.py after {part}"


def test_a_camera_that_was_started_again_takes_the_rest(camera, sequence):
    camera.at[4] = camera.die
    ended = sequence.run(9)
    assert (ended.frames, ended.whole, ended.stopped) == (9, True, "")
    assert camera.started == [9, 5]
    assert sequence.remarks == ["the camera was started again in the middle"]


@pytest.mark.parametrize("taken", [0, 4, 9])
@pytest.mark.parametrize("command", ["_counts", "_start"])
def test_a_camera_that_ends_while_it_is_started_takes_the_rest_once_it_is_back(
    camera, sequence, command, taken
):
    """It may have begun, and taken frames, before it ended; or before it was asked to begin."""
    ask = getattr(camera, command)

    def dies(**arguments: Any) -> None:
        setattr(camera, command, ask)
        ask(**arguments)
        if command == "_start":
            camera.frames += taken
        camera.die()
        raise ServiceUnavailableError("camera ended before it answered", service="camera")

    setattr(camera, command, dies)
    ended = sequence.run(9)
    assert (ended.frames, ended.whole, ended.stopped) == (9, True, "")
    if command == "_start":
        assert camera.started == [9, 9 - taken][: 1 + (taken < 9)]
        assert sequence.remarks == ["the camera was started again in the middle"] * (taken > 0)
    else:
        assert (camera.started, sequence.remarks) == ([9], [])


def test_a_camera_that_has_taken_it_up_by_itself_is_not_started_twice(camera, sequence):
    start = camera._start

    def dies(count: int | None) -> None:
        camera._start = start
        start(count)
        camera.restarts += 1
        raise ServiceUnavailableError("camera ended before it answered", service="camera")

    camera._start = dies
    camera.at[7] = lambda: setattr(camera, "running", False)
    assert sequence.run(None).whole
    assert camera.started == [None]


def test_a_camera_that_stays_away_fails_the_acquisition(camera, sequence):
    camera.at[4] = lambda: setattr(camera, "away", True)
    with pytest.raises(ServiceUnavailableError, match="the camera is away"):
        sequence.run(9)


def test_aborted_it_returns_what_came_until_then(camera, sequence):
    camera.at[4] = sequence._aborted.set
    ended = sequence.run(9)
    assert (ended.frames, ended.whole, ended.stopped) == (4, False, "")
    assert not camera.running


def test_the_light_is_seen_to_only_while_the_camera_exposes(camera, sequence):
    seen = []

    def keep():
        seen.append(camera.running)
        return "it was dark" if len(seen) == 5 else ""

    camera.at[4] = camera.die
    assert sequence.run(9, keep=keep).whole
    assert seen == [True] * 7
    assert sequence.remarks == ["the camera was started again in the middle", "it was dark"]


def test_a_light_that_does_not_come_back_stops_the_camera(camera, sequence):
    def keep():
        raise ServiceUnavailableError("the laser is away", service="laser")

    with pytest.raises(ServiceUnavailableError, match="the laser is away"):
        sequence.run(9, keep=keep)
    assert not camera.running


@pytest.mark.parametrize("how", ["aborted", "at its time"])
def test_a_camera_that_is_away_as_it_is_to_stop_is_stopped_once_it_is_back(camera, sequence, how):
    """It goes on by itself with a sequence that has no end, which nobody would stop after the run."""
    stop, ends = camera._stop, []

    def dies() -> None:
        camera._stop = stop
        camera.restarts += 1
        raise ServiceUnavailableError("camera ended before it answered", service="camera")

    camera._stop = dies
    camera.at[4] = sequence._aborted.set if how == "aborted" else lambda: ends.append(True)
    ended = sequence.run(None, lambda: bool(ends))
    assert ended.whole == (how == "at its time")
    assert not camera.running


class ServedCamera:
    """The camera in memory as a service, whose `start` is held up until it is told to go on, or ends."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.is_asked = threading.Event()

    @command()
    def start(self, count: int | None = None) -> None:
        self.is_asked.set()
        while self.camera.away:
            current_call().wait(0.005)
        self.camera._start(count)

    @command(lane=RECEIVER)
    def is_running(self) -> bool:
        return self.camera._is_running()

    @command(lane=RECEIVER)
    def counts(self) -> dict[str, int]:
        return self.camera._counts()

    @command(lane=RECEIVER)
    def state(self) -> dict[str, str]:
        return self.camera._state()


def test_a_camera_that_stood_still_and_closes_in_order_as_it_is_started_takes_all_once_it_is_back(
    camera, tmp_path
):
    """It was told as cancelled, and failed the run; one that is killed in the same moment did not."""
    camera.away, served = True, ServedCamera(camera)
    ended = []
    with Client(tmp_path, "camera") as client:
        with Server(CommandTable.of(served), tmp_path, "camera"):
            one = CameraSequence(
                client, threading.Event(), lambda: camera.restarts, SYSTEM_CLOCK, restart_s=PATIENCE_S
            )
            running = threading.Thread(target=lambda: ended.append(one.run(5)))
            running.start()
            assert served.is_asked.wait(PATIENCE_S)
        camera.away = False
        camera.restarts += 1
        with Server(CommandTable.of(ServedCamera(camera)), tmp_path, "camera"):
            running.join(PATIENCE_S)
    assert [(one.frames, one.whole) for one in ended] == [(5, True)]
