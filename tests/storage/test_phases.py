"""A run that goes on: extended while it is recorded, and continued after it had ended."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage import list_runs, open_frames, read_array, read_headers, read_manifest
from parfocal.storage.manifest import Manifest
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(4, 4), dtype="uint16", pixel_size_um=0.5)
ROW = np.dtype([("n", "<i8")])
LAYOUT = EventLayout(axes="tpcz", sizes=(2, 2, 1, 1), channels=("nucleus",))


class Laboratory:
    """A camera and a table of rows; a camera counts its frames whether anybody records them or not."""

    def __init__(self, streams: Path, runs: Path) -> None:
        self.camera = StreamWriter(streams, "camera", SPEC, slots=64)
        self.rows = StreamWriter(streams, "log", RowSpec.of(ROW), slots=1024)
        self.runs = runs
        self.site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
        self._shown = 0

    def wanted(self, events: EventLayout | None) -> list[StreamRequest]:
        return [StreamRequest(name="camera", policy="block", events=events), StreamRequest(name="log")]

    def begin(self, events: EventLayout | None = LAYOUT, **asked: Any) -> Recording:
        recording = Recording.begin(self.runs, self.wanted(events), RunRequest(**asked), self.site)
        recording.start()
        return recording

    def go_on(self, run: Path, events: EventLayout | None = LAYOUT, **asked: Any) -> Recording:
        recording = Recording.continue_run(run, self.wanted(events), RunRequest(**asked), self.site)
        recording.start()
        return recording

    def show(self, *events: int) -> None:
        for event in events:
            pixels = np.full(SPEC.shape, event + 1, SPEC.dtype)
            self.camera.write(pixels, FrameHeader(frame=self._shown, event=event, time_ns=self._shown))
            self.rows.write_rows(np.array([(self._shown,)], ROW))
            self._shown += 1


@pytest.fixture
def laboratory(streams: Path, tmp_path: Path) -> Iterator[Laboratory]:
    made = Laboratory(streams, tmp_path / "runs")
    with made.camera, made.rows:
        yield made


def end(recording: Recording, **how: Any) -> Manifest:
    manifest = recording.finish(Ended(**{"ending": "complete", **how}))
    assert read_manifest(recording.folder.path) == manifest
    return manifest


def image(run: Path, position: int = 0) -> list[int]:
    return open_frames(run / "frames.ome.zarr" / str(position)).read().result()[..., 0, 0].ravel().tolist()


def test_a_plan_that_grows_while_it_is_recorded(laboratory: Laboratory) -> None:
    recording = laboratory.begin(plan={"n": 4})
    laboratory.show(0, 1, 2, 3)
    later = EventLayout(axes="tpcz", sizes=(3, 3, 2, 1), channels=("nucleus", "erk"))
    recording.extend({"camera": later}, {"n": 10})
    laboratory.show(*(later.number_of({"t": 2, "p": p, "c": c}) for p in range(3) for c in range(2)))
    manifest = end(recording, asked={"camera": 10})
    run = recording.folder.path
    assert (manifest.outcome, manifest.streams["camera"].stored) == ("complete", 10)
    assert manifest.streams["camera"].events == later
    assert image(run, 0) == [1, 0, 3, 0, 13, 14]
    assert image(run, 2) == [0, 0, 0, 0, 17, 18]
    yaozarrs.validate_zarr_store(str(run / "frames.ome.zarr"))
    assert manifest.plan == {"n": 10}
    assert [plan.file for plan in manifest.plans] == ["plan.json", "plan-2.json"]
    for plan in manifest.plans:
        assert hashlib.sha256((run / plan.file).read_bytes()).hexdigest() == plan.sha256


def test_what_was_noted_beside_a_plan_stays_and_is_in_no_plans_file(laboratory: Laboratory) -> None:
    first = laboratory.begin(plan={"n": 4}, plan_notes={"for": "Ada", "n": "four"})
    laboratory.show(0, 1, 2, 3)
    first.extend({}, {"n": 5})
    assert first.manifest.plan == {"for": "Ada", "n": 5}
    run = first.folder.path
    end(first)
    second = laboratory.go_on(run, plan={"n": 6}, plan_notes={"dish": 2})
    laboratory.show(4)
    manifest = end(second)
    assert manifest.plan_notes == {"for": "Ada", "n": "four", "dish": 2}
    assert manifest.phases[0].plan_notes == {"for": "Ada", "n": "four"}
    assert manifest.plan == {"for": "Ada", "n": 6, "dish": 2}
    files = [json.loads((run / plan.file).read_text()) for plan in manifest.plans]
    assert files == [{"n": 4}, {"n": 5}, {"n": 6}]


def test_what_cannot_grow_is_refused_and_the_run_goes_on(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    for events, told in (
        ({"camera": EventLayout(axes="t", sizes=(9,))}, "goes on with the axes"),
        ({"log": LAYOUT}, "not stored by events"),
        ({"cam": LAYOUT}, "records no stream 'cam'"),
    ):
        with pytest.raises(BadInputError, match=told):
            recording.extend(events, {})
    laboratory.show(0, 1, 2, 3)
    assert end(recording).outcome == "complete"


@pytest.mark.parametrize("events", [LAYOUT, None])
def test_a_run_goes_on_after_it_had_ended(laboratory: Laboratory, events: EventLayout | None) -> None:
    first = laboratory.begin(events, plan={"n": 1}, operator="Ada")
    laboratory.show(0, 1, 2)
    run = first.folder.path
    end(first, ending="cancelled", reason="too dim")
    laboratory.show(7, 7)  # nobody records them
    second = laboratory.go_on(run, events, plan={"n": 2}, notes="brighter")
    assert read_manifest(run).seen == "recording"
    laboratory.show(4, 5)
    manifest = end(second)
    assert (manifest.outcome, manifest.reason) == ("complete", "phase 1 was 'cancelled' (too dim)")
    assert [(phase.outcome, phase.reason) for phase in manifest.phases] == [("cancelled", "too dim")]
    assert (manifest.operator, manifest.notes, manifest.plan) == ("Ada", "brighter", {"n": 2})
    assert {name: (s.stored, s.lost) for name, s in manifest.streams.items()} == {
        "camera": (5, 0),
        "log": (5, 0),
    }
    assert read_array(run / "log")["n"].tolist() == [0, 1, 2, 5, 6]
    if events is None:
        assert open_frames(run / "frames.ome.zarr").read().result()[:, 0, 0].tolist() == [1, 2, 3, 5, 6]
        assert read_headers(run / "frames.ome.zarr")["frame"].tolist() == [0, 1, 2, 5, 6]
    else:
        assert (image(run, 0), image(run, 1)) == ([1, 3, 5], [2, 0, 6])
    (listed,) = list_runs(laboratory.runs)
    assert (listed.outcome, listed.folder) == ("complete", str(run))


def test_a_reason_tells_each_phase_once(laboratory: Laboratory) -> None:
    first = laboratory.begin()
    laboratory.show(0)
    end(first, ending="cancelled", reason="too dim")
    second = laboratory.go_on(first.folder.path)
    laboratory.show(1)
    end(second, ending="cancelled", reason="too bright")
    third = laboratory.go_on(first.folder.path)
    laboratory.show(2)
    manifest = end(third)
    assert manifest.reason == "phase 1 was 'cancelled' (too dim); phase 2 was 'cancelled' (too bright)"
    assert [phase.reason for phase in manifest.phases] == ["too dim", "too bright"]


def test_what_was_lost_before_stays_lost(laboratory: Laboratory) -> None:
    first = laboratory.begin()
    laboratory.show(0, 1)
    assert end(first, asked={"camera": 3}).outcome == "incomplete: lost 1"
    second = laboratory.go_on(first.folder.path)
    laboratory.show(3)
    manifest = end(second, asked={"camera": 1}, losses={"skipped": 2})
    assert manifest.outcome == "incomplete: lost 3"
    third = laboratory.go_on(first.folder.path)
    laboratory.show(4)
    manifest = end(third, asked={"camera": 1})
    assert manifest.outcome == "incomplete: lost 3"
    assert (manifest.streams["camera"].stored, manifest.streams["camera"].lost) == (4, 1)
    assert [phase.outcome for phase in manifest.phases] == ["incomplete: lost 1", "incomplete: lost 3"]


def test_a_phase_may_bring_positions_channels_and_streams(laboratory: Laboratory, streams: Path) -> None:
    first = laboratory.begin()
    laboratory.show(0, 1, 2, 3)
    end(first)
    later = EventLayout(axes="tpcz", sizes=(1, 3, 2, 1), channels=("nucleus", "erk"))
    with StreamWriter(streams, "extra", RowSpec.of(ROW)) as extra:
        wanted = [*laboratory.wanted(later), StreamRequest(name="extra")]
        second = Recording.continue_run(first.folder.path, wanted, RunRequest(), laboratory.site)
        second.start()
        extra.write_rows(np.array([(3,)], ROW))
        laboratory.show(later.number_of({"t": 2, "p": 2, "c": 1}))
        manifest = end(second, asked={"camera": 1})
    run = first.folder.path
    assert (manifest.outcome, manifest.streams["camera"].stored) == ("complete", 5)
    assert manifest.streams["camera"].events.sizes == (2, 3, 2, 1)
    assert image(run, 2) == [0, 0, 0, 0, 0, 18]
    assert image(run, 0) == [1, 0, 3, 0, 0, 0]
    assert manifest.streams["extra"].stored == 1


def test_a_run_that_cannot_go_on_stays_as_it_is(laboratory: Laboratory, streams: Path) -> None:
    first = laboratory.begin()
    run = first.folder.path
    with pytest.raises(BadInputError, match="still recorded"):
        laboratory.go_on(run)
    laboratory.show(0)
    before = end(first)
    with pytest.raises(BadInputError, match="stored as events, and cannot go on as frames"):
        laboratory.go_on(run, None)
    with pytest.raises(BadInputError, match="goes on with the axes"):
        laboratory.go_on(run, EventLayout(axes="t", sizes=(3,)))
    with pytest.raises(BadInputError, match="no run"):
        laboratory.go_on(run.parent)
    laboratory.camera.close()
    with (
        StreamWriter(streams, "camera", FrameSpec(shape=(2, 2), dtype="uint8")),
        pytest.raises(BadInputError, match="holds something else than the run does"),
    ):
        laboratory.go_on(run)
    assert read_manifest(run) == before
    assert not [path for path in run.iterdir() if path.name.startswith("phase")]


def test_a_table_keeps_its_columns_when_a_later_version_recovers_its_run(
    laboratory: Laboratory, streams: Path
) -> None:
    first = laboratory.begin()
    laboratory.show(0)
    end(first)
    run, camera = first.folder.path, laboratory.camera
    laboratory.rows.close()
    later = np.dtype([("mask_read", "i1"), ("n", "<i8")])
    other = np.dtype([("n", "<f4")])
    with (
        StreamWriter(streams, "log", RowSpec.of(other)),
        pytest.raises(BadInputError, match="something else"),
    ):
        laboratory.go_on(run, recovers=True)
    with StreamWriter(streams, "log", RowSpec.of(later)) as log:
        with pytest.raises(BadInputError, match="does: it also has mask_read; set it as it was"):
            laboratory.go_on(run)  # with another plan: that is another table
        second = laboratory.go_on(run, recovers=True)
        camera.write(np.ones(SPEC.shape, SPEC.dtype), FrameHeader(frame=1, event=1, time_ns=1))
        log.write_rows(np.array([(1, 1)], later))
        manifest = end(second)
    assert (manifest.outcome, manifest.streams["log"].stored) == ("complete", 2)
    assert manifest.streams["log"].spec == RowSpec.of(ROW)
    assert read_array(run / "log").tolist() == [(0,), (1,)]


def test_what_was_asked_is_compared_with_what_is_there(laboratory: Laboratory) -> None:
    recording = laboratory.begin()
    laboratory.show(0, -1, 1, 1)
    manifest = end(recording, asked={"camera": 3})
    camera = manifest.streams["camera"]
    assert (camera.expected, camera.stored, camera.lost, camera.repeated) == (3, 2, 1, 1)
    assert manifest.outcome == "incomplete: lost 1"
    assert "1 of camera came for an event that had a frame: one of each is kept" in manifest.reason
    recording = laboratory.begin()
    laboratory.show(0)
    laboratory._shown += 5  # aborted exposures, repeated by whoever carries out the plan
    laboratory.show(1)
    assert end(recording, asked={"camera": 2}).outcome == "complete"


def test_files_of_an_earlier_phase_are_kept(laboratory: Laboratory) -> None:
    from dataclasses import replace

    from parfocal.storage.collecting import Artifact, Collected

    def collect(folder: Path, at_end: bool) -> Collected:
        (folder / "rois.json").write_text(threading.current_thread().name + str(at_end))
        return Collected(artifacts={"rois.json": Artifact(service="tracker", bytes=1, sha256="")})

    laboratory.site = replace(laboratory.site, collect=collect)
    first = laboratory.begin()
    end(first)
    second = laboratory.go_on(first.folder.path)
    manifest = end(second)
    assert list(manifest.phases[0].artifacts) == ["phase-1/rois.json"]
    assert all((first.folder.path / name).exists() for name in ("rois.json", "phase-1/rois.json"))
