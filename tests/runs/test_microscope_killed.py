"""Runs of the built-in microscope that is set up otherwise, or loses a process in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import RunFailedError
from parfocal.devices.simulated.microscope.sample import shared_sample
from parfocal.processes import directory
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence, acquire, combine, confirm
from parfocal.storage.image import read_document

PATIENCE_S = 60.0
DARK_WITHIN_S = 20.0
"""On a machine that may be busy with something else; the exposures of these tests would last for a minute."""
NUCLEUS = [{"config": "nucleus", "exposure": 5}]


def series(loops, interval=0.0, channels=NUCLEUS, **more):
    return Sequence(time_plan={"interval": interval, "loops": loops}, channels=channels, **more)


@pytest.fixture
def rig(tmp_path):
    with open_rig("microscope", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        yield rig


def until(condition, what="it"):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def is_dark(rig):
    return not rig["world"].light()


def test_lost_frames_are_declared_and_a_killed_camera_repeats_its_event(rig):
    rig["camera"].inject_fault("lost", {"frames": 1})
    status = rig.run(series(3)).wait(PATIENCE_S)
    assert (status.outcome, status.events_dropped) == ("incomplete: lost 1", {"lost": 1})

    handle = rig.run(series(2, channels=[{"config": "nucleus", "exposure": 1500}]))
    until(lambda: not is_dark(rig), "the first exposure")
    kill(rig, "camera", signal.SIGKILL)
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired, status.frames_stored) == ("complete", 2, 2)
    assert status.errors.count >= 1


@pytest.mark.slow
def test_an_image_whose_light_went_out_in_its_exposure_is_replaced_by_the_one_that_is_taken_again(rig):
    """The camera lives on, and delivers the first one all the same."""
    long = series(1, channels=[{"config": "nucleus", "exposure": 6000}])
    bright = stored_means(rig.run(long).wait(PATIENCE_S))
    handle = rig.run(long)
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    kill(rig, "channels", signal.SIGKILL)
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.frames_stored) == ("complete", 1)
    assert stored_means(status) == pytest.approx(bright, rel=0.1)
    assert "1 of camera came for an event that had a frame" in status.reason


@pytest.mark.slow
def test_a_recorder_that_is_killed_before_the_image_is_taken_again_knows_that_it_is_to_be_replaced(rig):
    """Its next process kept the dark one, and the run was complete."""
    long = series(1, channels=[{"config": "nucleus", "exposure": 6000}])
    bright = stored_means(rig.run(long).wait(PATIENCE_S))
    handle = rig.run(long)
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    images = Path(handle.status().folder) / "frames.ome.zarr"
    kill(rig, "channels", signal.SIGKILL)
    until(lambda: read_document(images)["attributes"]["parfocal"]["retaken"]["before"], "it is told")
    kill(rig, "recorder", signal.SIGKILL)
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.frames_stored) == ("complete", 1)
    assert stored_means(status) == pytest.approx(bright, rel=0.1)


def stored_means(status):
    return [float(frame.data.mean()) for frame in parfocal.open_run(status.folder).frames()]


@pytest.mark.slow
def test_an_image_in_which_one_instrument_after_the_other_ends_is_taken_all_the_same(rig):
    handle = rig.run(series(1, channels=[{"config": "nucleus", "exposure": 8000}]))
    for service in ("camera", "xy", "channels", "excitation"):
        until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
        before = handle.status().errors.count
        kill(rig, service, signal.SIGKILL)
        assert poll_until(partial(has_more_errors, handle, before), PATIENCE_S)
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.frames_stored) == ("complete", 1)
    assert {error.source for error in status.errors.last} == {"camera", "xy", "channels", "excitation"}


def has_more_errors(handle, before):
    return handle.status().errors.count > before


PLACE = [(120.0, 80.0)]


@pytest.fixture
def homing(tmp_path):
    """Return a rig whose stages go home when they are started; nobody has left z there."""
    stage = "parfocal.testing.homing_stage:HomingStage"
    changes = {"recorder.folder": str(tmp_path / "runs"), "xy.device": stage, "z.device": stage}
    with open_rig("microscope", changes=changes) as rig:
        rig["z"].move({"z": 25.0})
        yield rig


def place(rig):
    return (rig["xy"].position("x"), rig["xy"].position("y"), rig["z"].position("z"))


@pytest.mark.parametrize("service", ["xy", pytest.param("z", marks=pytest.mark.slow)])
def test_a_stage_that_was_started_again_while_the_run_waited_is_placed_again(homing, service):
    """No call was under way: the run took it for being where it had sent it, and the record said so."""
    rig, home = homing, {"xy": (0.0, 0.0, 25.0), "z": (*PLACE[0], 0.0)}
    long = series(1, channels=[{"config": "nucleus", "exposure": 60_000}], stage_positions=PLACE)
    handle = rig.run(combine(series(1, stage_positions=PLACE), confirm("go on?"), long, axis="t"))
    until(lambda: handle.status().question, "the question")
    assert place(rig) == (*PLACE[0], 25.0)
    pid = rig.status().services[service].pid
    kill(rig, service, signal.SIGKILL)
    until(lambda: is_back(rig, service, pid), "the restart")
    until(lambda: place(rig) == home[service], "its home")
    handle.confirm()
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    assert place(rig) == (*PLACE[0], 25.0)
    handle.cancel("seen")
    assert handle.wait(PATIENCE_S).outcome == "cancelled"


def test_an_acquisition_begins_where_its_stage_was_and_tells_where_that_was_started_again(homing):
    rig = homing
    handle = rig.run(combine(series(1, stage_positions=PLACE), confirm("go on?"), acquire(None), axis="t"))
    until(lambda: handle.status().question, "the question")
    pid = rig.status().services["xy"].pid
    kill(rig, "xy", signal.SIGKILL)
    until(lambda: is_back(rig, "xy", pid), "the restart")
    handle.confirm()
    until(lambda: frames_of(handle) > 3, "the acquisition")
    assert place(rig) == (*PLACE[0], 25.0)
    pid = rig.status().services["xy"].pid
    kill(rig, "xy", signal.SIGKILL)
    until(lambda: is_back(rig, "xy", pid), "the restart")
    frames = frames_of(handle)
    until(lambda: frames_of(handle) > frames + 3, "the next looks of the run")
    handle.finish("seen")
    status = handle.wait(PATIENCE_S)
    told = "xy was started again in the middle: frames after that may be of another place"
    assert status.reason.count(told) == 1
    assert place(rig) == (0.0, 0.0, 25.0), "as it was found"


def test_an_image_in_whose_exposure_a_stage_was_started_again_is_taken_again(homing):
    rig = homing
    channels = [{"config": "nucleus", "exposure": 4000}]
    handle = rig.run(series(1, channels=channels, stage_positions=PLACE))
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    kill(rig, "xy", signal.SIGKILL)
    until(lambda: handle.status().errors.count, "the error")
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    assert place(rig) == (*PLACE[0], 25.0)
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.frames_stored) == ("complete", 1)
    assert "xy ended during the exposure" in status.errors.last[-1].message
    assert "1 of camera came for an event that had a frame" in status.reason
    assert place(rig) == (0.0, 0.0, 25.0), "as it was found"


def test_tiles_lie_as_far_apart_as_a_frame_is_wide(tmp_path):
    camera = {"binning": 2, "region": [0, 0, 400, 256]}
    set_so = {"recorder.folder": str(tmp_path / "runs"), "camera.options": camera}
    with open_rig("microscope", changes=set_so) as rig:
        grid = {"rows": 2, "columns": 2, "x": 100, "y": 50, "overlap": 10}
        handle = rig.run(Sequence(stage_positions=grid, channels=NUCLEUS))
        status = handle.wait(PATIENCE_S)
        assert status.outcome == "complete"
        done = parfocal.open_run(status.folder).events()
        width_um, height_um = 0.9 * 400 * 0.65, 0.9 * 256 * 0.65
        assert done["x_um"] == pytest.approx([100 + side * width_um / 2 for side in (-1, 1, 1, -1)])
        assert done["y_um"] == pytest.approx([50 + side * height_um / 2 for side in (1, 1, -1, -1)])


def kill(rig, service, how):
    """Kill a service's process, or have it stand still; return when, on the monotonic clock."""
    record = directory.record(rig.name, service)
    assert record is not None
    before_ns = SYSTEM_CLOCK.monotonic_ns()
    os.kill(record.pid, how)
    return before_ns


