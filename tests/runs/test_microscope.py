"""Runs of the built-in microscope, each part in a process of its own: one rig for all."""

from __future__ import annotations

import os
import threading
from functools import partial

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, CommandError, RunFailedError
from parfocal.core.run_status import RunStatus
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence, acquire, call, combine, confirm, wait

PATIENCE_S = 60.0
NUCLEUS = [{"config": "nucleus", "exposure": 5}]
CHANNELS = [{"config": "nucleus", "exposure": 5}, {"config": "cytoplasm", "exposure": 8}]
PLACES = [(0, 0, 0), (300, 0, 2)]


def series(loops, interval=0.0, channels=NUCLEUS, **more):
    return Sequence(time_plan={"interval": interval, "loops": loops}, channels=channels, **more)


pytestmark = pytest.mark.usefixtures("shared_roots")


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("microscope") / "runs")
    with open_rig("microscope", changes={"recorder.folder": folder}) as rig:
        yield rig


def until(condition, what="it"):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def state_of(handle):
    return handle.status().state


def has_acquired(handle, count):
    return handle.status().events_acquired >= count


def is_dark(rig):
    return not rig["world"].light()


def test_once_a_run_was_waited_for_whatever_is_asked_next_says_that_it_has_ended(rig):
    """Also by others, who have not heard of its end: they are answered by the service."""
    with parfocal.attach("microscope") as other:
        for _ in range(5):
            handle = rig.run(series(1))
            seen = other.runs[handle.name]
            ended = handle.wait(PATIENCE_S)
            assert ended.outcome == "complete"
            assert rig.runs.statuses()[handle.name] == handle.status() == seen.status() == ended
            assert other.runs.statuses()[handle.name] == ended
            assert not handle.is_running()


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


def test_a_plan_for_a_run_that_goes_on_is_appended_or_refused_if_more_is_asked_for(rig):
    room = {"name": "room", "condition": {"of": "free_disk", "above": 0.0001}}
    handle = rig.run(combine(series(1), confirm("go on?"), axis="t"), name="going", interlocks=[room])
    until(lambda: handle.status().question == "go on?", "the question")
    other = {
        "name": "near",
        "condition": {"of": "reading", "service": "z", "command": "position", "below": 9},
    }
    for asked, named in (
        ({"open_ended": True}, "open_ended"),
        ({"interlocks": [other]}, "interlocks"),
        ({"notes": {"dish": 3}}, "notes"),
        ({"pipeline": {"segment": "parfocal.testing.steps:bright"}}, "the pipeline"),
    ):
        with pytest.raises(BadInputError, match=rf"run 'going' goes on.*{named} can't be changed"):
            rig.run(series(2), continues="going", **asked)
    assert handle.status().events_total == 2, "nothing was appended"

    same = rig.run(series(2), continues="going", interlocks=[room])
    assert (same.name, same.status().events_total) == ("going", 4)
    handle.confirm()
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 4)


def test_nothing_is_exposed_after_a_pause_and_the_light_is_off(rig):
    before = rig["camera"].counts()["frames"]
    handle = rig.run(series(1000, 0.01))
    until(lambda: handle.status().frames_received >= 5, "five frames")
    handle.pause("look")
    until(lambda: state_of(handle) == "paused", "the pause")
    frames = handle.status().frames_received
    until(lambda: is_dark(rig), "darkness")
    threading.Event().wait(0.1)
    assert handle.status().frames_received == rig["camera"].counts()["frames"] - before == frames
    handle.resume()
    until(lambda: handle.status().frames_received >= frames + 5, "five more frames")
    handle.cancel("enough")
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("cancelled", "enough")
    assert is_dark(rig)


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


def acquire_nothing():
    return {"type": "sequence", "channels": [{"config": "cytoplasm", "exposure": 5}]}


def test_an_acquisition_is_stopped_from_outside_by_somebody_with_a_name(rig):
    before = rig["camera"].counts()["frames"]
    handle = rig.run(acquire(None))
    until(lambda: rig["camera"].counts()["frames"] > before + 3, "some frames")
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


@pytest.mark.parametrize(
    "asked",
    [
        call("xy", "move", {"targets": {"x": 0.0, "y": 0.0}}),
        call("channels", "set_channel", {"name": "cytoplasm", "lit": False}),
    ],
    ids=["moved", "set"],
)
def test_what_a_call_of_the_plan_has_moved_or_set_is_as_the_next_image_wants_it(rig, asked):
    """It was taken where the call had left the stage, in the channel of the call."""
    place, one = {"stage_positions": [(120, 80)]}, NUCLEUS[0]
    long = series(1, channels=[one | {"exposure": 60_000}], **place)
    handle = rig.run(combine(series(1, **place), asked, long, axis="t"))
    until(lambda: handle.status().event_number == 2 and rig["camera"].is_running(), "the exposure")
    assert (rig["xy"].position("x"), rig["xy"].position("y")) == (120.0, 80.0)
    assert rig["channels"].channel().name == "nucleus"
    handle.cancel("seen")
    assert handle.wait(PATIENCE_S).outcome == "cancelled"


def test_light_that_was_on_before_a_call_is_held_back_between_images_that_come_after_it(rig):
    """A call that uses the light path left it on: the run knew nothing of it any more."""
    asked = call("channels", "channel")
    handle = rig.run(combine(series(1), asked, series(2, 60.0, channels=()), axis="t"))
    until(lambda: has_acquired(handle, 3), "the first image after the call")
    until(lambda: is_dark(rig), "darkness")
    handle.cancel("seen")
    assert handle.wait(PATIENCE_S).outcome == "cancelled"
