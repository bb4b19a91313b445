"""Which events of a plan the instruments take by themselves, and how their frames are handed out."""

from dataclasses import dataclass, field

import pytest

from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.runs import Sequence, combine, wait
from parfocal.runs.instruments.hardware_sequence import HardwareSequences, SequenceLimits, sequence_of

STEPPED = SequenceLimits(frames=100, heights=100)
STILL = SequenceLimits(frames=100)
AT = [(0.0, 0.0, 5.0)]


def taken(plan, limits, first=0, exposure_ms=10.0):
    events = sequence_of(plan.events(first), lambda event: event.exposure_ms or exposure_ms, limits)
    return [event.number for event in events]


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


@dataclass
class Calls:
    """Answers as a camera would that lost the frame of the second event."""

    asked: list = field(default_factory=list)

    def ask(self, service, command, *arguments, **_):
        self.asked.append((service, command, *arguments))
        if command == "sequence_limits":
            return STEPPED
        numbers = arguments[0]
        return [
            None if place == 1 else FrameHeader(frame=place, event=number)
            for place, number in enumerate(numbers)
        ]


def test_frames_are_handed_out_once_to_their_own_events():
    calls = Calls()
    sequences = HardwareSequences(calls, "camera", "")
    sequences.learn()
    assert sequences.limits == STEPPED
    events = tuple(stack().events())
    sequences.expose(events, [10, 11, 12, 13, 14], None)
    asked = ("camera", "take_sequence", [10, 11, 12, 13, 14], None, [3, 4, 5, 6, 7], [], "", "")
    assert calls.asked[-1] == asked
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


def test_a_stage_that_is_not_the_cores_own_does_not_step():
    sequences = HardwareSequences(Calls(), "camera", None)
    sequences.learn()
    assert sequences.limits == STILL
    alone = HardwareSequences(Calls(), "", None)
    alone.learn()
    assert alone.limits == SequenceLimits()