def lit_run(rig):
    """Return a run in the middle of a long exposure."""
    handle = rig.run(series(3, channels=[{"config": "nucleus", "exposure": 60_000}]))
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "the exposure")
    return handle


def seconds_to_darkness(rig, since_ns):
    """Wait for darkness; return after how long it came, as the world has it."""
    until(lambda: is_dark(rig), "darkness")
    changes = [change for change in rig["world"].light_log(since_ns) if change.level == 0]
    return (changes[-1].time_ns - since_ns) * 1e-9


def test_it_is_dark_when_the_engine_is_killed_and_its_record_says_so(rig):
    rig.run(series(4)).wait(PATIENCE_S)
    handle = lit_run(rig)
    killed_ns = kill(rig, "runs", signal.SIGKILL)
    assert seconds_to_darkness(rig, killed_ns) < DARK_WITHIN_S
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    status = handle.status()
    manifest = parfocal.open_run(status.folder).manifest
    assert (manifest.outcome, manifest.streams["camera"].stored) == ("failed", status.frames_stored)
    assert (status.errors.count, status.errors.last[0].event) == (1, status.event_number)
    assert rig.run(series(2)).wait(PATIENCE_S).outcome == "complete"


def is_back(rig, service, pid):
    """Whether another process of a service is ready, and all others are, too."""
    services = rig.status().services
    return services[service].pid != pid and all(one.state == "ready" for one in services.values())


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("service", ["runs", "excitation", "camera", "channels"])
def test_it_is_dark_long_before_the_exposure_would_have_ended(rig, service, how):
    handle = lit_run(rig)
    pid = rig.status().services[service].pid
    assert seconds_to_darkness(rig, kill(rig, service, how)) < DARK_WITHIN_S
    if service != "runs":
        handle.cancel("seen")
        assert handle.wait(PATIENCE_S).outcome == "cancelled"
    else:
        with pytest.raises(RunFailedError, match="died at event"):
            handle.wait(PATIENCE_S)
    until(lambda: is_back(rig, service, pid), "the restart")
    assert rig.run(series(2)).wait(PATIENCE_S).outcome == "complete"


