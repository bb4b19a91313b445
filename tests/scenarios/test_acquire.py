"""Acquisitions of the simulated tweezers: what each mode records, and what the record says after a kill."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

import parfocal
from parfocal.cli.app import run as run_command
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, CommandError, RunFailedError
from parfocal.processes.directory import runtime_folder
from parfocal.rig.opening import open_rig
from parfocal.runs import call
from parfocal.runs.last_run import UnfinishedRun

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
LONG = 250
"""Frames for 10 s: what happens in their middle may come late."""
WAIT_S = 60.0
zarr.group({})  # starts its event loop, which stays
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 2,
    "camera.options.frame_rate_hz": 25.0,
    "camera.slots": 256,
}


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = tmp_path_factory.mktemp("acquire")
    with open_rig("tweezers", name="acquire", changes=SMALL | {"recorder.folder": str(folder)}) as rig:
        rig["camera"].snap(timeout_s=WAIT_S)
        rig["tracker"].add_roi(100.0, 100.0, timeout_s=WAIT_S)
        rig["tracker"].add_roi(160.0, 170.0, timeout_s=WAIT_S)
        yield rig


def frames_of(handle) -> int:
    """Return how many frames its acquisition has exposed so far."""
    word = handle.status().event_text.partition(" ")[0]
    return int(word) if word.isdigit() else 0


def stored_rows(rig) -> list[int]:
    """Return how many rows of the regions are stored so far, of each stream."""
    streams = rig["recorder"].status().streams
    return [streams[name].stored if name in streams else 0 for name in ("tracks", "roi_corners")]


def await_rows(rig) -> None:
    """Return once there are more rows of each stream than now: a file without any goes to no other."""
    before = stored_rows(rig)
    assert poll_until(lambda: all(np.greater(stored_rows(rig), before)), WAIT_S)


def rows_in(folder: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(folder)
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.mark.parametrize(
    ("mode", "streams"),
    [
        ("tracks", {"tracks", "truth"}),
        ("tracks+roi-video", {"tracks", "truth", "roi_video", "roi_corners"}),
        ("tracks+video", {"tracks", "truth", "camera"}),
        ("roi-video", {"truth", "roi_video", "roi_corners"}),
        ("video", {"truth", "camera"}),
    ],
)
def test_a_mode_records_what_it_says_and_all_of_it(rig, mode, streams):
    handle = rig.acquire(mode, frames=20, name=mode.replace("+", "-"))
    status = handle.wait(WAIT_S)
    assert (status.outcome, status.frames_received) == ("complete", 20)
    record = parfocal.open_run(status.folder)
    lasting = {"run_events", "drift", "focus", "magnet", "force", "xy_corrections", "z_corrections"}
    lasting |= {"live_force", "force_extension"}
    assert set(record.manifest.streams) == streams | lasting
    stored = {name: record.manifest.streams[name].stored for name in streams}
    each = {"tracks": 40, "roi_video": 20, "roi_corners": 40, "camera": 20}
    assert stored == {name: each.get(name, stored["truth"]) for name in streams}


def test_a_record_gives_its_tracks_less_the_drift(rig):
    rig["tracker"].set_references(beads=(0, 1))
    rig["camera"].set_drift(x_nm_per_s=200.0)
    status = rig.acquire("tracks", frames=50, name="drifting").wait(WAIT_S)
    rig["camera"].set_drift()
    rig["tracker"].set_references(beads=())
    record = parfocal.open_run(status.folder)
    told, tracks = record.tracks_less_drift(), record.rows("tracks")
    assert record.manifest.streams["drift"].stored == 50
    assert (told["frame"] == tracks["frame"]).all()
    assert np.isnan(told["x_px"][:40]).all(), "twenty frames tell where the references lie"
    moved = record.rows("drift")["x_nm"] / 100
    assert np.allclose(told["x_px"], tracks["x_px"] - np.repeat(moved, 2), equal_nan=True)
    fitted = record.tracks_less_drift(references=[0, 1])
    assert np.isfinite(fitted["x_px"]).all()
    plain = parfocal.open_run(rig.acquire("tracks", frames=5, name="plain").wait(WAIT_S).folder)
    with pytest.raises(BadInputError, match="holds no drift, as no references were set"):
        plain.tracks_less_drift()


def test_another_reader_finds_the_regions_where_the_corners_say(rig):
    handle = rig.acquire("tracks+roi-video", name="moved")
    assert poll_until(lambda: frames_of(handle) > 5, WAIT_S)
    rig["tracker"].move_rois({1: (150.0, 160.0)})
    moved_at = frames_of(handle)
    assert poll_until(lambda: frames_of(handle) > moved_at + 5, WAIT_S)
    handle.finish()
    status = handle.wait(WAIT_S)
    assert status.outcome == "finished early"
    folder = Path(status.folder)
    image = zarr.open_group(folder / "frames.ome.zarr", mode="r")
    multiscale = image.attrs["ome"]["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["t", "c", "y", "x"]
    pixels = image["0"][:]
    assert pixels.shape == (status.frames_received, 2, 64, 64)
    corners = rows_in(folder / "roi_corners")
    of_moved = corners["x_px"][corners["bead"] == 1]
    assert set(of_moved.tolist()) == {160 - 32, 150 - 32}
    assert set(corners["x_px"][corners["bead"] == 0].tolist()) == {100 - 32}
    tracks = rows_in(folder / "tracks")
    for frame in (0, status.frames_received - 1):
        here = (tracks["frame"] == corners["frame"][2 * frame]) & (tracks["bead"] == 1)
        x_px = tracks["x_px"][here][0] - of_moved[frame]
        profile = pixels[frame, 1].astype(float).std(axis=0)
        assert 0 <= x_px < 64
        assert profile.max() > 0


def test_the_disk_is_foretold_by_mode_and_too_little_of_it_refused(rig):
    beads = len(rig["tracker"].list_rois().rois)
    rows, video = 84 * beads, (64 * 64 * 2 + 32) * beads
    assert rig["tracker"].bytes_per_frame() == {"tracks": rows, "roi_video": video}
    for mode, each in (
        ("tracks", {"tracks": rows}),
        ("tracks+roi-video", {"video of the regions": video, "tracks": rows}),
        ("video", {"frames": rig.stream("camera").spec.nbytes}),
    ):
        handle = rig.acquire(mode, seconds=0.2, name="foretold")
        forecast = handle.wait(WAIT_S).forecast
        frames = round(0.2 / rig["camera"].declared_times()["frame"])
        assert forecast.disk_parts == {name: frames * size for name, size in each.items()}
        with pytest.raises(BadInputError, match=r"frames are \d+ MB.* and \d+ MB are free for the record"):
            rig.acquire(mode, seconds=1e9)
    with pytest.raises(BadInputError, match=r"frames are \d+ MB"):
        rig.hold_force(1.0, seconds=1e9)


def test_rows_go_to_new_files_during_a_run_and_are_read_as_one(rig, capsys):
    handle = rig.acquire("tracks+roi-video", name="parts")
    asked = []
    assert poll_until(lambda: handle.status().folder, WAIT_S)
    rig["recorder"].annotate(notes="two beads, one of them stuck")
    for _ in range(2):
        await_rows(rig)
        asked.append(rig["recorder"].new_file(timeout_s=WAIT_S))
    assert [parts["tracks"] for parts in asked] == [1, 2]
    await_rows(rig)
    capsys.readouterr()
    assert run_command(["new-file", "--rig", "acquire", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["roi_corners"] == 3
    handle.finish()
    status = handle.wait(WAIT_S)
    assert status.outcome == "finished early"
    beads = len(rig["tracker"].list_rois().rois)
    folder = Path(status.folder)
    for stream in ("tracks", "roi_corners"):
        files = sorted((folder / stream).glob("*.parquet"))
        parts = [set(pq.read_table(file)["frame"].to_pylist()) for file in files]
        assert len(parts) >= 3
        assert sum(map(len, parts)) == len(set().union(*parts)) == status.frames_received
        assert len(rows_in(folder / stream)["frame"]) == beads * status.frames_received
    manifest = parfocal.open_run(folder).manifest
    assert manifest.notes == "two beads, one of them stuck"
    commands = manifest.commands
    assert [one.details["tracks"] for one in commands if one.command == "recorder.new_file"][:2] == [1, 2]


def test_live_only_leaves_nothing_on_the_disk(rig):
    status = rig.acquire("tracks+roi-video", frames=5, save=False).wait(WAIT_S)
    assert (status.outcome, status.folder, status.frames_received) == ("complete", "", 5)
    assert not rig["tracker"].roi_video()["on"]


def test_a_time_is_kept_across_a_pause_and_a_wrong_mode_starts_nothing(rig):
    with pytest.raises(BadInputError, match=r"did you mean 'tracks\+video'"):
        rig.acquire("tracks+vido")
    with pytest.raises(BadInputError, match="give one"):
        rig.acquire(seconds=1, frames=5)
    handle = rig.acquire(seconds=4.0, name="paused")
    assert poll_until(lambda: frames_of(handle) > 2, WAIT_S)
    handle.pause("look")
    assert poll_until(lambda: handle.status().state == "paused", WAIT_S)
    assert not rig["camera"].is_running()
    handle.resume()
    status = handle.wait(WAIT_S)
    assert status.outcome == "complete"
    assert status.frames_received > 2


def test_a_camera_that_was_live_goes_on_after_the_record_is_closed_and_not_into_it(rig):
    rig["camera"].start()
    status = rig.acquire("tracks+roi-video", frames=20, name="live before").wait(WAIT_S)
    assert poll_until(rig["camera"].is_running, WAIT_S)
    rig["camera"].stop()
    streams = parfocal.open_run(status.folder).manifest.streams
    assert (status.outcome, status.frames_received) == ("complete", 20)
    assert (streams["tracks"].stored, streams["roi_video"].stored) == (40, 20)


def test_a_killed_tracker_goes_on_with_the_video_and_the_record_says_so(rig):
    handle = rig.acquire("tracks+roi-video", frames=LONG, name="killed")
    assert poll_until(lambda: frames_of(handle) > 10, WAIT_S)
    os.kill(rig.status().services["tracker"].pid, signal.SIGKILL)
    status = handle.wait(WAIT_S)
    record = parfocal.open_run(status.folder)
    assert status.frames_received == LONG
    assert "tracker ended" in status.reason
    assert record.manifest.incidents[0].service == "tracker"
    streams = record.manifest.streams.values()
    assert all(one.expected == one.stored + one.lost for one in streams)
    assert (status.outcome == "complete") == (sum(one.lost for one in streams) == 0)
    assert record.manifest.streams["roi_video"].stored > 50
    frames = rows_in(Path(status.folder) / "roi_corners")["frame"]
    assert frames.max() > LONG - 10


def test_a_killed_recorder_takes_the_acquisition_up_again(rig):
    handle = rig.acquire("tracks+roi-video", frames=LONG, name="recorder killed")
    assert poll_until(lambda: frames_of(handle) > 10, WAIT_S)
    os.kill(rig.status().services["recorder"].pid, signal.SIGKILL)
    status = handle.wait(WAIT_S)
    record = parfocal.open_run(status.folder)
    streams = record.manifest.streams
    assert len(record.manifest.restarts) >= 1
    assert status.frames_received == LONG
    assert all(one.expected == one.stored + one.lost for one in streams.values())
    assert (status.outcome == "complete") == (sum(one.lost for one in streams.values()) == 0)
    assert streams["roi_video"].stored > 50


def test_a_killed_engine_ends_camera_video_and_record(rig):
    handle = rig.acquire("tracks+roi-video", name="engine killed")
    assert poll_until(lambda: frames_of(handle) > 10, WAIT_S)
    folder = handle.status().folder
    os.kill(rig.status().services["runs"].pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="the run engine died"):
        handle.wait(WAIT_S)
    assert not rig["camera"].is_running()
    assert not rig["tracker"].roi_video()["on"]
    assert parfocal.open_run(folder).manifest.outcome == "failed"


def test_a_run_that_was_killed_before_its_record_began_has_not_that_of_another_run(rig):
    assert rig.acquire("tracks", frames=2).wait(WAIT_S).folder
    left = UnfinishedRun(run="early")  # as an engine leaves it that is killed before the recorder answers
    rig.end("runs")
    (runtime_folder(rig.name) / "runs.unfinished").write_bytes(msgspec.json.encode((left,)))
    rig.restart("runs")
    status = rig.runs.statuses()["early"]
    assert (status.outcome, status.reason, status.folder) == ("failed", "the run engine died", "")


def test_a_disk_without_room_refuses_before_anything_is_exposed(rig, tmp_path):
    before = rig["camera"].counts()["frames"]
    rig["recorder"].set_settings({"least_free_mb": 1e12})
    try:
        with pytest.raises(CommandError, match="MB are free"):
            rig.acquire("tracks+roi-video", frames=5, folder=tmp_path)
    finally:
        rig["recorder"].set_settings({"least_free_mb": 500.0})
    assert rig["camera"].counts()["frames"] == before
    assert not rig["tracker"].roi_video()["on"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_in_the_middle_is_told_and_nothing_goes_on(rig, tmp_path):
    handle = rig.acquire("tracks+roi-video", frames=LONG, folder=tmp_path, name="vanishes")
    assert poll_until(lambda: frames_of(handle) > 10, WAIT_S)
    folder = Path(handle.status().folder)
    folder.rename(tmp_path / "gone")
    assert poll_until(lambda: handle.status().ended, WAIT_S)
    status = handle.status()
    assert status.outcome == "failed" or status.outcome.startswith("incomplete")
    assert folder.name in status.reason
    assert not rig["camera"].is_running()
    assert poll_until(lambda: not rig["tracker"].roi_video()["on"], WAIT_S)


def test_a_run_of_calls_goes_on_beside_an_acquisition(rig):
    acquisition = rig.acquire("tracks", name="beside")
    assert poll_until(lambda: acquisition.status().state == "running", WAIT_S)
    moved = rig.run(call("magnet", "move_to", {"position_nm": 1_000_000.0}, timeout_s=WAIT_S))
    assert moved.status().claims == ("magnet",)
    assert moved.wait(WAIT_S).outcome == "complete"
    with pytest.raises(ClaimedError, match="beside"):
        rig.acquire("video")
    acquisition.finish("enough")
    status = acquisition.wait(WAIT_S)
    assert status.outcome == "finished early"
    called, finished = parfocal.open_run(status.folder).manifest.commands
    assert (called.command, called.by, called.details["outcome"]) == ("magnet.move_to", moved.name, "done")
    assert finished.command == "finish"


def test_on_the_command_line(rig, capsys):
    arguments = [
        "acquire",
        "acquire",
        "--mode",
        "tracks+roi-video",
        "--frames",
        "10",
        "--name",
        "typed",
        "--json",
    ]
    assert run_command(arguments) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["outcome"], said["frames_received"]) == ("complete", 10)
    assert run_command(["acquire", "acquire", "--mode", "tracks", "--seconds", "1", "--frames", "2"]) == 2
