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
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence

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


def test_a_sequence_ends_before_a_pause_and_what_it_took_too_much_is_told(tmp_path):
    plan = Sequence(time_plan={"interval": 0, "loops": 300}, channels=[{"config": "DAPI", "exposure": 20}])
    with rig_of(tmp_path) as rig:
        camera, handle = rig["camera"], rig.run(plan)
        until(lambda: handle.status().events_acquired >= 5, "the fifth event")
        handle.pause()
        until(lambda: handle.status().state == "paused", "the pause")
        taken = camera.counts()["frames"]
        until(lambda: not camera.shutter_is_open(), "the shutter is closed")
        assert camera.counts()["frames"] == taken
        handle.resume()
        status = handle.wait(PATIENCE_S)
        assert (status.outcome, status.frames_stored) == ("complete", 300)
        assert parfocal.open_run(status.folder).events()["sequenced"].all()
        handle = rig.run(plan)
        until(lambda: handle.status().events_acquired >= 5, "the fifth event")
        handle.finish()
        status = handle.wait(PATIENCE_S)
        assert status.outcome == "finished early"
        beyond = len(parfocal.open_run(status.folder).frames("camera")) - status.events_acquired
        assert ("beyond the last event" in status.reason) == bool(beyond)


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
    plan = Sequence(
        time_plan={"interval": 0, "loops": 40}, channels=["DAPI", "FITC"], z_plan={"range": 1, "step": 1}
    )
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
