"""What the next process of the engine makes of a run whose process was killed."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandFailedError
from parfocal.runs.last_run import UnfinishedRun
from parfocal.runs.left_run import close_left_run
from parfocal.runs.settings import RunSettings

DIED = "the run engine died at event 7"


class Recorder:
    """Records the run in /runs/open; that in /runs/closed is complete; of others it knows nothing."""

    service = "recorder"

    def __init__(self):
        self.asked = []

    def ping(self, timeout_s):
        return 0.0

    def call(self, command, *, timeout_s, **arguments):
        if command == "status":
            return {"run": "/runs/open", "outcome": "recording"}
        self.asked.append(arguments)
        if arguments["run"] == "/runs/open":
            ended = {"outcome": "failed", "reason": arguments["reason"]}
        elif arguments["run"] == "/runs/closed":
            ended = {"outcome": "complete", "reason": "as it was closed"}
        else:
            raise CommandFailedError("nobody has closed its record", service="recorder")
        return {"run": arguments["run"], "stored": {"camera": 5}, **ended}


@pytest.mark.parametrize(
    ("folder", "run", "outcome", "reason", "stored"),
    [
        ("/runs/open", "/runs/open", "failed", DIED, 5),
        ("", "/runs/open", "failed", DIED, 5),
        ("/runs/closed", "/runs/closed", "complete", "as it was closed", 5),
        ("/runs/lost", "/runs/lost", "failed", DIED, 0),
    ],
)
def test_it_ends_as_its_record_says_which_may_have_been_closed_before(folder, run, outcome, reason, stored):
    recorder = Recorder()
    context = SimpleNamespace(
        connect=lambda _: recorder, clock=SYSTEM_CLOCK, log=logging.getLogger("test"), service="runs"
    )
    settings = RunSettings(recorder="recorder", camera="camera", tracker="", lights=(), channels="")
    left = UnfinishedRun(run="run1", folder=folder, event=7)
    recorder_calls = recorder.call

    def call(command, **more):  # of the camera, too
        return None if command == "stop" else recorder_calls(command, **more)

    recorder.call = call
    status = close_left_run(left, context, settings)
    assert (status.folder, status.outcome, status.reason) == (run, outcome, reason)
    assert status.frames_stored == stored
    assert [asked["run"] for asked in recorder.asked] == [run]
    assert status.errors.last[0].message == DIED
