"""A run's record as its recorder tells of it: to the run's thread, and to whoever looks at the same time."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, ServiceDiedError, ServiceUnavailableError
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.recording_calls import TOLD_BY_RECORDER, RecordingCalls
from parfocal.runs.machine.counts import EventCounts
from parfocal.testing.clock import JumpClock

LONG_S = 60.0


def told(run: str, stored: int) -> dict:
    stream = {"stored": stored, "behind": 0, "slots": 8}
    return {"run": run, "outcome": "recording", "reason": "", "errors": [], "streams": {"camera": stream}}


def test_an_answer_that_was_asked_for_before_the_end_does_not_replace_what_was_stored_in_all() -> None:
    asked, may_arrive = threading.Event(), threading.Event()

    def call(command, *_, **__):
        if command == "finish":
            return {"outcome": "complete", "reason": "", "stored": {"camera": 100}}
        asked.set()
        assert may_arrive.wait(LONG_S)
        return told("/runs/a", 95)

    record = RecordingCalls(SimpleNamespace(call=call, service="recorder"), "camera", SYSTEM_CLOCK)
    record.folder = "/runs/a"
    looks = threading.Thread(target=record.storage)
    looks.start()
    assert asked.wait(LONG_S)
    record.finish("complete", "", EventCounts(), {})
    may_arrive.set()
    looks.join(LONG_S)
    assert record.final().stored == 100


def test_what_the_recorder_tells_of_the_next_run_is_not_of_this_one() -> None:
    answers = [told("/runs/a", 7), told("/runs/b", 1)]
    client = SimpleNamespace(call=lambda *_, **__: answers.pop(0), service="recorder")
    record = RecordingCalls(client, "camera", SYSTEM_CLOCK)
    record.folder = "/runs/a"
    assert [record.storage().stored, record.storage().stored] == [7, 7]


def test_a_run_that_its_recorder_records_no_more_is_not_waited_for() -> None:
    answers = [told("/runs/a", 7), told("", 0)]
    client = SimpleNamespace(call=lambda *_, **__: answers.pop(0), service="recorder")
    record = RecordingCalls(client, "camera", SYSTEM_CLOCK)
    record.folder = "/runs/a"
    assert record.storage().stored == 7
    with pytest.raises(CommandError, match="does not record the run any more"):
        record.storage()


def test_what_went_wrong_in_a_run_is_in_its_record_but_for_what_that_has_already() -> None:
    asked = {}

    def call(command, **options):
        asked.update(options)
        return {"outcome": "complete", "reason": "", "stored": {"camera": 3}}

    record = RecordingCalls(SimpleNamespace(call=call, service="recorder"), "camera", SYSTEM_CLOCK)
    counts = EventCounts().failed("pipeline", "WorkerEndedError", "the worker was killed", -1)
    counts = counts.failed(*TOLD_BY_RECORDER, "camera: no room", 3).failed(
        "xy", "MoveError", "it is stuck", 4
    )
    record.finish("complete", "", counts, {})
    lines = ("pipeline: WorkerEndedError: the worker was killed", "event 4: xy: MoveError: it is stuck")
    assert asked["errors"] == lines


class Mortal:
    """A recorder that ends a few times before it answers; it may have done by then what it was asked for."""

    service = "recorder"

    def __init__(self, ends: int, *, has_begun: bool = False) -> None:
        self.asked: list[str] = []
        self._ends, self._has_begun = ends, has_begun

    def call(self, command: str, *_: object, **__: object) -> object:
        if command == "status":
            taken_up = self._has_begun and "start" in self.asked
            return told("/runs/a", 0) if taken_up else {"run": "", "outcome": "", "streams": {}}
        self.asked.append(command)
        if len(self.asked) == 1 and self._ends:
            raise ServiceDiedError(f"recorder ended before it answered {command}", service="recorder")
        if len(self.asked) <= self._ends:
            words = f"recorder.{command} was cancelled while queued: the service is closing"
            raise ServiceUnavailableError(words, service="recorder")
        return "/runs/a"

    def ping(self, timeout_s: float) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("ends", "has_begun", "asks"), [(0, False, 1), (1, False, 2), (2, False, 3), (1, True, 1)]
)
def test_a_recorder_that_ends_as_a_record_begins_is_asked_again_unless_its_next_process_goes_on(
    ends: int, has_begun: bool, asks: int
) -> None:
    recorder = Mortal(ends, has_begun=has_begun)
    record = RecordingCalls(recorder, "camera", SYSTEM_CLOCK)
    assert record.begin(RunStart(run="a", plan={})) == record.folder == "/runs/a"
    assert recorder.asked == ["start"] * asks


def test_a_recorder_that_ends_as_a_plan_is_changed_is_told_of_it_again() -> None:
    recorder = Mortal(1)
    RecordingCalls(recorder, "camera", SYSTEM_CLOCK).extend(None, {})
    assert recorder.asked == ["extend", "extend"]


def test_a_record_does_not_begin_without_a_recorder() -> None:
    recorder = Mortal(1)
    recorder.ping = lambda _: (_ for _ in ()).throw(ServiceUnavailableError("nobody is there"))
    with pytest.raises(ServiceDiedError, match="before it answered start"):
        RecordingCalls(recorder, "camera", JumpClock()).begin(RunStart(run="a", plan={}))
    assert recorder.asked == ["start"]
