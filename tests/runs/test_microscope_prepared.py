"""Runs of the built-in microscope that are prepared first: shown, refused when something changed, started."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, RunNotFoundError
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence, combine, confirm

PATIENCE_S = 60.0
NUCLEUS = [{"config": "nucleus", "exposure": 5}]


def relative(**more):
    places = [{"x": 10, "y": 0, "relative": True}, {"x": 300, "y": 0, "relative": True}]
    return Sequence(channels=NUCLEUS, stage_positions=places, **more)


def test_a_run_is_prepared_and_then_started_or_not(tmp_path):
    """One rig for all of it: to start one takes the time of the test."""
    with open_rig("microscope", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        what_would_run_is_shown_and_nothing_is_touched(rig)
        it_is_started_or_told_what_changed(rig)
        what_the_rig_cannot_do_is_refused_when_it_is_prepared(rig)
        a_continuation_is_prepared_dropped_and_started(rig)
        a_changed_plan_has_another_forecast(rig)
        a_stage_slower_than_it_declares_is_named_in_status_and_record(rig)


def what_would_run_is_shown_and_nothing_is_touched(rig):
    changes = []
    with closing(rig.runs.subscribe(lambda change: changes.append((change.status.run, change.change)))):
        handle = rig.prepare(relative(time_plan={"interval": 1, "loops": 4}), name="shown")
        with parfocal.attach("microscope") as other:
            status = other.runs["shown"].status()
            assert other.runs["shown"].events[7]["x_um"] == 300.0
        assert (status.state, status.events_total, status.folder, status.claims) == ("prepared", 8, "", ())
        assert not status.is_running
        assert 3.0 < status.forecast.duration_s < 30.0  # the last position, and what devices and calls take
        assert status.forecast.largest_move_um == 290.0
        assert status.forecast.disk_bytes == 8 * rig.stream("camera").spec.nbytes
        assert status.forecast.disk_free_bytes > 0
        outline = rig["runs"].outline("shown", 80)
        assert (outline.events_total, len(outline.places)) == (8, 2)
        assert rig["xy"].positions() == {"x": 0.0, "y": 0.0}
        rig["camera"].set_exposure_ms(4.0)  # nobody has claimed it

        for refused in (handle.pause, handle.finish, handle.confirm):
            with pytest.raises(BadInputError, match="is prepared, and was not started"):
                refused()
        with pytest.raises(BadInputError, match="is prepared; give the new one another name"):
            rig.run(relative(), name="shown")
        dropped = handle.cancel("not today")
        assert (dropped.state, dropped.outcome, dropped.reason) == ("ended", "cancelled", "not today")
        assert handle.wait(PATIENCE_S).outcome == "cancelled"
        with pytest.raises(BadInputError, match="cancelled before it was started"):
            handle.start()
        assert poll_until(lambda: ("shown", "ended") in changes, PATIENCE_S)
    assert [change for run, change in changes if run == "shown"] == ["prepared", "ended"]


def it_is_started_or_told_what_changed(rig):
    handle = rig.prepare(relative(), name="later")
    rig["xy"].move({"x": 50.0})
    with pytest.raises(BadInputError, match="x stood at 0 um, and stands at 50 um"):
        handle.start()
    rig["xy"].move({"x": 0.0})

    first = rig.run(combine(confirm("go on?"), relative(), axis="t"), name="first")
    assert poll_until(lambda: first.status().question, PATIENCE_S)
    with pytest.raises(ClaimedError, match="first"):
        handle.start()
    assert handle.status().state == "prepared"
    first.cancel()
    first.wait(PATIENCE_S)

    assert handle.start().run == "later"
    assert handle.start().run == "later"  # somebody else may have pressed the button, too
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired, status.frames_stored) == ("complete", 2, 2)
    assert status.forecast.largest_move_um == 290.0
    assert [event["x_um"] for event in handle.events] == [10.0, 300.0]


def what_the_rig_cannot_do_is_refused_when_it_is_prepared(rig):
    with pytest.raises(BadInputError, match=r"event 0 \(t=0, p=0, c=0, z=0\): there is no channel 'nucleas'"):
        rig.prepare(Sequence(channels=["nucleas"]))
    with pytest.raises(
        BadInputError, match=r"event 1 \(.*\): exposure_ms 2e\+07 is beyond the limits of the camera"
    ):
        rig.prepare(Sequence(channels=[*NUCLEUS, {"config": "cytoplasm", "exposure": 2e7}]))
    with pytest.raises(BadInputError, match=r"power 1\.5 is beyond the limits of light 'excitation', 0 to 1"):
        rig.prepare(Sequence(channels=[{"config": "nucleus", "power": 1.5}]))
    rig["camera"].set_binning(1)
    handle = rig.prepare(Sequence(channels=NUCLEUS), name="whole")
    rig["camera"].set_binning(2)
    with pytest.raises(BadInputError, match="the camera's frames were"):
        handle.start()
    rig["camera"].set_binning(1)
    assert handle.start().forecast == handle.wait(PATIENCE_S).forecast


def a_continuation_is_prepared_dropped_and_started(rig):
    before = rig.runs["later"].status()
    handle = rig.prepare(relative(), continues="later")
    status = handle.status()
    assert (status.run, status.state, status.folder) == ("later", "prepared", before.folder)
    assert (status.events_total, status.claims) == (4, ())
    assert [event["index"]["t"] for event in handle.events] == [0, 0, 1, 1]
    with pytest.raises(BadInputError, match="'later' is prepared, and was not started"):
        rig.run(relative(), continues="later")
    dropped = handle.cancel("not today")
    assert (dropped.outcome, dropped.folder) == ("cancelled", before.folder)
    assert dropped.reason == "not today; what it was to go on with stays complete"
    assert parfocal.open_run(before.folder).outcome == "complete"
    with pytest.raises(BadInputError, match="cancelled before it was started"):
        handle.start()

    again = rig.prepare(relative(), continues="later")
    assert again.start().run == "later"
    status = again.wait(PATIENCE_S)
    assert (status.outcome, status.folder) == ("complete", before.folder)
    assert (status.events_total, status.events_acquired, status.frames_stored) == (4, 4, 4)
    with pytest.raises(RunNotFoundError, match="nowhere"):
        rig.prepare(relative(), continues="nowhere")


def a_changed_plan_has_another_forecast(rig):
    handle = rig.run(combine(confirm("go on?"), relative(), axis="t"), name="changed")
    assert poll_until(lambda: handle.status().question, PATIENCE_S)
    first = handle.status().forecast
    longer = handle.extend(relative(time_plan={"interval": 100, "loops": 2})).forecast
    assert first.duration_s < 100 < longer.duration_s
    assert longer.disk_bytes == 3 * first.disk_bytes
    hurried = relative(time_plan={"interval": 0.01, "loops": 20})
    replaced = handle.replace_future(hurried)
    assert replaced.forecast.duration_s < longer.duration_s
    assert any("late from time point" in warning for warning in replaced.forecast.warnings)
    assert handle.cancel().forecast == replaced.forecast
    handle.wait(PATIENCE_S)


def a_stage_slower_than_it_declares_is_named_in_status_and_record(rig):
    rig["xy"].set_speed(2000.0, "x")
    rig["xy"].inject_fault("slow", {"part": 0.5})
    far = [(700.0 * (place % 2), 0) for place in range(8)]
    status = rig.run(Sequence(stage_positions=far, channels=NUCLEUS), name="slow").wait(PATIENCE_S)
    rig["xy"].inject_fault("free")
    assert status.outcome == "complete"
    assert re.fullmatch(r"x moves at 0\.\d+ of its declared speed", status.reason)
    record = parfocal.open_run(status.folder)
    assert record.manifest.reason == status.reason
    assert record.timing()["image"].events == 8
    warned = rig.prepare(Sequence(stage_positions=far, channels=NUCLEUS), name="next").status().forecast
    assert any("of its declared speed" in warning for warning in warned.warnings)
    rig.restart("runs")  # its next process knows what was measured
    warned = rig.prepare(Sequence(stage_positions=far, channels=NUCLEUS), name="later on").status().forecast
    assert any("of its declared speed" in warning for warning in warned.warnings)