def frames_of(handle):
    """Return how many frames an acquisition has exposed, as its run saw last."""
    word = handle.status().event_text.partition(" ")[0]
    return int(word) if word.isdigit() else 0


@pytest.mark.parametrize(
    "service",
    ["camera", *(pytest.param(one, marks=pytest.mark.slow) for one in ("excitation", "channels"))],
)
def test_the_light_of_frames_that_the_camera_takes_by_itself_is_set_again_and_the_record_tells(rig, service):
    handle = rig.run(combine(series(1), acquire(None)))
    until(lambda: handle.status().event_number == 1 and rig["camera"].is_running(), "the acquisition")
    until(lambda: not is_dark(rig), "its light")
    pid = rig.status().services[service].pid
    since_ns = kill(rig, service, signal.SIGKILL)
    seconds_to_darkness(rig, since_ns)
    until(lambda: is_back(rig, service, pid), "the restart")
    until(lambda: not is_dark(rig) and rig["camera"].is_running(), "light and frames again")
    frames = frames_of(handle)
    until(lambda: frames_of(handle) > frames, "the next look of the run at its camera")
    handle.finish("seen")
    status = handle.wait(PATIENCE_S)
    assert "frames were taken in the dark: " in status.reason
    assert "the run has set its light again" in status.reason
    assert status.reason == parfocal.open_run(status.folder).manifest.reason
    assert is_dark(rig)


def test_light_that_the_run_had_not_set_stays_off_after_the_death_of_a_camera_and_the_record_tells(rig):
    rig["channels"].set_channel("nucleus", lit=True)
    handle = rig.run(acquire(None))
    until(lambda: handle.status().event_number == 0 and rig["camera"].is_running(), "the acquisition")
    pid = rig.status().services["camera"].pid
    seconds_to_darkness(rig, kill(rig, "camera", signal.SIGKILL))
    until(lambda: is_back(rig, "camera", pid) and rig["camera"].is_running(), "frames again")
    frames = frames_of(handle)
    until(lambda: frames_of(handle) > frames + 3, "the next looks of the run at its camera")
    handle.finish("seen")
    status = handle.wait(PATIENCE_S)
    assert "is off since: the run had not set it itself" in status.reason
    assert is_dark(rig)


OWNER = """
import sys, time
from parfocal import open_rig
from parfocal.runs import Sequence

if __name__ == "__main__":
    with open_rig("microscope", changes={"recorder.folder": sys.argv[1]}) as rig:
        channels = [{"config": "nucleus", "exposure": 60_000}]
        rig.run(Sequence(time_plan={"interval": 0, "loops": 3}, channels=channels))
        time.sleep(1000)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_it_is_dark_when_the_program_that_owns_the_rig_is_gone(tmp_path, how):
    script = tmp_path / "owner.py"
    script.write_text(OWNER, encoding="utf-8")
    owner = subprocess.Popen([sys.executable, str(script), str(tmp_path / "runs")], stderr=subprocess.DEVNULL)
    try:
        until(directory.rigs, "the start")
        sample = shared_sample(directory.shm_folder("microscope"), "world")
        until(lambda: is_lit(sample), "the light")
        owner.send_signal(how)
        begin_ns = SYSTEM_CLOCK.monotonic_ns()
        until(lambda: not is_lit(sample), "darkness")
        assert SYSTEM_CLOCK.monotonic_ns() - begin_ns < DARK_WITHIN_S * 1e9
    finally:
        owner.kill()
        owner.wait()
    until(lambda: not directory.runtime_folder("microscope").exists(), "the end of all its processes")
    assert not is_lit(sample)


def is_lit(sample):
    """Return whether any light reaches the sample, as its world left it: also after that has ended."""
    world = sample.read()
    now_ns = SYSTEM_CLOCK.monotonic_ns()
    return world is not None and any(light.level(now_ns) > 0 for light in world.lights.values())
