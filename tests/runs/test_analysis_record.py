"""What a pipeline finds, through a recorder that is killed meanwhile; and frames read back from a record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.processes import directory
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence
from parfocal.runs.analysis_log import AnalysisLog
from parfocal.runs.event_log import SettledEvent
from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.step import Step
from parfocal.runs.plans.event import Event

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LIMIT_S = 120.0
TIMES, PLACES, CELLS = 1100, 2, 196
SHAPE = (256, 256)
IMAGE = FrameSpec(shape=SHAPE, dtype="uint16", pixel_size_um=0.65)
LAYOUT = EventLayout(
    axes="tpcz",
    sizes=(TIMES, PLACES, 2, 1),
    positions=(PositionLayout(name="left"), PositionLayout(name="right")),
    channels=("nucleus", "cytoplasm"),
)
Y, X = (CELLS_PX.ravel() for CELLS_PX in np.mgrid[8:250:18, 8:250:18])
LABELS = np.zeros(SHAPE, np.int32)
for number, (y, x) in enumerate(zip(Y, X, strict=True), 1):
    LABELS[y - 5 : y + 5, x - 5 : x + 5] = number
COLUMNS = {
    "label": np.arange(1, CELLS + 1),
    "y_px": Y - 0.5,
    "x_px": X - 0.5,
    "area_px": np.full(CELLS, 100),
    "particle": np.arange(CELLS),
}


def frame(number: int) -> AnalysedFrame:
    t, p = divmod(number, PLACES)
    event = Event(number=3 * number, kind="image", index={"t": t, "p": p, "c": 0, "z": 0})
    header = FrameHeader(frame=2 * number, time_ns=1000 * number)
    columns = {**COLUMNS, "mean_nucleus": np.full(CELLS, float(number))}
    return AnalysedFrame(
        event=event, exposure=ExposedFrame(header=header), labels=LABELS, mask=LABELS > 0, columns=columns
    )


def skipped(number: int) -> SettledEvent:
    t, p = divmod(number, PLACES)
    event = Event(number=3 * number + 1, kind="stimulus", index={"t": t, "p": p, "c": 1, "z": 0})
    return SettledEvent(event, "skipped", None, 0.0, 0.0)


def write(log: AnalysisLog, number: int) -> None:
    found = frame(number)
    assert poll_until(lambda: log.write_images(found), LIMIT_S), "no room"
    log.write_rows(found)
    log.note(skipped(number))


def is_back(rig) -> bool:
    if directory.record(rig.name, "recorder").restarts != 1:
        return False
    with suppress(CommandError):
        return rig["recorder"].status().outcome == "recording"
    return False


@pytest.fixture
def rig(tmp_path):
    with open_rig("microscope", changes={"recorder.folder": str(tmp_path)}) as rig:
        yield rig


def test_nothing_is_lost_when_the_recorder_is_killed(rig):
    log = AnalysisLog(directory.shm_folder(rig.name))
    columns = ("label", "y_px", "x_px", "area_px", "mean_nucleus")
    log.begin(AnalysisSpec(frame=IMAGE, columns=columns, labels=True, masks=True, tracks=True), LAYOUT)
    try:
        recorder = rig["recorder"]
        images = {"camera": LAYOUT}  # none is exposed: labels lie within the images that they belong to
        events = msgspec.to_builtins(images | log.frames)
        folder = recorder.start(events=events, rows=log.rows, blocking=log.blocking)
        total = TIMES * PLACES
        for number in range(total):
            if number == total // 3:
                os.kill(directory.record(rig.name, "recorder").pid, signal.SIGKILL)
            write(log, number)
        assert poll_until(lambda: log.settle(1.0), LIMIT_S)
        assert log.losses == {}
        assert poll_until(lambda: is_back(rig), LIMIT_S)
        rig["recorder"].finish(missing=0, asked={"camera": 0}, timeout_s=LIMIT_S)
    finally:
        log.close()
    run = parfocal.open_run(folder)
    assert run.outcome == "complete", run.manifest.reason
    tracks = run.tracks()
    assert tracks["number"].tolist() == np.repeat(3 * np.arange(total), CELLS).tolist()
    assert (tracks["mean_nucleus"] == tracks["number"] / 3).all()
    assert (tracks["particle"] == np.tile(np.arange(CELLS), total)).all()
    assert (tracks["position"] == np.where(tracks["p"] == 0, "left", "right")).all()
    assert run.stimulations()["number"].tolist() == (3 * np.arange(total) + 1).tolist()
    for name in ("labels", "masks"):
        assert run.frames(name).missing == []
        last = run.frames(name, t=-1, p="right").array()
        assert (last == (LABELS if name == "labels" else LABELS > 0)).all()


READ = """
import sys
import msgspec
from parfocal.core.frames import FrameHeader
from parfocal.storage.stored_frame import stored_frame

