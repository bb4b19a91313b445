"""Runs on Micro-Manager: DemoCamera, and SequenceTester, whose images tell what they were taken with."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from pymmcore_plus.seq_tester import decode_image

import parfocal
from parfocal.cli.app import run as typed
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, CommandError, RunFailedError
from parfocal.core.sequences import ExpectedSequence
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence, combine, confirm

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0
TESTER = str(Path(__file__).parents[1] / "devices" / "micromanager" / "sequence_tester.cfg")
STEPS_PER_UM = 10
STATES = {"one": 1, "two": 2}


def until(condition, what="it"):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def rig_of(tmp_path, **changes):
    return open_rig("micromanager", changes={"recorder.folder": str(tmp_path / "runs"), **changes})


def sequence_tester(tmp_path, **properties):
    changes = {"camera.options.configuration": TESTER, "camera.options.properties": properties}
    return rig_of(tmp_path, **changes)


def complete(rig, plan):
    status = rig.run(plan).wait(PATIENCE_S)
    assert (status.outcome, status.errors.count) == ("complete", 0), status.reason
    return parfocal.open_run(status.folder)


def run_to_pause(rig, plan):
    """Run a plan whose end waits for whoever pauses it."""
    return rig.run(combine(plan, confirm("seen all?")))


def seen_all(handle):
    """Let a run that was paused end; return its status."""
    until(lambda: handle.status().question == "seen all?", "the question")
    handle.confirm()
    return handle.wait(PATIENCE_S)


def seen(frame):
    """Return what a frame saw: the state of each device, by device and property, and the history."""
    told = decode_image(np.asarray(frame.data))
    return {(each.device, each.property): each.value for each in told.current_state}, told


def test_each_frame_saw_what_its_event_asked_for(tmp_path):
    positions = [(0.0, 0.0, 10.0), (30.0, -20.0, -5.0)]
    plan = Sequence(
        time_plan={"interval": 0, "loops": 2},
        stage_positions=positions,
        channels=[{"config": "one", "exposure": 2}, {"config": "two", "exposure": 3}],
        z_plan={"range": 2, "step": 1},
        axis_order="tpcz",
    )
    with sequence_tester(tmp_path) as rig:
        run = complete(rig, plan)
        assert not rig["camera"].shutter_is_open()
    events = {event.number: event for event in plan.events()}
    frames = sorted(run.frames("camera"), key=lambda frame: frame.header.frame)
    assert len(frames) == len(events) == 24
    before = None
    for frame, event in zip(frames, events.values(), strict=True):
        assert frame.index == event.index
        state, told = seen(frame)
        assert state["TZStage-0", "ZPositionUm"] == event.z_um
        assert state["TXYStage-0", "XPositionSteps"] == event.x_um * STEPS_PER_UM
        assert state["TXYStage-0", "YPositionSteps"] == event.y_um * STEPS_PER_UM
        assert state["TSwitcher-0", "Position"] == STATES[event.channel]
        assert state["TCamera-0", "Exposure"] == event.exposure_ms
        assert state["TShutter-0", "ShutterState"] is True
        assert told.camera_info.serial_img_num == frame.header.frame
        assert not told.camera_info.is_sequence
        if before is not None and before != event.channel:
            assert_changed_in_the_dark(told)
        before = event.channel
    assert not run.events()["sequenced"].any()


TRIGGERED = {
    "TriggerSequenceMaxLength": 64,
    "TriggerSourceDevice": "TCamera-0",
    "TriggerSourcePort": "ExposureStartEdge",
}


@pytest.mark.parametrize("stepped", [["TZ"], ["TZ", "TSwitch"]], ids=["heights", "heights and channels"])
def test_what_steps_by_itself_is_taken_as_one_and_the_record_says_so(stepped, tmp_path):
    plan = Sequence(
        time_plan={"interval": 0, "loops": 2},
        stage_positions=[(0.0, 0.0, 3.0)],
        channels=[{"config": "one", "exposure": 2}, {"config": "two", "exposure": 2}],
        z_plan={"range": 8, "step": 1},
    )
    with sequence_tester(tmp_path, **dict.fromkeys(stepped, TRIGGERED)) as rig:
        told = rig.prepare(plan).status().forecast.warnings
        parts = 2 if "TSwitch" in stepped else 4
        assert any(f"take 36 of 36 images by themselves, in {parts} sequences" in one for one in told)
        assert any("channels are set image by image" in one for one in told) is (parts == 4)
        run = complete(rig, plan)
        assert rig["z"].position() == 0.0
    frames = sorted(run.frames("camera"), key=lambda frame: frame.header.frame)
    assert len(frames) == len(plan) == 36
    for frame, event in zip(frames, plan.events(), strict=True):
        assert frame.index == event.index
        state, told = seen(frame)
        assert told.camera_info.is_sequence
        assert state["TZStage-0", "ZPositionUm"] == event.z_um
        assert state["TSwitcher-0", "Position"] == STATES[event.channel]
        assert state["TShutter-0", "ShutterState"] is True
        triggered = [each.property for each in told.history if each.property.startswith("trig-in:")]
        assert "trig-in:ZPositionUm" in triggered
        assert ("trig-in:Position" in triggered) is ("TSwitch" in stepped)
    assert run.events()["sequenced"].tolist() == [1] * 36


ALL_STEPPED = dict.fromkeys(["TZ", "TSwitch"], TRIGGERED)
LONG = Sequence(
    time_plan={"interval": 0, "loops": 6},
    stage_positions=[(0.0, 0.0, 3.0)],
    channels=[{"config": "one", "exposure": 20}, {"config": "two", "exposure": 20}],
    z_plan={"range": 12, "step": 1},
)


def what_frames_saw(run):
    """Return of each frame, in the order of the plan, what its devices stood at."""
    frames = sorted(run.frames("camera"), key=lambda frame: LONG.layout_number(frame.index))
    return [seen(frame)[0] for frame in frames]


def test_the_stage_of_the_demo_steps_once_its_property_is_set_as_its_page_says(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "micromanager.md").read_text("utf-8")
    assert 'settings.options.properties.Z.UseSequences = "Yes"' in page
    plan = Sequence(time_plan={"interval": 0, "loops": 3}, z_plan={"range": 4, "step": 1}, channels=["DAPI"])
    with rig_of(tmp_path, **{"camera.options.properties.Z.UseSequences": "Yes"}) as rig:
        told = rig.prepare(plan).status().forecast.warnings
        assert told == ("its devices take 15 of 15 images by themselves, in 1 sequence",)
        assert complete(rig, plan).events()["sequenced"].all()


def test_a_pause_cuts_a_sequence_short_and_what_was_queued_is_taken_in_order_after_it(tmp_path):
    with sequence_tester(tmp_path, **ALL_STEPPED) as rig:
        whole = complete(rig, LONG)
        camera, handle = rig["camera"], run_to_pause(rig, LONG)
        for part in range(1, 4):
            until(lambda: camera.counts()["frames"] > len(LONG) + 30 * part, "the next frames")  # noqa: B023
            handle.pause()
            until(lambda: handle.status().state == "paused", "the pause")
            taken = camera.counts()["frames"]
            until(lambda: not camera.shutter_is_open(), "the shutter is closed")
            assert camera.counts()["frames"] == taken
            assert camera.counts()["lost"] == 0
            handle.resume()
        status = seen_all(handle)
        assert (status.outcome, status.frames_stored) == ("complete", len(LONG)), status.reason
        paused = parfocal.open_run(status.folder)
    frames = list(paused.frames("camera"))
    assert [frame.index for frame in frames] == [event.index for event in LONG.events()]
    for one, other, event in zip(frames, whole.frames("camera"), LONG.events(), strict=True):
        state, unpaused = (seen(frame)[0] for frame in (one, other))
        asked = ("TCamera-0", "Busy")  # how often it was asked whether it is
        assert state | {asked: 0} == unpaused | {asked: 0}
        assert state["TZStage-0", "ZPositionUm"] == event.z_um
        assert state["TSwitcher-0", "Position"] == STATES[event.channel]


def test_a_paused_run_has_the_same_bytes_as_one_that_was_not(tmp_path):
    plan = Sequence(time_plan={"interval": 0, "loops": 120}, channels=[{"config": "DAPI", "exposure": 20}])
    pattern = {"Camera": {"Mode": "Color Test Pattern"}}
    with rig_of(tmp_path, **{"camera.options.properties": pattern}) as rig:
        whole = complete(rig, plan)
        handle = run_to_pause(rig, plan)
        until(lambda: handle.status().events_acquired >= 5, "the fifth event")
        handle.pause()
        until(lambda: handle.status().state == "paused", "the pause")
        handle.resume()
        paused = parfocal.open_run(seen_all(handle).folder)
    for one, other in zip(paused.frames("camera"), whole.frames("camera"), strict=True):
        assert np.asarray(one.data).tobytes() == np.asarray(other.data).tobytes()


def test_a_finished_run_cuts_its_sequence_short_and_tells_what_was_taken_too_much(tmp_path):
    plan = Sequence(time_plan={"interval": 0, "loops": 300}, channels=[{"config": "DAPI", "exposure": 20}])
    with rig_of(tmp_path) as rig:
        handle = rig.run(plan)
        until(lambda: handle.status().events_acquired >= 5, "the fifth event")
        handle.finish()
        status = handle.wait(PATIENCE_S)
        assert status.outcome == "finished early"
        beyond = len(parfocal.open_run(status.folder).frames("camera")) - status.events_acquired
        assert ("beyond the last event" in status.reason) == bool(beyond)


def test_a_cancel_ends_a_sequence_at_once_and_the_record_tells_of_each_frame_that_it_has(tmp_path):
    plan = Sequence(time_plan={"interval": 0, "loops": 40}, channels=[{"config": "DAPI", "exposure": 400}])
    with rig_of(tmp_path) as rig:
        camera, handle = rig["camera"], rig.run(plan)
        until(lambda: camera.counts()["frames"] >= 3, "the third frame")
        handle.cancel("enough")
        status = handle.wait(PATIENCE_S)
        assert status.outcome == "cancelled"
        beyond = camera.counts()["frames"] - status.events_acquired
        assert (f"{beyond} image" in status.reason) is (beyond > 0)
        assert ("taken beyond the last event" in status.reason) is (beyond > 0)
        assert camera.counts()["lost"] == 0
        complete(rig, Sequence(time_plan={"interval": 0, "loops": 3}, channels=["DAPI"]))


def test_exposures_step_where_the_camera_says_so_and_each_frame_has_its_own(tmp_path):
    exposures_ms = (4.0, 3000.0, 4.0, 3000.0)
    expected = ExpectedSequence(events=(0, 1, 2, 3), exposures_ms=exposures_ms)
    with rig_of(tmp_path) as rig:
        camera = rig["camera"]
        assert camera.sequence_limits().exposures == 0
        camera.set_camera_property("UseExposureSequences", "Yes")
        assert camera.sequence_limits().exposures >= 4
        headers = camera.take_sequence(expected)
        assert camera.exposure_ms() == 4.0
        assert camera.camera_properties()["Exposure"] == "4.0000"
    assert [header.exposure_ns * 1e-6 for header in headers] == list(exposures_ms)
    apart_ms = np.diff([header.time_ns for header in headers]) * 1e-6
    assert (apart_ms[::2] > 1500).all()
    assert apart_ms[1] < 1500


def test_a_sequence_that_a_device_refuses_says_why_also_after_one_that_was_whole(tmp_path):
    whole = ExpectedSequence(events=(0, 1), exposures_ms=(4.0,))
    refused = ExpectedSequence(events=(2, 3), exposures_ms=(4.0,), heights_um=(0.0, 1.0), stage="Z")
    with rig_of(tmp_path) as rig:
        camera = rig["camera"]
        assert camera.sequence_limits("Z").heights == 0
        for _ in range(2):
            assert None not in camera.take_sequence(whole)
            with pytest.raises(CommandError, match="step through 2 heights"):
                camera.take_sequence(refused)
        camera.start()
        with pytest.raises(CommandError, match="the camera is running"):
            camera.take_sequence(refused)
        camera.stop()
        assert [header.event for header in camera.snap()] == [-1], "nothing steps for whoever was refused"


def assert_changed_in_the_dark(told):
    """Check that the switch was set between the shutter's closing and its opening."""
    order = [(each.property, each.value) for each in told.history]
    closed, opened = (
        order.index(("ShutterState", False)),
        len(order) - 1 - order[::-1].index(("ShutterState", True)),
    )
    assert closed < next(at for at, (name, _) in enumerate(order) if name == "Position") < opened


