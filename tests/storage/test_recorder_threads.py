"""A recorder whose commands, own threads and end meet at the same moment; everything in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, ServiceDiedError
from parfocal.core.frames import RowSpec
from parfocal.core.run_status import RunCommand
from parfocal.processes import HANGS
from parfocal.runs.instruments.recording_calls import RecordingCalls
from parfocal.runs.machine.counts import EventCounts
from parfocal.storage import last_collector, read_manifest
from parfocal.storage.collecting import Collected
from parfocal.storage.manifest import write_manifest
from parfocal.storage.recorder import Recorder
from parfocal.storage.recording import Recording
from parfocal.streams import StreamWriter
from parfocal.testing.local_rig import LocalRig

LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


@pytest.fixture
def made(streams: Path, tmp_path: Path) -> Iterator[Recorder]:
    """Return a recorder of one stream of rows, at which a failed disk ends the acquisition of a magnet."""
    settings = {
        "folder": str(tmp_path / "runs"),
        "rows": ["tracks"],
        "least_free_mb": 0,
        "on_storage_error": "stop",
        "stop_calls": {"magnet": "halt"},
    }
    with (
        StreamWriter(streams, "tracks", RowSpec.of(np.dtype([("n", "<u8")]))),
        LocalRig(streams, SYSTEM_CLOCK) as rig,
    ):
        rig.add("recorder", Recorder, settings)
        yield rig.services["recorder"]  # type: ignore[misc]


@pytest.mark.parametrize(("why", "outcome"), [(HANGS, "recording"), ("the rig asked", "finished early")])
def test_a_recorder_that_stood_still_leaves_its_run_to_its_next_process(
    made: Recorder, monkeypatch: pytest.MonkeyPatch, why: str, outcome: str
) -> None:
    folder = Path(made.start("first"))
    context = SimpleNamespace(**(vars(made._context) | {"stop_reason": lambda: why}))
    with monkeypatch.context() as patch:
        patch.setattr(made, "_context", context)
        made.close()
    assert read_manifest(folder).outcome == outcome


@pytest.mark.parametrize("killed_before", ["its pointer was removed", "it answered"])
def test_a_run_whose_recorder_is_killed_once_it_has_closed_the_record_ends_as_that_says(
    made: Recorder, killed_before: str
) -> None:
    alive = [made]

    def call(command: str, **options: Any) -> Any:
        report = msgspec.to_builtins(getattr(alive[-1], command)(**options))
        if len(alive) > 1:
            return report
        if killed_before == "its pointer was removed":
            made._pointer.write_text(report["run"], encoding="utf-8")
        alive.append(Recorder(made.settings))
        alive[-1].open(made._context)
        raise ServiceDiedError(f"recorder ended before it answered {command}", service="recorder")

    client = SimpleNamespace(call=call, ping=lambda _: None, service="recorder")
    record = RecordingCalls(client, "camera", SYSTEM_CLOCK)  # type: ignore[arg-type]
    record.folder = made.start("first")
    assert record.finish("complete", "", EventCounts(), {}) == ("complete", "")
    assert len(alive) == 2


def test_a_run_that_is_not_recorded_any_more_is_never_ended_in_place_of_another(made: Recorder) -> None:
    first = made.start("first")
    made.finish("by hand", "cancelled")
    second = made.start("second")
    assert made.finish(run=first).outcome == "cancelled"
    assert made.status().outcome == "recording"
    assert made.finish(run=second).run == second
    left = replace(read_manifest(Path(first)), outcome="recording")
    write_manifest(Path(first), left)
    with pytest.raises(BadInputError, match="nobody has closed its record"):
        made.finish(run=first)


def test_a_disk_error_of_a_run_that_has_ended_meanwhile_does_not_end_the_next_one(
    made: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_go_on, halts = threading.Event(), threading.Event(), []

    def connect(_: str) -> AbstractContextManager[SimpleNamespace]:
        asked.set()
        assert may_go_on.wait(LONG_S)
        return nullcontext(SimpleNamespace(call=lambda name, **_: halts.append(name)))

    monkeypatch.setattr(made, "_context", SimpleNamespace(**vars(made._context), connect=connect))
    made.start("first")
    made._stream_failed("tracks", OSError("the disk is full"))
    assert asked.wait(LONG_S)
    assert made.finish("", "failed").outcome == "failed"
    second = made.start("second")
    may_go_on.set()
    for thread in threading.enumerate():
        if thread.name == "stop":
            thread.join(LONG_S)
    assert (made.status().run, made.status().outcome) == (second, "recording")


def test_a_run_that_begins_as_another_ends_is_the_one_that_a_restart_takes_up(
    made: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.start("first")
    began: list[str] = []
    next_run = threading.Thread(target=lambda: began.append(made.start("second")))
    finish = Recording.finish

    def slow(recording: Recording, *arguments: object) -> object:
        manifest = finish(recording, *arguments)  # type: ignore[arg-type]
        next_run.start()
        next_run.join(SHORT_S)  # it waits until the pointer to this run is gone
        return manifest

    monkeypatch.setattr(Recording, "finish", slow)
    made.finish()
    monkeypatch.undo()
    next_run.join(LONG_S)
    assert made._pointer.read_text(encoding="utf-8") == began[0]


def test_what_people_say_while_a_run_is_closed_is_kept(
    made: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made.start("first")
    said = threading.Thread(target=lambda: made.annotate(notes="a bubble"))
    final_manifest = Recording._final_manifest

    def slow(recording: Recording, *arguments: object) -> object:
        final = final_manifest(recording, *arguments)  # type: ignore[arg-type]
        said.start()
        said.join(SHORT_S)  # it waits until the record is closed
        return final

    monkeypatch.setattr(Recording, "_final_manifest", slow)
    made.finish()
    said.join(LONG_S)
    assert read_manifest(Path(run)).notes == "a bubble"


def test_what_was_asked_of_a_run_that_has_ended_is_not_in_the_record_of_the_next(made: Recorder) -> None:
    pause = RunCommand(command="pause", at=1.0, event=3, by="a shell", details={})
    first = made.start("first")
    made.finish()
    made.keep_commands((pause,), first)
    second = made.start("second")
    with pytest.raises(BadInputError, match="is not recorded any more"):
        made.keep_commands((pause,), first)
    assert [one.command for one in read_manifest(Path(first)).commands] == ["pause"]
    assert read_manifest(Path(second)).commands == ()


def test_two_threads_that_make_safe_at_once_begin_one_last_collection(
    made: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, begun = threading.Barrier(2), []

    def reason() -> str:
        both.wait(LONG_S)
        return "the rig ends"

    class SlowThread(threading.Thread):
        def __init__(self, **named: object) -> None:
            begun.append(1)
            super().__init__(**named)  # type: ignore[arg-type]
            threading.Event().wait(SHORT_S)

    collected = SimpleNamespace(collect=lambda *_, **__: Collected())
    made.start("first")
    threads = [threading.Thread(target=made.make_safe) for _ in range(2)]
    context = SimpleNamespace(**{**vars(made._context), "stop_reason": reason})
    with monkeypatch.context() as patched:
        patched.setattr(made, "_context", context)
        patched.setattr(made, "_collector", collected)
        patched.setattr(last_collector, "threading", SimpleNamespace(Thread=SlowThread))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG_S)
    assert begun == [1]
