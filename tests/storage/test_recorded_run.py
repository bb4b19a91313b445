"""What `open_run` gives of a record: by index, by name, while it is written, and after its recorder died."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import parfocal
from parfocal.core.errors import BadInputError, StorageError
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage import RecordedFrames
from parfocal.storage.recorded_history import recorded_history
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.storage.stored_frame import stored_frame
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(4, 6), dtype="uint16", pixel_size_um=0.5)
ROW = np.dtype([("number", "<i8"), ("t", "<i4"), ("power", "<f8")])
LAYOUT = EventLayout(
    axes="tpcz",
    sizes=(4, 2, 2, 3),
    positions=(PositionLayout(name="left", x_um=0.0), PositionLayout(name="right", x_um=300.0)),
    channels=("nucleus", "erk"),
)
PLATE = EventLayout(
    axes="tpcz",
    sizes=(4, 2, 2, 3),
    positions=tuple(PositionLayout(well=well) for well in ("B3", "A1")),
)


class Laboratory:
    def __init__(self, streams: Path, runs: Path) -> None:
        self.camera = StreamWriter(streams, "camera", SPEC, slots=64)
        self.log = StreamWriter(streams, "run_events", RowSpec.of(ROW), slots=1024)
        self.runs = runs
        self.site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
        self._shown = 0

    def begin(self, events: EventLayout | None, **asked: Any) -> Recording:
        wanted = [
            StreamRequest(name="camera", policy="block", events=events),
            StreamRequest(name="run_events"),
        ]
        self.recording = Recording.begin(self.runs, wanted, RunRequest(**asked), self.site)
        self.recording.start()
        return self.recording

    def show(self, *events: int, value: int | None = None) -> None:
        for event in events:
            pixels = np.full(SPEC.shape, event + 1 if value is None else value, SPEC.dtype)
            header = FrameHeader(frame=self._shown, event=event, time_ns=event * 1000, exposure_ns=5)
            self.camera.write(pixels, header)
            self.log.write_rows(np.array([(self._shown, event // 12, 0.5)], ROW))
            self._shown += 1

    def stored(self, count: int) -> None:
        for _ in range(3000):
            if all(stream.stored == count for stream in self.recording.progress().values()):
                return
            self.recording._recorders["camera"].join(0.02)
        raise AssertionError(f"not in time: {self.recording.progress()}")


@pytest.fixture
def laboratory(streams: Path, tmp_path: Path) -> Iterator[Laboratory]:
    made = Laboratory(streams, tmp_path / "runs")
    with made.camera, made.log:
        yield made


def values(frames: RecordedFrames) -> list[int]:
    return [int(frame.data[0, 0]) for frame in frames]


def test_the_newest_frames_that_fit_are_its_history_oldest_first(laboratory: Laboratory) -> None:
    recording = laboratory.begin(LAYOUT)
    laboratory.show(2, 0, 1, 5, 4, 3)
    laboratory.stored(6)
    folder, one = recording.folder.path, 4 * 6 * 2

    def history(most_bytes: int, after_ns: int = -1) -> list[tuple[int, int]]:
        read = recorded_history(folder, most_bytes, after_ns)
        return [(frame.header.event, int(frame.data[0, 0])) for frame in read]

    assert history(1000 * one) == [(event, event + 1) for event in range(6)]
    assert history(2 * one + 1) == [(4, 5), (5, 6)]
    assert history(one - 1) == []
    assert history(1000 * one, after_ns=3000) == [(4, 5), (5, 6)]
    (frame,) = recorded_history(folder, one)
    assert (frame.stream, frame.index) == ("camera", {"t": 0, "p": 0, "c": 1, "z": 2})
    recording.finish(Ended(ending="complete"))


@pytest.mark.parametrize("layout", [LAYOUT, PLATE])
def test_frames_by_their_index_while_they_are_recorded_and_later(
    laboratory: Laboratory, layout: EventLayout
) -> None:
    recording = laboratory.begin(layout)
    done = [event for event in range(30) if event != 13]
    laboratory.show(*reversed(done))
    laboratory.stored(29)
    run = parfocal.open_run(recording.folder.path)
    assert run.outcome == "recording"
    for _ in range(2):
        frames = run.frames()
        assert values(frames) == [event + 1 for event in done]
        assert (len(frames), frames.shape, frames.dtype) == (29, (3, 2, 2, 3, 4, 6), np.uint16)
        assert len(frames.missing) == 36 - 29
        for frame in frames:
            number = layout.number_of(frame.index)
            assert (frame.header.event, frame.header.time_ns) == (number, number * 1000)
            assert np.all(frame.data == number + 1)
        assert np.asarray(run.frames(t=1, p=1, c=0, z=2))[0, 0] == 12 + 6 + 2 + 1
        assert run.frames(t=slice(0, 2), c=1, z=[0, 2]).array()[..., 0, 0].tolist() == [
            [[4, 6], [10, 12]],
            [[16, 18], [22, 24]],
        ]
        assert run.frames(t=1, p=0, c=0).missing == [{"t": 1, "p": 0, "c": 0, "z": 1}]
        assert run.frames(t=-1, p=0, c=0, z=np.int64(0)).array()[0, 0] == 25
        recording.finish(Ended(ending="complete"))
    assert run.outcome == "complete"


def test_positions_and_channels_by_their_names(laboratory: Laboratory) -> None:
    run = parfocal.open_run(laboratory.begin(LAYOUT).folder.path)
    laboratory.show(*range(24))
    laboratory.recording.finish(Ended(ending="complete"))
    assert values(run.frames(p="right", c="erk", t=1)) == [22, 23, 24]
    with pytest.raises(BadInputError, match="no p of the run is called 'rihgt'; did you mean 'right'"):
        run.frames(p="rihgt")
    with pytest.raises(BadInputError, match="c of the run goes from 0 to 1, not to 2"):
        run.frames(c=2)
    with pytest.raises(BadInputError, match=r"no frame at .*'t': 3.* it was not acquired"):
        run.frames(t=3, p=0, c=0, z=0).array()
    assert len(run.frames(t=3)) == 0
    assert "24 of camera" in repr(run)


def test_frames_that_follow_one_another(laboratory: Laboratory) -> None:
    recording = laboratory.begin(None)
    laboratory.show(5, 6)
    laboratory._shown += 1
    laboratory.show(7)
    recording.finish(Ended(ending="complete"))
    run = parfocal.open_run(str(recording.folder.path))
    assert values(run.frames()) == [6, 7, 8]
    assert [frame.index for frame in run.frames()] == [{"t": 0}, {"t": 1}, {"t": 3}]
    assert (run.frames().missing, run.frames(t=-1).array()[0, 0]) == ([{"t": 2}], 8)
    with pytest.raises(BadInputError, match="no axis 'c', only 't'"):
        run.frames(c=1)
    assert run.outcome == "incomplete: lost 1"


def test_rows_and_events(laboratory: Laboratory) -> None:
    recording = laboratory.begin(LAYOUT, plan={"n": 1})
    laboratory.show(0, 12)
    laboratory.stored(2)
    run = parfocal.open_run(recording.folder.path)
    assert run.events()["t"].tolist() == [0, 1]
    assert run.rows()["power"].tolist() == [0.5, 0.5]
    assert run.manifest.plan == {"n": 1}
    with pytest.raises(BadInputError, match="no rows of a stream 'tracks'; known: run_events"):
        run.rows("tracks")
    recording.finish(Ended(ending="complete"))
    assert run.events()["number"].tolist() == [0, 1]


def test_what_is_no_run_is_told_with_what_there_is(laboratory: Laboratory, tmp_path: Path) -> None:
    recording = laboratory.begin(None)
    recording.finish(Ended(ending="complete"))
    name = recording.folder.path.name
    with pytest.raises(BadInputError, match=f"no folder .*; did you mean '{re.escape(name)}'"):
        parfocal.open_run(recording.folder.path.with_name(name[:-1] + "x"))
    with pytest.raises(BadInputError, match=f"not the folder of a run: name the run in it, {name}"):
        parfocal.open_run(recording.folder.path.parent)
    with pytest.raises(BadInputError, match="it holds none"):
        parfocal.open_run(tmp_path)


def test_folders_beside_one_that_is_not_there_are_named_only_if_they_are_runs(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"run": "a", "format": 1}')
    with pytest.raises(BadInputError) as told:
        parfocal.open_run(tmp_path / "nonex")
    assert str(told.value) == f"there is no folder {tmp_path / 'nonex'}"


def test_one_frame_is_read_back_by_its_header_while_the_run_goes_on(laboratory: Laboratory) -> None:
    recording = laboratory.begin(LAYOUT)
    laboratory.show(0, 13)  # the second: t = 1, p = 0, c = 0, z = 1
    laboratory.stored(2)
    grown = msgspec.structs.replace(
        LAYOUT, sizes=(4, 3, 2, 3), positions=(*LAYOUT.positions, PositionLayout(name="new"))
    )
    recording.extend({"camera": grown}, {})
    laboratory.show(13, value=99)  # of the new layout: t = 0, p = 2, c = 0, z = 1
    laboratory.stored(3)
    folder = str(recording.folder.path)

    def read(frame: int, event: int) -> int:
        header = FrameHeader(frame=frame, event=event, time_ns=event * 1000)
        return int(stored_frame(folder, "camera", header)[0, 0])

    assert read(0, 0) == 1
    assert (read(1, 13), read(2, 13)) == (14, 99)
    run = parfocal.open_run(folder)
    assert [frame.index for frame in run.frames(c=0, z=1)] == [
        {"t": 0, "p": 2, "c": 0, "z": 1},
        {"t": 1, "p": 0, "c": 0, "z": 1},
    ]
    with pytest.raises(StorageError, match="frame 7 of 'camera', of event 13, is not in"):
        read(7, 13)
    with pytest.raises(BadInputError, match="does not store frames of 'eye' by their events"):
        stored_frame(folder, "eye", FrameHeader(frame=0, event=0))
    recording.finish(Ended(ending="complete"))
    assert read(2, 13) == 99