def test_what_micromanager_does_not_do_is_an_error(tmp_path):
    wide = {"z": {"limits": [-1000, 1000], "speed": 1000}}  # the device takes -300 to 300
    with rig_of(tmp_path, **{"z.options.axes": wide, "channels.options.group": "Camera"}) as rig:
        with pytest.raises(RunFailedError, match="Position out of range"):
            rig.run(Sequence(stage_positions=[(0, 0, 500)])).wait(PATIENCE_S)
        with pytest.raises(CommandError, match="Position out of range"):
            rig["z"].move({"z": 400.0})
        with pytest.raises(BadInputError, match=r"channel 'LowRes' sets Binning .* to '4', which is '1'"):
            rig.run(Sequence(channels=["LowRes"]))
        assert rig["camera"].camera_properties()["Binning"] == "1"


def test_a_live_stream_goes_on_after_a_configuration_and_a_run(tmp_path):
    with rig_of(tmp_path) as rig:
        camera = rig["camera"]
        camera.start()
        camera.load_configuration(TESTER)
        assert camera.is_running()
        assert camera.camera_label() == "TCamera"
        with pytest.raises(CommandError, match="nowhere"):
            camera.load_configuration("nowhere.cfg")
        camera.load_configuration("demo")
        before = camera.counts()["frames"]
        until(lambda: camera.counts()["frames"] > before, "the next live frame")
        complete(rig, Sequence(time_plan={"interval": 0, "loops": 2}, channels=["DAPI"]))
        assert camera.is_running()