folder, header = sys.argv[1], msgspec.json.decode(sys.argv[2], type=FrameHeader)
print(int(stored_frame(folder, "camera", header).astype(int).sum()))
"""


def test_another_process_reads_frames_back_while_they_are_recorded(rig):
    camera, recorder = rig["camera"], rig["recorder"]
    layout = msgspec.structs.replace(LAYOUT, sizes=(40, PLACES, 2, 1))
    folder = recorder.start(events={"camera": msgspec.to_builtins(layout)})
    rings = rig.stream("camera")
    with rings.lossless("block", name="test") as reader:
        header = None
        for number in range(40):
            index = {"t": number, "p": number % 2, "c": 1, "z": 0}
            (header,) = camera.snap(event=layout.number_of(index))
            with reader.lease(LIMIT_S) as lent:
                total = int(lent.data.astype(int).sum())
    assert header is not None
    assert poll_until(lambda: recorder.status().streams["camera"].behind == 0, LIMIT_S)
    told = msgspec.json.encode(msgspec.convert(header, FrameHeader, from_attributes=True)).decode()
    done = subprocess.run(
        [sys.executable, "-c", READ, str(Path(folder)), told],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == total
    recorder.finish(missing=0)


def pipeline() -> Pipeline:
    cells = "parfocal.analysis.cells"
    return Pipeline(
        segment=Step(call=f"{cells}.segment:otsu", settings={"min_contrast": 50}),
        features=Step(call=f"{cells}.measure:measure", settings={"ring_px": 4}),
        track=Step(call=f"{cells}.divisions:DivisionLinker", settings={"search_px": 15, "division_px": 15}),
    )


def plan(loops: int, phase: int, **more) -> Sequence:
    return Sequence(
        time_plan={"interval": 0.2, "loops": loops},
        channels=["nucleus", "cytoplasm"],
        stage_positions=[(0, 0, 0), {"x": 300, "y": 0, "z": 0, "name": "right"}],
        metadata={"phase": f"phase {phase}", "phase_id": phase},
        **more,
    )


def test_cells_keep_their_numbers_when_a_run_goes_on_with_another_phase(rig):
    before = rig.run(plan(4, 0), pipeline=pipeline()).wait(timeout_s=LIMIT_S)
    after = rig.run(plan(3, 1), pipeline=pipeline(), continues=before.run).wait(timeout_s=LIMIT_S)
    run = parfocal.open_run(after.folder)
    assert (after.folder, run.outcome) == (before.folder, "complete"), run.manifest.reason
    tracks = run.tracks()
    assert sorted(set(tracks["t"].tolist())) == list(range(7))
    assert (tracks["phase"] == np.where(tracks["t"] < 4, "phase 0", "phase 1")).all()
    assert (tracks["position"] == np.where(tracks["p"] == 0, "", "right")).all()
    for p in (0, 1):
        there = tracks[tracks["p"] == p]
        first, last = (set(there[there["t"] == t]["particle"].tolist()) for t in (3, 4))
        assert len(first & last) > 0.8 * len(first), "a new phase would number its cells anew"
    assert run.frames("labels").missing == []
    for frame_of_labels in run.frames("labels"):
        t, p = frame_of_labels.index["t"], frame_of_labels.index["p"]
        mine = tracks[(tracks["t"] == t) & (tracks["p"] == p)]
        assert sorted(mine["label"].tolist()) == np.unique(frame_of_labels.data)[1:].tolist()


def test_what_was_found_before_the_engine_was_killed_is_in_the_record_and_in_no_other(rig):
    handle = rig.run(plan(400, 0), pipeline=pipeline())
    assert poll_until(lambda: handle.status().folder, LIMIT_S)
    folder = Path(handle.status().folder)
    assert poll_until(lambda: len(parfocal.open_run(folder).tracks()) > 0, LIMIT_S)
    assert poll_until(lambda: len(parfocal.open_run(folder).frames("labels")) > 1, LIMIT_S)
    os.kill(directory.record(rig.name, "runs").pid, signal.SIGKILL)
    assert poll_until(lambda: parfocal.open_run(folder).outcome == "failed", LIMIT_S)
    killed = parfocal.open_run(folder)
    assert killed.manifest.reason.startswith("the run engine died")
    assert len(killed.frames("labels")) > 0
    assert set(killed.tracks()["t"].tolist()) <= {frame.index["t"] for frame in killed.frames(c=0)}

    assert poll_until(lambda: answers(rig), LIMIT_S)
    status = rig.run(plan(2, 1), pipeline=pipeline()).wait(timeout_s=LIMIT_S)
    fresh = parfocal.open_run(status.folder)
    assert fresh.outcome == "complete", fresh.manifest.reason
    tracks = fresh.tracks()
    assert set(tracks["phase"].tolist()) == {"phase 1"}
    assert {(row["t"], row["p"]) for row in tracks} == {(t, p) for t in (0, 1) for p in (0, 1)}
    assert fresh.frames("labels").missing == []


def answers(rig) -> bool:
    with suppress(CommandError):
        return isinstance(rig["runs"].statuses(), dict)
    return False
