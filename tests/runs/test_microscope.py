"""Runs of the built-in microscope, each part in a process of its own, some of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, ClaimedError, CommandError, RunFailedError
from parfocal.core.run_status import RunStatus
from parfocal.devices.simulated.microscope.world import shared_sample
from parfocal.processes import directory
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence, acquire, combine, confirm, wait

PATIENCE_S = 60.0
DARK_WITHIN_S = 20.0
"""On a machine that may be busy with something else; the exposures of these tests would last for a minute."""
NUCLEUS = [{"config": "nucleus", "exposure": 5}]
CHANNELS = [{"config": "nucleus", "exposure": 5}, {"config": "cytoplasm", "exposure": 8}]
PLACES = [(0, 0, 0), (300, 0, 2)]


def series(loops, interval=0.0, channels=NUCLEUS, **more):
    return Sequence(time_plan={"interval": interval, "loops": loops}, channels=channels, **more)


@pytest.fixture
def rig(tmp_path):
    with open_rig("microscope", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        yield rig


def until(condition, what="it"):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def state_of(handle):
    return handle.status().state


def has_acquired(handle, count):
    return handle.status().events_acquired >= count


def is_dark(rig):
    return not rig["world"].light()


def test_a_run_is_steered_extended_recorded_and_gone_on_with(rig):
    plan = combine(series(2, 0.3, CHANNELS, stage_positions=PLACES), confirm("go on?"), series(1), axis="t")
    handle = rig.run(plan, name="first")
    until(lambda: handle.status().question == "go on?", "the question")
    until(lambda: is_dark(rig), "darkness")

    with pytest.raises(ClaimedError, match="first"):
        rig.run(series(1), name="second")
    with parfocal.attach("microscope") as other:
        with pytest.raises(CommandError, match="first"):
            other["camera"].set_exposure_ms(3.0)
        assert other["camera"].exposure_ms() > 0
        other["excitation"].off()

    assert handle.extend(series(1, stage_positions=[(0, 300, 0)])).events_total == 11
    handle.confirm(text="the dish is in place")
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("complete", "")
    assert (status.events_acquired, status.frames_received, status.frames_stored) == (11, 10, 10)
    assert is_dark(rig)
    assert [rig["xy"].positions(), rig["z"].position()] == [{"x": 0.0, "y": 0.0}, 0.0]
    rig["camera"].set_exposure_ms(3.0)

    with pytest.raises(BadInputError, match="nucleus"):
        rig.run(series(1, channels=["nucleas"]))
    with pytest.raises(BadInputError, match="x cannot go to"):
        rig.run(series(1, stage_positions=[(1e6, 0, 0)]))

    again = rig.run(series(1), continues="first")
    status = again.wait(PATIENCE_S)
    assert (status.run, status.outcome, status.events_total) == ("first", "complete", 12)
    run = parfocal.open_run(status.folder)
    events = run.events()
    assert len(events) == 12
    commands = run.manifest.commands
    assert sorted(one.command for one in commands) == ["confirm", "excitation.off", "extend"]
    answer = next(one for one in commands if one.command == "confirm")
    assert answer.details == {"question": "go on?", "answer": True, "text": "the dish is in place"}
    assert all(str(os.getpid()) in one.by for one in commands)


def test_nothing_is_exposed_after_a_pause_and_the_light_is_off(rig):
    handle = rig.run(series(1000, 0.01))
    until(lambda: handle.status().frames_received >= 5, "five frames")
    handle.pause("look")
    until(lambda: state_of(handle) == "paused", "the pause")
    frames = handle.status().frames_received
    until(lambda: is_dark(rig), "darkness")
    threading.Event().wait(0.1)
    assert handle.status().frames_received == rig["camera"].counts()["frames"] == frames
    handle.resume()
    until(lambda: handle.status().frames_received >= frames + 5, "five more frames")
    handle.cancel("enough")
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("cancelled", "enough")
    assert is_dark(rig)


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


@pytest.mark.parametrize("turns", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_cancelled_anywhere_and_started_again_at_once(rig, turns):
    plan = combine(series(3, 0.05, CHANNELS), wait(0.1), confirm("go on?"), series(5000, 0.02), axis="t")
    for turn in range(turns):
        first = rig.run(plan, name="first")
        reached = turn * 2 % 9
        until(partial(has_acquired, first, min(reached, 7)), "so many events")
        if reached > 7:
            first.confirm()
        first.cancel("again")
        assert first.wait(PATIENCE_S).outcome == "cancelled"
        second = rig.run(series(3), name="second").wait(PATIENCE_S)
        assert (second.outcome, second.events_acquired, second.frames_stored) == ("complete", 3, 3)
        assert len(parfocal.open_run(second.folder).events()) == 3


def test_a_child_shares_its_parents_instruments_and_ends_with_it(rig):
    parent = rig.run(series(100_000, 0.05), name="parent")
    child = rig["runs"].start(
        {**acquire_nothing(), "time_plan": {"interval": 0.05, "loops": 100_000}}, parent="parent"
    )
    assert isinstance(child, RunStatus)
    until(lambda: rig["runs"].status(child.run).frames_received >= 3, "frames of the child")
    parent.pause()
    until(lambda: rig["runs"].status(child.run).state == "paused", "the child's pause")
    parent.resume()
    parent.cancel("both")
    assert parent.wait(PATIENCE_S).outcome == "cancelled"
    until(lambda: rig["runs"].status(child.run).outcome == "cancelled", "the end of the child")


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


def acquire_nothing():
    return {"type": "sequence", "channels": [{"config": "cytoplasm", "exposure": 5}]}


def test_an_acquisition_is_stopped_from_outside_by_somebody_with_a_name(rig):
    handle = rig.run(acquire(None))
    until(lambda: rig["camera"].counts()["frames"] > 3, "some frames")
    with parfocal.attach("microscope") as other:
        other["camera"].stop()
    status = handle.wait(PATIENCE_S)
    assert status.outcome == "finished early"
    assert "stopped from outside by" in status.reason

    handle = rig.run(series(3, channels=[{"config": "nucleus", "exposure": 60_000}]))
    until(lambda: rig["camera"].is_running(), "the exposure")
    with parfocal.attach("microscope") as other:
        other["camera"].stop()
    with pytest.raises(RunFailedError, match="stopped from outside by"):
        handle.wait(PATIENCE_S)


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


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("service", ["runs", "excitation", "camera", "channels"])
def test_it_is_dark_within_three_seconds(rig, service, how):
    handle = lit_run(rig)
    assert seconds_to_darkness(rig, kill(rig, service, how)) < 3.0
    if service != "runs":
        handle.cancel("seen")
        assert handle.wait(PATIENCE_S).outcome == "cancelled"
    else:
        with pytest.raises(RunFailedError, match="died at event"):
            handle.wait(PATIENCE_S)
    until(lambda: all(one.state == "ready" for one in rig.status().services.values()), "the restart")
    assert rig.run(series(2)).wait(PATIENCE_S).outcome == "complete"


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
        assert SYSTEM_CLOCK.monotonic_ns() - begin_ns < 3e9
    finally:
        owner.kill()
        owner.wait()
    until(lambda: not directory.rigs(), "the end of the rig")
    assert not is_lit(sample)


def is_lit(sample):
    """Return whether any light reaches the sample, as its world left it: also after that has ended."""
    world = sample.read()
    now_ns = SYSTEM_CLOCK.monotonic_ns()
    return world is not None and any(light.level(now_ns) > 0 for light in world.lights.values())


def test_a_paused_run_has_the_same_images_as_an_unpaused_one(rig):
    plan = combine(series(8, 0.1, CHANNELS), confirm("seen all?"))  # its end waits for whoever pauses it
    ended = []
    for paused in (False, True):
        handle = rig.run(plan)
        if paused:
            until(partial(has_acquired, handle, 5), "five frames")
            handle.pause()
            until(lambda run=handle: state_of(run) == "paused", "the pause")
            handle.resume()
        until(lambda run=handle: run.status().question == "seen all?", "the question")
        handle.confirm()
        ended.append(handle.wait(PATIENCE_S))
    whole, torn = ended
    assert (torn.outcome, torn.events_acquired) == (whole.outcome, whole.events_acquired) == ("complete", 17)
    first, second = parfocal.open_run(whole.folder), parfocal.open_run(torn.folder)
    for t in range(8):
        for c in range(2):
            assert np.array_equal(first.frames(t=t, c=c), second.frames(t=t, c=c)), f"t={t}, c={c}"
