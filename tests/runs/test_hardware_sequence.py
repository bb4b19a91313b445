"""Which events of a plan the instruments take by themselves, and how their frames are handed out."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.core.sequences import ExpectedSequence, SequenceLimits
from parfocal.runs import Sequence, combine, wait
from parfocal.runs.instruments.hardware_sequence import HardwareSequences
from parfocal.runs.instruments.sequenced_events import sequences_of, sequences_text

STEPPED = SequenceLimits(frames=100, heights=100)
STILL = SequenceLimits(frames=100)
AT = [(0.0, 0.0, 5.0)]


def taken(plan, limits, first=0, exposure_ms=10.0):
    parts = sequences_of(plan.events(first), lambda event: event.exposure_ms or exposure_ms, limits)
    return [event.number for event in next(parts)]


def stack(**more):
    return Sequence(stage_positions=AT, z_plan={"range": 4, "step": 1}, **more)


def test_a_stack_is_one_sequence_if_the_stage_steps():
    assert taken(stack(), STEPPED) == [0, 1, 2, 3, 4]
    assert taken(stack(), STEPPED, first=3) == [3, 4]
    assert taken(stack(), STILL) == [0]
    assert taken(stack(), SequenceLimits(frames=100, heights=3)) == [0, 1, 2]
    assert taken(stack(), SequenceLimits()) == [0]


def test_time_points_are_one_only_without_an_interval():
    def series(interval):
        return Sequence(stage_positions=AT, time_plan={"interval": interval, "loops": 4})

    assert taken(series(0), STILL) == [0, 1, 2, 3]
    assert taken(series(0.1), STILL) == [0]


def test_another_light_place_or_kind_ends_it():
    two = [{"config": "a", "exposure": 10}, {"config": "b", "exposure": 10}]
    assert taken(stack(channels=two), STEPPED) == [0, 1, 2, 3, 4]
    assert taken(stack(channels=two, axis_order="tpzc"), STEPPED) == [0]
    places = [(0.0, 0.0, 0.0), (9.0, 0.0, 0.0)]
    assert taken(Sequence(stage_positions=places, z_plan={"range": 1, "step": 1}), STEPPED) == [0, 1]
    assert taken(combine(stack(), wait(1), stack()), STEPPED, first=3) == [3, 4]
    assert taken(combine(stack(), wait(1), stack()), STEPPED, first=5) == [5]


def test_channels_are_one_sequence_if_they_step_with_one_exposure():
    stepped = SequenceLimits(frames=100, heights=100, channels=7)
    two = [{"config": "a", "exposure": 10}, {"config": "b", "exposure": 10}]
    assert taken(stack(channels=two), stepped) == [0, 1, 2, 3, 4, 5, 6]
    two[1]["exposure"] = 20
    assert taken(stack(channels=two), stepped) == [0, 1, 2, 3, 4]
    assert taken(stack(channels=two), stepped, first=5) == [5, 6, 7, 8, 9]


def test_it_lasts_a_second_at_most():
    assert taken(stack(), STEPPED, exposure_ms=400.0) == [0, 1]
    assert taken(stack(), STEPPED, exposure_ms=2000.0) == [0]


def test_places_and_exposures_are_one_sequence_only_if_the_devices_step_through_them():
    places = [(0.0, 0.0, 0.0), (9.0, 0.0, 0.0), (9.0, 9.0, 0.0)]
    tour = Sequence(stage_positions=places)
    assert taken(tour, STEPPED) == [0]
    assert taken(tour, SequenceLimits(frames=100, places=2)) == [0, 1]
    two = [{"config": "a", "exposure": 10}, {"config": "b", "exposure": 20}]
    both = stack(channels=two)
    assert taken(both, SequenceLimits(frames=100, heights=100, channels=100)) == [0, 1, 2, 3, 4]
    everything = SequenceLimits(frames=100, heights=100, channels=100, exposures=8)
    assert taken(both, everything) == [0, 1, 2, 3, 4, 5, 6, 7]


def told(plan, limits):
    return sequences_text(plan.events(), lambda event: event.exposure_ms or 10.0, limits)


def test_the_preview_tells_what_is_taken_as_one_and_which_device_cannot_be_stepped():
    two = [{"config": "a", "exposure": 10}, {"config": "b", "exposure": 10}]
    plan = stack(channels=two)
    assert told(plan, SequenceLimits(frames=100, heights=64, channels=64)) == (
        "its devices take 10 of 10 images by themselves, in 1 sequence"
    )
    assert told(plan, STEPPED) == (
        "its devices take 10 of 10 images by themselves, in 2 sequences; channels are set image by image: "
        "the device says that the camera cannot step it"
    )
    assert "heights and channels are set image by image" in told(plan, STILL)
    tour = Sequence(stage_positions=[(0, 0, 0), (9, 9, 9)], z_plan={"range": 1, "step": 1}, channels=two)
    assert told(tour, STILL) == (
        "heights, places and channels are set image by image: these devices say that the camera cannot "
        "step them"
    )
    assert told(plan, SequenceLimits()) == ""
    assert told(Sequence(stage_positions=AT, time_plan={"interval": 5, "loops": 3}), STILL) == ""


@dataclass
class Calls:
    """Answers as a camera would that lost the frame of the second event, or was cut after some frames."""

    asked: list = field(default_factory=list)
    told: list = field(default_factory=list)
    frames: int = 100
    meanwhile: Callable = lambda: None
    id = "call-7"

    def ask(self, service, command, *arguments, **_):
        assert (service, command) == ("camera", "sequence_limits")
        return STEPPED

    def begin(self, service, command, *arguments, end, **_):
        self.asked.append((service, command, *arguments))
        self.end = end
        return self

    def result(self, call):
        assert call is self
        self.meanwhile()
        return [
            None if place == 1 else FrameHeader(frame=place, event=number)
            for place, number in enumerate(self.asked[-1][2].events[: self.frames])
        ]

    def tell(self, *asked):
        self.told.append(asked)


def known(calls):
    sequences = HardwareSequences(calls, "camera", "")
    sequences.learn()
    return sequences


def test_frames_are_handed_out_once_to_their_own_events():
    calls = Calls()
    sequences = known(calls)
    assert sequences.limits == STEPPED
    events = tuple(stack().events())
    assert sequences.expose(events, [10, 11, 12, 13, 14], [20.0] * 5)
    expected = ExpectedSequence(
        events=(10, 11, 12, 13, 14), exposures_ms=(20.0,), heights_um=(3.0, 4.0, 5.0, 6.0, 7.0)
    )
    assert calls.asked[-1] == ("camera", "take_sequence", expected)
    assert sequences.take(events[0]).event == 10
    assert not sequences.has(events[0])
    with pytest.raises(FrameLostError, match="event 1"):
        sequences.take(events[1])
    elsewhere = tuple(stack(metadata={"other": 1}).events())
    assert sequences.has(events[2])
    assert not sequences.has(elsewhere[2])
    assert sequences.remark() == "3 images of a sequence were taken beyond the last event"
    sequences.forget()
    assert sequences.remark() == ""


def test_one_that_is_cut_short_knows_what_it_has_taken_until_then():
    calls = Calls(frames=3)
    sequences = known(calls)
    calls.meanwhile = sequences.cut
    events = tuple(stack().events())
    assert not sequences.expose(events, [0, 1, 2, 3, 4], [20.0] * 5)
    assert calls.told == [("camera", "cut_sequence", "call-7")]
    assert [sequences.has(event) for event in events] == [True, True, True, False, False]


def test_an_abort_ends_it_at_once_and_what_it_has_taken_is_known():
    calls = Calls(frames=3)
    sequences = known(calls)
    calls.meanwhile = lambda: calls.end(calls)
    events = tuple(stack().events())
    assert not sequences.expose(events, [0, 1, 2, 3, 4], [20.0] * 5)
    assert calls.told == [("camera", "cut_sequence", "call-7", True)]
    assert [sequences.has(event) for event in events] == [True, True, True, False, False]


def test_a_cut_that_comes_before_the_sequence_has_begun_is_not_forgotten():
    calls = Calls(frames=1)
    sequences = known(calls)
    sequences.cut()
    assert calls.told == []
    events = tuple(stack().events())
    assert not sequences.expose(events, [0, 1, 2, 3, 4], [20.0] * 5)
    assert calls.told == [("camera", "cut_sequence", "call-7")]
    sequences.ready()
    sequences.expose(events, [0, 1, 2, 3, 4], [20.0] * 5)
    assert len(calls.told) == 1


def test_a_stage_that_is_not_the_cores_own_does_not_step():
    sequences = HardwareSequences(Calls(), "camera", None)
    sequences.learn()
    assert sequences.limits == STILL
    alone = HardwareSequences(Calls(), "", None)
    alone.learn()
    assert alone.limits == SequenceLimits()
