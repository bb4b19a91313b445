"""A run's record as its recorder tells of it: to the run's thread, and to whoever looks at the same time."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.runs.instruments.recording_calls import TOLD_BY_RECORDER, RecordingCalls
from parfocal.runs.machine.counts import EventCounts

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
