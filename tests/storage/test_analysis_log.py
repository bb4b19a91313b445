"""What a pipeline finds, as streams that are recorded: by name, through a slow disk and a second phase."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import parfocal
from parfocal.core.errors import StreamInUseError
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.modulation import PackedMask, ShownMask
from parfocal.rig.plot import plot_run
from parfocal.runs.analysis_log import AnalysisLog
from parfocal.runs.analysis_rows import OUTCOMES, dose_rows, stimulation_row, track_dtype, track_rows
from parfocal.runs.event_log import SettledEvent
from parfocal.runs.instruments.instruments import ExposedFrame, FiredStimulus, StimulusMask
from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec, FrameMask, StimulusFacts
from parfocal.runs.plans.event import Event
from parfocal.storage.recorder_settings import RecorderSettings
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter, open_stream

IMAGE = FrameSpec(shape=(4, 6), dtype="uint16", pixel_size_um=0.5)
LEFT, RIGHT = PositionLayout(name="left", well="B3"), PositionLayout(name="right", well="B4")
CHANNELS = ("nucleus", "light")
LAYOUT = EventLayout(axes="tpcz", sizes=(3, 2, 2, 1), positions=(LEFT, RIGHT), channels=CHANNELS)
LIMIT_S = 60.0


def event(number: int, t: int, p: int, **more: Any) -> Event:
    return Event(**{"number": number, "kind": "image", "index": {"t": t, "p": p, "c": 0, "z": 0}, **more})


def exposed(frame: int, **more: Any) -> ExposedFrame:
    header = FrameHeader(frame=frame, time_ns=1000 * frame, exposure_ns=20_000_000)
    return ExposedFrame(header=header, x_um=100.0, y_um=10.0, **more)


def labels_at(t: int) -> Any:
    labels = np.zeros(IMAGE.shape, np.int32)
    labels[0, t % 6], labels[3, 5] = 1, 2
    return labels


def analysed(number: int, t: int, p: int, **more: Any) -> AnalysedFrame:
    """Two cells, of which the first is the daughter of the other at t > 0."""
    columns = {
        "label": np.array([1, 2]),
        "y_px": np.array([0.0, 3.0]),
        "x_px": np.array([float(t), 5.0]),
        "particle": np.array([8 + t, 7]),
        "parent": np.array([7 if t else -1, -1]),
        "area_px": np.array([1, 1]),
        "lit": np.array([0.5, 0.0]),
    }
    labels = labels_at(t)
    mask = (labels == 1).astype(np.uint8)
    image = event(number, t, p, **more)
    return AnalysedFrame(event=image, exposure=exposed(number), labels=labels, mask=mask, columns=columns)


FIRED = FiredStimulus(
    exposed=exposed(9, power=0.25),
    shown=ShownMask(hash=2**64 - 1, lit_px=4, shown_ns=7),
    shutter=True,
    fired_ns=10**6,
)
STIMULUS = {"kind": "stimulus", "power": 0.5, "index": {"t": 1, "p": 0, "c": 1}}


def stimulus(
    frame: AnalysedFrame, outcome: str = "acquired", *, fired: bool = True, older: bool = False
) -> Any:
    """What became of a stimulus with the mask of a frame."""
    assert frame.mask is not None
    packed = PackedMask.of(frame.mask > 0)
    mask = StimulusMask(image_event=frame.event.number, frame=frame.exposure.header.frame, packed=packed)
    facts = StimulusFacts(
        mask=FrameMask(stimulus=mask, event=frame.event, image_ns=0, mask_ns=5, columns=frame.columns),
        fired=FIRED if fired else None,
    )
    shot = event(frame.event.number + 1, 1, 0, **STIMULUS)
    return SettledEvent(shot, outcome, None, 0.0, 0.0, facts, older)


def write(log: AnalysisLog, frame: AnalysedFrame) -> bool:
    if not log.write_images(frame):
        return False
    log.write_rows(frame)
    return True


@contextmanager
def opened(streams: Path, layout: EventLayout = LAYOUT, *, masks: bool = True) -> Iterator[AnalysisLog]:
    log = AnalysisLog(streams)
    columns = ("label", "y_px", "x_px", "area_px", "ratio_erk")
    log.begin(AnalysisSpec(frame=IMAGE, columns=columns, labels=True, masks=masks, tracks=True), layout)
    try:
        yield log
    finally:
        log.close()


def site(streams: Path) -> Site:
    return Site(streams=streams, rig="bench", service="recorder", on_error=print)


def recorded(
    log: AnalysisLog, streams: Path, folder: Path, images: EventLayout = LAYOUT, **asked: Any
) -> Recording:
    """Begin the record of a run with a camera, or go on with the one that is there."""
    wanted = RecorderSettings().streams({"camera": images, **log.frames}, log.rows, log.blocking)
    before = next(folder.iterdir(), None) if folder.exists() else None
    if before is None:
        recording = Recording.begin(folder, wanted, RunRequest(**asked), site(streams))
    else:
        recording = Recording.continue_run(before, wanted, RunRequest(**asked), site(streams))
    recording.start()
    return recording


def test_what_is_found_is_read_with_names_and_places(streams: Path, tmp_path: Path) -> None:
    phase = {"phase_id": 3, "phase": "light"}
    with StreamWriter(streams, "camera", IMAGE), opened(streams) as log:
        recording = recorded(log, streams, tmp_path / "runs", plan={"parts": [{"metadata": phase}]})
        for number, (t, p) in enumerate([(0, 0), (0, 1), (1, 0)]):
            assert write(log, analysed(number, t, p, metadata=phase))
        recording.finish(Ended(ending="complete", missing=0))
    run = parfocal.open_run(recording.folder.path)

    assert run.outcome == "complete"
    tracks = run.tracks()
    assert tracks["number"].tolist() == [0, 0, 1, 1, 2, 2]
    assert tracks["particle"].tolist() == [8, 7, 8, 7, 9, 7]
    assert tracks["parent"].tolist() == [-1, -1, -1, -1, 7, -1]
    assert tracks["position"].tolist() == ["left", "left", "right", "right", "left", "left"]
    assert tracks["well"][:3].tolist() == ["B3", "B3", "B4"]
    assert set(tracks["phase"]) == {"light"}
    assert tracks["y_um"][:2].tolist() == [10.0 - 0.75, 10.0 + 0.75]
    assert tracks["x_um"][:2].tolist() == [100.0 - 1.25, 100.0 + 1.25]
    assert np.isnan(tracks["ratio_erk"]).all()
    assert run.frames("labels", t=1, p="left").array().tolist() == labels_at(1).tolist()
    assert run.frames("masks").shape == (2, 2, *IMAGE.shape)
    assert run.frames("masks").missing == [{"t": 1, "p": 1}]
    assert [frame.header.time_ns for frame in run.frames("labels")] == [0, 1000, 2000]


def test_stimuli_and_doses(streams: Path, tmp_path: Path) -> None:
    frame = analysed(4, 1, 0)
    with StreamWriter(streams, "camera", IMAGE), opened(streams) as log:
        recording = recorded(log, streams, tmp_path / "runs")
        log.note(stimulus(frame))
        log.note(stimulus(frame, older=True))
        log.note(stimulus(frame, "unsure", fired=False))
        log.note(stimulus(frame, "skipped", fired=False))
        log.note(SettledEvent(event(9, 2, 0), "acquired", exposed(9), 0.0, 0.0))
        recording.finish(Ended(ending="complete", missing=0))
    run = parfocal.open_run(recording.folder.path)
    rows = run.stimulations()
    assert [OUTCOMES[number] for number in rows["outcome"]] == ["fired", "fallback", "unsure", "skipped"]
    assert rows["image_event"].tolist() == [4] * 4
    assert rows["channel"].tolist() == run.doses()["channel"][:4].tolist() == ["light"] * 4
    fired = rows[0]
    assert (fired["mask_hash"], fired["lit_px"], fired["shutter"]) == (2**64 - 1, 4, 1)
    assert (fired["asked_power"], fired["power"], fired["exposure_ms"]) == (0.5, 0.25, 20.0)
    assert (fired["mask_ns"], fired["shown_ns"], fired["image_to_stim_ms"]) == (5, 7, 1.0)
    unsure = rows[2]
    assert (unsure["mask_hash"], unsure["lit_px"], unsure["shutter"], unsure["shown_ns"]) == (0, -1, -1, -1)
    assert np.isnan(unsure["power"])

    doses = run.doses()
    assert doses["particle"].tolist() == [9, 7] * 3
    assert doses["dose"][:4].tolist() == [2.5, 0.0, 2.5, 0.0]
    assert np.isnan(doses["dose"][4:]).all()  # nobody knows whether it was fired


def test_a_stimulus_that_lights_the_whole_field_is_confirmed_as_one_with_a_mask_is() -> None:
    """Nothing of it was kept, as if it had not been fired."""
    lit = SettledEvent(event(5, 1, 0, **STIMULUS), "acquired", None, 0.0, 0.0, StimulusFacts(fired=FIRED))
    (row,) = stimulation_row(lit)
    assert (OUTCOMES[row["outcome"]], row["image_event"]) == ("fired", -1)
    assert (row["lit_px"], row["power"], row["exposure_ms"], row["shutter"]) == (4, 0.25, 20.0, 1)
    assert (row["fired_ns"], row["shown_ns"], row["x_um"], row["c"]) == (10**6, 7, 100.0, 1)
    assert np.isnan(row["image_to_stim_ms"])
    bare = StimulusFacts(fired=replace(FIRED, shown=None))  # of a rig without a modulator
    (row,) = stimulation_row(replace(lit, stimulus=bare))
    assert (row["mask_hash"], row["lit_px"], row["mask_read"], row["power"]) == (0, -1, -1, 0.25)


def test_an_image_that_was_not_segmented_has_no_rows(streams: Path) -> None:
    with opened(streams) as log:
        image = event(0, 0, 0)
        log.write_rows(AnalysedFrame(event=image, exposure=exposed(0), labels=None, mask=None, columns={}))
        log.write_rows(analysed(1, 1, 0))
        assert open_stream(streams, "tracks").produced == 2


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(20261129113500, 20261129113500), (2**63 - 1, 2**63 - 1), (2**63, -1), (-(2**63) - 1, -1), ("1", -1)],
)
def test_a_phase_may_have_any_whole_number_that_fits(asked: Any, kept: int) -> None:
    frame = analysed(0, 0, 0, metadata={"phase_id": asked})
    rows = track_rows(track_dtype(()), frame, IMAGE.shape, None)
    assert rows["phase_id"].tolist() == [kept] * 2


def test_a_stimulus_whose_frame_was_lost_has_doses_that_nobody_knows() -> None:
    rows = dose_rows(stimulus(analysed(4, 1, 0), "lost", fired=False))
    assert rows["particle"].tolist() == [9, 7]
    assert np.isnan(rows["dose"]).all()


def test_what_was_not_begun_keeps_nothing(streams: Path) -> None:
    log = AnalysisLog(streams)
    log.note(stimulus(analysed(0, 0, 0)))
    assert write(log, analysed(1, 1, 0))
    assert (log.rows, log.frames, log.losses) == ((), {}, {})


def test_what_finds_no_room_is_told_and_comes_later(streams: Path) -> None:
    with opened(streams, masks=False) as log:
        with open_stream(streams, "labels").lossless("block", name="slow") as slow:
            room = open_stream(streams, "labels").status().slots
            taken = [write(log, analysed(n, n, 0)) for n in range(room + 3)]
            assert taken == [True] * (room + 1) + [False] * 2  # one is kept beside the ring
            assert not log.settle(0.0)
            assert log.losses == {"no room for labels": 1}
            with slow.lease_many(2, LIMIT_S) as frames:
                assert len(frames) > 0
            assert log.settle(LIMIT_S)
            with slow.lease_many(room, LIMIT_S):
                pass
            assert write(log, analysed(room + 1, room + 1, 0))
        assert open_stream(streams, "tracks").produced == 2 * (room + 2)
        assert log.losses == {}


def test_rows_wait_for_room_within_bounds(streams: Path) -> None:
    with opened(streams) as log:
        room = open_stream(streams, "doses").status().slots
        frame = analysed(0, 0, 0)
        many = np.arange(room // 2)
        frame.columns.update(label=many, particle=many, lit=many)
        with open_stream(streams, "doses").lossless("block", name="slow") as slow:
            for _ in range(4):
                log.note(stimulus(frame))
            assert log.losses == {"no room for doses": room}  # if the record were closed now
            log.note(stimulus(frame))
            assert log.losses == {"no room for doses": room + room // 2}
            with slow.lease_rows(LIMIT_S, room) as rows:
                assert len(rows) == room
            assert log.settle(LIMIT_S)
        assert log.losses == {"no room for doses": room // 2}
        assert open_stream(streams, "doses").produced == 2 * room


def test_what_waits_at_the_end_is_lost_before_and_after_the_streams_have_ended(streams: Path) -> None:
    with opened(streams) as log, open_stream(streams, "masks").lossless("block", name="slow"):
        room = open_stream(streams, "masks").status().slots
        for number in range(room + 1):
            assert write(log, analysed(number, number, 0))
        losses = log.losses  # as the record is told before it is closed
        log.close()
        assert losses == log.losses == {"no room for masks": 1}


def test_a_run_goes_on_with_particles_and_more_positions(streams: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    grown = EventLayout(
        axes="tpcz", sizes=(4, 3, 2, 1), positions=(LEFT, RIGHT, LEFT), channels=LAYOUT.channels
    )
    with StreamWriter(streams, "camera", IMAGE), opened(streams) as log:
        recording = recorded(log, streams, folder)
        assert write(log, analysed(0, 0, 1))
        with log.relayout(grown) as layouts:
            recording.extend({"camera": grown, **layouts}, {})
        assert write(log, analysed(1, 1, 2))
        recording.finish(Ended(ending="complete", missing=0))
    with StreamWriter(streams, "camera", IMAGE), opened(streams, grown) as log:
        recording = recorded(log, streams, folder, grown)
        assert write(log, analysed(2, 3, 0))
        recording.finish(Ended(ending="complete", missing=0))
    run = parfocal.open_run(recording.folder.path)

    assert run.outcome == "complete"
    assert run.tracks()["particle"].tolist() == [8, 7, 9, 7, 11, 7]
    assert [frame.index for frame in run.frames("labels")] == [
        {"t": 0, "p": 1},
        {"t": 1, "p": 2},
        {"t": 3, "p": 0},
    ]
    assert run.frames("labels", t=3, p=0).array().tolist() == labels_at(3).tolist()


def test_what_waits_while_a_plan_grows_lies_where_it_was_found(streams: Path) -> None:
    grown = EventLayout(axes="tpcz", sizes=(9, 3, 2, 1), positions=(LEFT, RIGHT, LEFT), channels=CHANNELS)
    with opened(streams, masks=False) as log:
        with open_stream(streams, "labels").lossless("block", name="slow") as slow:
            room = open_stream(streams, "labels").status().slots
            for number in range(room):
                assert write(log, analysed(number, 0, 0))
            assert write(log, analysed(room, 5, 1))
            with log.relayout(grown) as layouts:
                layout = layouts["labels"]
            for _ in range(room):
                with slow.lease(LIMIT_S):
                    pass
            assert log.settle(LIMIT_S)
            with slow.lease(LIMIT_S) as last:
                assert layout.index_of(last.header.event) == {"t": 5, "p": 1}
        assert log.losses == {}


def test_an_image_is_the_frame_unless_another_stream_is_named(streams: Path, tmp_path: Path) -> None:
    with StreamWriter(streams, "camera", IMAGE) as camera, opened(streams) as log:
        wanted = RecorderSettings().streams({"camera": LAYOUT, **log.frames}, log.rows, log.blocking)
        recording = Recording.begin(tmp_path, wanted, RunRequest(), site(streams))
        recording.start()
        run = parfocal.open_run(recording.folder.path)
        assert run.tracks().dtype.names[-5:-2] == ("ratio_erk", "parent", "position")  # though there is none
        camera.write(np.full(IMAGE.shape, 9, np.uint16), FrameHeader(frame=0, event=0))
        recording.finish(Ended(ending="complete", missing=0))
    assert run.frames(t=0, p=0, c=0, z=0).array().max() == 9
    assert len(run.frames("labels")) == 0
    assert len(run.tracks()) == 0


def test_the_ways_of_cells_are_drawn_over_their_last_images(streams: Path, tmp_path: Path) -> None:
    with StreamWriter(streams, "camera", IMAGE) as camera, opened(streams) as log:
        wanted = RecorderSettings().streams({"camera": LAYOUT, **log.frames}, log.rows, log.blocking)
        recording = Recording.begin(tmp_path, wanted, RunRequest(), site(streams))
        recording.start()
        for number, (t, p) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            header = FrameHeader(frame=number, event=LAYOUT.number_of({"t": t, "p": p}))
            camera.write(np.full(IMAGE.shape, 9, np.uint16), header)
            assert write(log, analysed(number, t, p))
        recording.finish(Ended(ending="complete", missing=0))
    pictures = {picture.name: picture for picture in plot_run(recording.folder.path, out=tmp_path)}
    assert {"camera.png", "labels.png", "masks.png", "tracks.png"} <= pictures.keys()
    drawn = np.asarray(Image.open(pictures["tracks.png"]).convert("RGB")).astype(int)
    assert (np.ptp(drawn, axis=2) > 60).sum() > 50, "ways are drawn in colours, over images in grey"


def test_a_stream_of_another_program_is_left_alone(streams: Path) -> None:
    with opened(streams), pytest.raises(StreamInUseError, match="stimulations"):
        AnalysisLog(streams).begin(
            AnalysisSpec(frame=IMAGE, columns=(), labels=True, masks=True, tracks=True), LAYOUT
        )