def test_a_core_that_is_killed_or_hangs_is_started_again_and_the_run_goes_on(tmp_path):
    channels = [{"config": name, "exposure": 30} for name in ("DAPI", "FITC")]
    plan = Sequence(time_plan={"interval": 0, "loops": 40}, channels=channels, z_plan={"range": 1, "step": 1})
    with rig_of(tmp_path) as rig:
        for restarts, how in enumerate((signal.SIGKILL, signal.SIGSTOP)):
            handle = rig.run(plan)
            until(lambda: handle.status().events_acquired >= 5, "the fifth event")  # noqa: B023
            os.kill(rig.status().services["camera"].pid, how)
            status = handle.wait(PATIENCE_S)
            assert (status.outcome, status.events_acquired) == ("complete", 160), status.reason
            assert rig.status().services["camera"].restarts > restarts
            until(lambda: not rig["camera"].shutter_is_open(), "the shutter is closed")
            assert len(parfocal.open_run(status.folder).frames("camera")) == 160


def test_the_demo_is_complete_opened_and_drawn(tmp_path, capsys):
    asked = ["--time-points", "2", "--planes", "3", "--interval", "0", "--out", str(tmp_path), "--json"]
    assert typed(["demo", "micromanager", *asked]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["outcome"], told["images"], told["shape"][:4]) == ("complete", 24, [2, 1, 4, 3])
    assert told["heights_um"] == [-1.0, 0.0, 1.0]
    assert Path(told["picture"]).stat().st_size > 1000
