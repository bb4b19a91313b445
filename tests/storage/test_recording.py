import errno
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import (
    BadInputError,
    DiskFullError,
    FolderVanishedError,
    ReaderOverrunError,
    StorageError,
    StreamNotFoundError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage import list_runs, open_frames, read_headers, read_manifest, read_rows
from parfocal.storage.frames import FrameSink
from parfocal.storage.manifest import write_manifest
from parfocal.storage.outcome import Ending
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.storage.stream_recorder import StreamRecorder
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(8, 8), dtype="uint16", pixel_size_um=0.5)
ROW = np.dtype([("n", "<u8")])
PATIENCE_S = 60.0
REQUEST = RunRequest(name="test", plan={"seconds": 1}, devices={"camera": {"exposure_ms": 2}})


class Laboratory:
    """A camera, a table of rows and a recording of both."""

    def __init__(self, streams: Path, parent: Path) -> None:
        self.camera = StreamWriter(streams, "camera", SPEC)
        self.rows = StreamWriter(streams, "tracks", RowSpec.of(ROW), slots=8192)
        self.parent = parent
        self.errors: list[tuple[str, Exception]] = []
        self.failed = threading.Event()
        self.site = Site(streams=streams, rig="bench", service="recorder", on_error=self._note)

    def begin(self, *, policy: str = "block") -> Recording:
        sources = [StreamRequest(name="camera", policy=policy), StreamRequest(name="tracks")]  # type: ignore[arg-type]
        self.recording = Recording.begin(self.parent, sources, REQUEST, self.site)
        return self.recording

    def show(self, *numbers: int) -> None:
        for number in numbers:
            pixels = np.full(SPEC.shape, (number + 1) % 2**16, SPEC.dtype)
            self.camera.write(pixels, FrameHeader(frame=number, time_ns=number * 1000))

    def tell(self, first: int, count: int) -> None:
        rows = np.zeros(count, ROW)
        rows["n"] = np.arange(first, first + count)
        self.rows.write_rows(rows)

    def _note(self, stream: str, error: Exception) -> None:
        self.errors.append((stream, error))
        self.failed.set()


@pytest.fixture
def laboratory(streams: Path, tmp_path: Path) -> Iterator[Laboratory]:
    made = Laboratory(streams, tmp_path / "runs")
    with ExitStack() as stack:
        stack.enter_context(made.camera)
        stack.enter_context(made.rows)
        yield made


def run_to_end(recording: Recording, ending: Ending = "complete") -> tuple[str, dict[str, int]]:
    manifest = recording.finish(Ended(ending=ending, reason="because"))
    assert read_manifest(recording.folder.path) == manifest
    return manifest.outcome, {name: stream.lost for name, stream in manifest.streams.items()}


def frames_in(recording: Recording) -> list[int]:
    return open_frames(recording.folder.path / "frames.ome.zarr").read().result()[:, 0, 0].tolist()


def rows_in(recording: Recording) -> list[int]:
    return read_rows(recording.folder.path / "tracks")["n"].to_pylist()


def wait_for(recording: Recording, done: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    for _ in range(int(timeout_s / 0.02)):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"not in time: {recording.progress()}")


def test_every_frame_and_row_once_and_at_its_place(laboratory: Laboratory) -> None:
    laboratory.show(0, 1, 2)
    laboratory.tell(0, 5)
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(100, 400))
    for first in range(1000, 3000, 10):
        laboratory.tell(first, 10)
    assert run_to_end(recording) == ("complete", {"camera": 0, "tracks": 0})
    assert frames_in(recording) == list(range(101, 401))
    assert rows_in(recording) == list(range(1000, 3000))
    manifest = recording.manifest
    assert manifest.plan == {"seconds": 1}
    assert manifest.devices == {"camera": {"exposure_ms": 2}}
    assert manifest.pixel_size_um == 0.5
    assert manifest.reason == "because"
    ledger = manifest.streams["camera"].ledger
    assert ledger is not None
    assert all(reader.balances for reader in ledger.readers)
    assert sorted(path.name for path in recording.folder.path.iterdir()) == [
        "frames.ome.zarr",
        "manifest.json",
        "plan.json",
        "tracks",
    ]


def test_what_comes_after_the_end_is_not_in_the_run(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(0, 1, 2)
    writing = threading.Event()

    def go_on() -> None:
        for number in range(3, 200):
            laboratory.show(number)
            writing.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    writing.wait()
    manifest = recording.finish(Ended(ending="finished early"))
    thread.join()
    stored = manifest.streams["camera"].stored
    assert manifest.outcome == "finished early"
    assert frames_in(recording) == list(range(1, stored + 1))
    assert recording.finish(Ended(ending="cancelled", reason="too late")) is manifest


def test_a_slow_trickle_is_in_the_file_before_the_end(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(0)
    wait_for(recording, lambda: recording.progress()["camera"].stored == 1)
    assert frames_in(recording) == [1]
    laboratory.show(1, 2)
    wait_for(recording, lambda: recording.progress()["camera"].stored == 3)
    wait_for(recording, lambda: recording.progress()["camera"].behind == 0)  # given back after it is stored
    assert run_to_end(recording)[0] == "complete"


def test_frames_that_the_camera_lost_leave_gaps(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(10, 11, 14)
    assert run_to_end(recording) == ("incomplete: lost 2", {"camera": 2, "tracks": 0})
    assert frames_in(recording) == [11, 12, 0, 0, 15]
    assert read_headers(recording.folder.path / "frames.ome.zarr")["frame"].tolist() == [10, 11, -1, -1, 14]


def test_frames_that_the_ring_lost_leave_gaps(laboratory: Laboratory) -> None:
    recording = laboratory.begin(policy="drop")
    laboratory.show(*range(200))
    recording.start()
    outcome, lost = run_to_end(recording)
    stored = [number for number in frames_in(recording) if number]
    assert outcome == f"incomplete: lost {200 - len(stored)}"
    assert lost["camera"] == 200 - len(stored) >= 100
    assert stored == list(range(201 - len(stored), 201))
    assert len(frames_in(recording)) == 200


def test_the_policy_fail_ends_the_recording_of_that_stream_alone(laboratory: Laboratory) -> None:
    recording = laboratory.begin(policy="fail")
    laboratory.show(*range(200))
    laboratory.tell(0, 100)
    recording.start()
    assert laboratory.failed.wait(PATIENCE_S)
    laboratory.tell(100, 100)
    outcome, lost = run_to_end(recording)
    assert outcome == "incomplete: lost 200"
    assert lost == {"camera": 200, "tracks": 0}
    assert isinstance(laboratory.errors[0][1], ReaderOverrunError)
    assert rows_in(recording) == list(range(200))


def test_a_camera_that_counts_anew_overwrites_nothing(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(7, 8, 9)
    laboratory.show(0, 1)
    assert run_to_end(recording)[0] == "incomplete: lost at least 0", "what it lost meanwhile nobody knows"
    assert frames_in(recording) == [8, 9, 10, 1, 2]
    assert recording.manifest.streams["camera"].renumbered == 1
    assert "began to count anew" in recording.manifest.reason


def test_a_stream_that_ends_during_the_run(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(20))
    laboratory.camera.close()
    assert run_to_end(recording)[0] == "complete"
    assert frames_in(recording) == list(range(1, 21))


def test_a_writer_that_is_started_again_is_followed_but_the_run_is_not_complete(
    laboratory: Laboratory, streams: Path
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(20))
    laboratory.camera.close()
    with StreamWriter(streams, "camera", SPEC) as laboratory.camera:
        laboratory.show(*range(22, 40))
        assert run_to_end(recording) == ("incomplete: lost at least 2", {"camera": 2, "tracks": 0})
    assert [n for n in frames_in(recording) if n] == [*range(1, 21), *range(23, 41)]
    assert recording.manifest.streams["camera"].ring.ring == 2
    assert "2 of 40 of camera are missing" in recording.manifest.reason


def test_a_restart_across_which_everything_asked_for_was_produced_is_complete(
    laboratory: Laboratory, streams: Path
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(20))
    laboratory.camera.close()
    with StreamWriter(streams, "camera", SPEC) as laboratory.camera:
        laboratory.show(*range(20, 40))
        assert recording.finish(Ended(ending="complete", missing=0)).outcome == "complete"
    assert frames_in(recording) == list(range(1, 41))


def test_frames_that_the_camera_lost_first_and_last_belong_to_their_run(laboratory: Laboratory) -> None:
    laboratory.camera.set_next_number(0)
    first = laboratory.begin()
    first.start()
    laboratory.show(*range(5, 41))
    laboratory.camera.set_next_number(50)
    assert run_to_end(first) == ("incomplete: lost 14", {"camera": 14, "tracks": 0})
    assert frames_in(first) == [0] * 5 + list(range(6, 42))
    second = laboratory.begin()
    second.start()
    laboratory.show(*range(50, 60))
    laboratory.camera.set_next_number(60)
    assert run_to_end(second) == ("complete", {"camera": 0, "tracks": 0})


def test_a_jump_of_the_numbers_takes_no_room(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(0, 1, 2**40, 2**40 + 1)
    assert run_to_end(recording)[0] == "incomplete: lost at least 0"
    assert frames_in(recording) == [1, 2, 1, 2]  # the pixels' 16 bits of number + 1


def test_a_writer_that_comes_back_with_other_frames_ends_the_recording_of_its_stream(
    laboratory: Laboratory, streams: Path
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(20))
    laboratory.camera.close()
    with StreamWriter(streams, "camera", FrameSpec(shape=(4, 4), dtype="uint8")) as other:
        other.write(np.zeros((4, 4), "uint8"), FrameHeader(frame=0))
        manifest = recording.finish(Ended(ending="complete"))
    assert manifest.outcome == "incomplete: lost at least 1"
    assert "holds something else" in manifest.streams["camera"].error
    assert manifest.streams["camera"].stored == 20


def test_an_unknown_stream_leaves_nothing_behind(laboratory: Laboratory) -> None:
    with pytest.raises(StreamNotFoundError):
        Recording.begin(laboratory.parent, [StreamRequest(name="camra")], REQUEST, laboratory.site)
    assert not laboratory.parent.exists()


def test_a_run_holds_several_streams_of_frames(laboratory: Laboratory, streams: Path) -> None:
    labels = FrameSpec(shape=(3, 5), dtype="uint8")
    wanted = [StreamRequest(name="camera"), StreamRequest(name="labels"), StreamRequest(name="tracks")]
    with StreamWriter(streams, "labels", labels) as other:
        recording = Recording.begin(laboratory.parent, wanted, REQUEST, laboratory.site)
        recording.start()
        laboratory.show(0, 1)
        for number in range(3):
            other.write(np.full(labels.shape, number + 1, "uint8"), FrameHeader(frame=number))
        assert run_to_end(recording)[0] == "complete"
    paths = {name: stream.path for name, stream in recording.manifest.streams.items()}
    assert paths == {"camera": "frames.ome.zarr", "labels": "labels.ome.zarr", "tracks": "tracks"}
    stored = open_frames(recording.folder.path / "labels.ome.zarr").read().result()
    assert (stored.shape, stored[:, 0, 0].tolist()) == ((3, 3, 5), [1, 2, 3])


def test_a_run_that_cannot_begin_leaves_nothing_behind(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DiskFullError("full")

    monkeypatch.setattr("parfocal.storage.run_record.write_manifest", fail)
    with pytest.raises(DiskFullError):
        laboratory.begin()
    assert not list(laboratory.parent.iterdir())


def test_a_disk_error_is_named_and_the_other_streams_go_on(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(16))
    wait_for(recording, lambda: recording.progress()["camera"].stored == 16)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FrameSink, "_write_pixels", full)
    laboratory.show(*range(16, 200))
    laboratory.tell(0, 50)
    assert laboratory.failed.wait(PATIENCE_S)
    stream, error = laboratory.errors[0]
    assert (stream, type(error)) == ("camera", DiskFullError)
    assert "DiskFullError" in read_manifest(recording.folder.path).errors[0]
    outcome, lost = run_to_end(recording)
    assert outcome == "incomplete: lost 184"
    assert lost == {"camera": 184, "tracks": 0}
    assert frames_in(recording) == list(range(1, 17))


def test_a_disk_error_makes_a_failed_run_if_asked(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory.site = replace(laboratory.site, stop_on_error=True)
    recording = laboratory.begin()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FrameSink, "_write_pixels", full)
    recording.start()
    laboratory.show(*range(8))
    assert laboratory.failed.wait(PATIENCE_S)
    assert run_to_end(recording) == ("failed", {"camera": 8, "tracks": 0})


def test_a_folder_that_vanishes_is_named_even_when_nothing_comes(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(8))
    wait_for(recording, lambda: recording.progress()["camera"].stored == 8)
    shutil.rmtree(recording.folder.path)
    recording.look()
    assert laboratory.failed.wait(PATIENCE_S)
    manifest = recording.finish(Ended(ending="complete"))
    assert {type(error) for _, error in laboratory.errors} == {FolderVanishedError}
    assert manifest.outcome == "failed"
    assert manifest.streams["camera"].stored == 0
    assert manifest.streams["camera"].lost == 8
    assert any("could not be closed" in line for line in manifest.errors)
    assert not recording.folder.path.exists()


def crash(laboratory: Laboratory) -> Recording:
    """Record 20 frames and 30 rows, and leave them as a process that died would."""
    first = laboratory.begin()
    before = first.manifest
    first.start()
    laboratory.show(*range(20))
    laboratory.tell(0, 30)
    wait_for(
        first, lambda: first.progress()["camera"].stored == 20 and first.progress()["tracks"].stored == 30
    )
    for recorder in first._recorders.values():
        recorder.fail(ConnectionAbortedError("the process died"))
    for recorder in first._recorders.values():
        recorder.join()
    write_manifest(first.folder.path, before)
    return first


@pytest.mark.skipif(os.name == "nt", reason="a file that cannot be synced")
@pytest.mark.parametrize("more", [0, 8])
def test_frames_of_which_the_disk_may_have_lost_some_are_never_a_complete_run(
    laboratory: Laboratory, more: int
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(8))
    wait_for(recording, lambda: recording.progress()["camera"].stored == 8)
    recording._recorders["camera"]._sink._syncing.add(Path("/dev/null"))  # type: ignore[attr-defined]
    wait_for(recording, lambda: recording._recorders["camera"].count().unsynced)
    laboratory.show(*range(8, 8 + more))
    assert run_to_end(recording) == (f"incomplete: lost at least {more}", {"camera": more, "tracks": 0})
    assert [type(error) for _, error in laboratory.errors] == [StorageError]


def _refused(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_last_words_that_the_disk_does_not_take_are_tried_again(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = laboratory.begin()
    recording.start()
    laboratory.show(*range(20))
    monkeypatch.setattr("parfocal.storage.manifest.replace_file", _refused)
    manifest = recording.finish(Ended(ending="complete", reason="all done"))
    assert (manifest.outcome, recording.unclosed) == ("failed", True)
    assert "could not be closed: StorageError" in manifest.errors[-1]
    assert read_manifest(recording.folder.path).outcome == "recording"
    assert not recording.close()
    assert recording.manifest == manifest
    monkeypatch.undo()
    assert recording.close()
    assert run_to_end(recording, "cancelled") == ("complete", {"camera": 0, "tracks": 0})
    closed = recording.manifest
    assert (closed.reason, closed.ended, closed.errors) == ("all done", manifest.ended, manifest.errors)
    assert not recording.unclosed


def test_going_on_after_a_crash(laboratory: Laboratory) -> None:
    """The process is the same here; test_recorder kills a real one."""
    first = crash(laboratory)
    second = Recording.go_on(first.folder.path, laboratory.site)
    second.start()
    laboratory.show(*range(20, 40))
    laboratory.tell(30, 10)
    assert run_to_end(second) == ("complete", {"camera": 0, "tracks": 0})
    assert frames_in(second) == list(range(1, 41))
    assert rows_in(second) == list(range(40))
    assert second.manifest.restarts[0].stored == {"camera": 20, "tracks": 30}
    assert [run.outcome for run in list_runs(laboratory.parent)] == ["complete"]
    with pytest.raises(BadInputError, match="closed: complete"):
        Recording.go_on(first.folder.path, laboratory.site)


def test_going_on_where_the_frames_cannot_be_read(laboratory: Laboratory) -> None:
    first = crash(laboratory)
    torn = first.folder.path / "frames.ome.zarr" / "headers" / "c" / "0" / "0"
    torn.write_bytes(torn.read_bytes()[:100])
    second = Recording.go_on(first.folder.path, laboratory.site)
    second.start()
    laboratory.show(20, 21)
    laboratory.tell(30, 10)
    assert run_to_end(second) == ("incomplete: lost at least 20", {"camera": 20, "tracks": 0})
    camera = second.manifest.streams["camera"]
    assert (camera.stored, camera.uncounted) == (0, True)
    assert "cannot be read" in camera.error
    assert rows_in(second) == list(range(40))


def test_going_on_when_the_stream_is_another_one_by_now(laboratory: Laboratory, streams: Path) -> None:
    first = crash(laboratory)
    laboratory.camera.close()
    with StreamWriter(streams, "camera", SPEC):
        second = Recording.go_on(first.folder.path, laboratory.site)
        second.start()
        assert run_to_end(second) == ("incomplete: lost at least 0", {"camera": 0, "tracks": 0})
    assert second.manifest.streams["camera"].stored == 20
    assert frames_in(second) == list(range(1, 21))


def test_frames_that_come_while_somebody_looks_are_not_told_as_lost(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = laboratory.begin()
    behind = StreamRecorder.behind.fget
    numbers = itertools.count()

    def looked_at(recorder: StreamRecorder) -> int:
        """Tell how far behind it is, and have more come before anybody looks at what is stored."""
        found: int = behind(recorder)  # type: ignore[misc]
        if threading.current_thread() is threading.main_thread():
            laboratory.show(*itertools.islice(numbers, 5))
            laboratory.tell(0, 5)
        return found

    monkeypatch.setattr(StreamRecorder, "behind", property(looked_at))
    assert [stream.lost for stream in recording.progress().values()] == [0, 0]  # nothing is taken yet
    recording.start()
    for _ in range(20):
        assert [stream.lost for stream in recording.progress().values()] == [0, 0]
    monkeypatch.undo()
    assert run_to_end(recording) == ("complete", {"camera": 0, "tracks": 0})
