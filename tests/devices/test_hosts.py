"""Hosts in processes of their own, as a rig runs them."""

import hashlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from parfocal.core.clock import poll_until
from parfocal.core.errors import (
    BadArgumentsError,
    CancelledError,
    CommandError,
    CommandFailedError,
    DeadlineError,
    StartError,
)
from parfocal.core.status import RECORDING
from parfocal.devices.simulated.truth import TRUTH_DTYPE
from parfocal.streams import open_stream

FIELD = {"width_px": 64, "height_px": 48, "beads": 2, "stuck": 0.5, "image_px": 16, "depth_nm": 200.0}
CAMERA = {"device": "simulated-camera", "options": FIELD, "truth": "truth"}
FOCUS = {"device": "simulated-focus"}
HOME_MADE = "gadgets:HomeMadeCamera"


@pytest.fixture(autouse=True)
def modules_beside_the_tests(monkeypatch):
    """A device may be a class in a module beside the rig file: here, beside this file."""
    monkeypatch.syspath_prepend(Path(__file__).parent)


@pytest.fixture
def replay(tmp_path):
    """A camera that is ready sooner than a simulated one: a short movie without end."""
    movie = np.arange(10 * 8 * 8, dtype=np.uint16).reshape(10, 8, 8)
    tifffile.imwrite(tmp_path / "movie.tif", movie, photometric="minisblack")
    return {
        "device": "replay",
        "options": {"path": str(tmp_path / "movie.tif"), "rate": 100.0, "loop": True},
    }


def wait_until(condition, event_source, patience_s=30.0):
    """Look again with every row or frame that comes."""
    for _ in range(int(patience_s * 100)):
        if condition():
            return
        event_source.read(timeout_s=patience_s)
    raise AssertionError("it did not happen")


def test_a_camera_fills_its_stream_and_counts(rig):
    bench = rig(camera=CAMERA)
    camera = bench.client("camera")
    stream, truth = open_stream(bench.streams, "camera"), open_stream(bench.streams, "truth")
    with stream.lossless() as frames, truth.lossless() as rows:
        camera.call("start", 20, timeout_s=30)
        seen = [frames.read(timeout_s=30) for _ in range(20)]
        true = np.concatenate([rows.read(timeout_s=30) for _ in range(1)])
        while len(true) < 40:
            true = np.concatenate([true, rows.read(timeout_s=30)])
    assert [frame.header.frame for frame in seen] == list(range(20))
    assert seen[0].data.shape == (48, 64)
    assert true.dtype == TRUTH_DTYPE
    assert list(true["frame"][::2]) == list(range(20))
    np.testing.assert_array_equal(camera.call("ground_truth", 7), true[14:16])
    assert camera.call("counts") == {"frames": 20, "lost": 0, "timeouts": 0, "errors": 0, "untold": 0}
    state = camera.call("state")
    assert state["spec"]["shape"] == [48, 64]
    assert "20 frames" in camera.call("health")
    assert stream.status().abandoned == 0


def test_snap_tells_how_far_it_is_and_returns_headers(rig, replay):
    bench = rig(camera=replay)
    camera = bench.client("camera")
    call = camera.submit("snap", count=10, timeout_s=30)
    headers = call.result()
    assert [header["frame"] for header in headers] == list(range(10))
    assert call.progress.fraction == 1.0
    assert camera.call("snap", timeout_s=30)[0]["frame"] == 10
    assert open_stream(bench.streams, "camera").status().produced == 11
    with pytest.raises(CommandFailedError, match="count"):
        camera.call("snap", count=0, timeout_s=30)


def test_a_cancelled_snap_stops_the_camera(rig, replay):
    camera = rig(camera=replay).client("camera")
    call = camera.submit("snap", count=1_000_000)
    assert camera.call("is_running", timeout_s=30) in (True, False)
    assert call.cancel("enough") in ("queued", "running")
    with pytest.raises(CancelledError, match="enough"):
        call.result(30)
    with pytest.raises(DeadlineError):
        camera.call("snap", count=1_000_000, timeout_s=0.2)
    assert len(camera.call("snap", count=2, timeout_s=30)) == 2
    assert camera.call("is_running", timeout_s=30) is False


def test_a_snap_has_no_frame_that_was_exposed_before_it_was_asked_for(rig):
    slow = {**FIELD, "frame_rate_hz": 4.0, "exposure_ms": 250.0}
    bench = rig(camera={"device": "simulated-camera", "options": slow}, focus=FOCUS)
    camera = bench.client("camera")
    with open_stream(bench.streams, "camera").latest() as frames:
        camera.call("start", timeout_s=30)
        for _ in range(3):
            frames.read(timeout_s=30)  # the next exposure began with its end
            asked_ns = time.monotonic_ns()
            (header,) = camera.call("snap", timeout_s=30)
            assert header["time_ns"] - header["exposure_ns"] >= asked_ns


def test_a_snap_that_a_finite_sequence_leaves_unfinished_is_taken_on_its_own(rig, replay):
    bench = rig(camera={**replay, "options": {**replay["options"], "rate": 20.0}})
    camera = bench.client("camera")
    with open_stream(bench.streams, "camera").lossless() as frames:
        camera.call("start", 3, timeout_s=30)
        frames.read(timeout_s=30)
        assert len(camera.call("snap", count=5, timeout_s=30)) == 5


def test_snapping_a_running_camera_takes_the_next_and_leaves_it_on(rig, replay):
    camera = rig(camera={**replay, "autostart": True}).client("camera")
    first = camera.call("snap", count=3, timeout_s=30)
    assert [header["frame"] - first[0]["frame"] for header in first] == [0, 1, 2]
    assert camera.call("is_running", timeout_s=30) is True
    camera.call("stop", timeout_s=30)
    assert camera.call("is_running", timeout_s=30) is False


def test_settings_of_the_camera(rig, replay):
    camera = rig(camera=replay).client("camera")
    assert camera.call("set_exposure_ms", 2.0, timeout_s=30) == 2.0
    assert camera.call("set_frame_rate_hz", 1000.0, timeout_s=30) == 1000.0
    assert camera.call("exposure_ms", timeout_s=30) == 1.0
    assert camera.call("state", timeout_s=30)["frame_rate_hz"] == 1000.0
    with pytest.raises(BadArgumentsError):
        camera.call("set_exposure_ms", "long", timeout_s=30)
    with pytest.raises(CommandError, match="exposure_ms must lie from"):
        camera.call("set_exposure_ms", -1.0, timeout_s=30)
    with pytest.raises(CommandError, match="keeps its settings"):
        camera.call("set_settings", {"options": {"path": "other.tif"}}, timeout_s=30)


def test_who_blocks_the_stream_of_truth_holds_up_no_camera(rig):
    many = {"options": {**FIELD, "beads": 3000}}  # rows of 43 frames fill the stream
    bench = rig(camera={**CAMERA, **many})
    camera = bench.client("camera")
    stream = open_stream(bench.streams, "camera")
    with stream.lossless() as frames, open_stream(bench.streams, "truth").lossless("block") as rows:
        camera.call("start", 60, timeout_s=30)
        assert [frames.read(timeout_s=30).header.frame for _ in range(60)] == list(range(60))
        camera.call("is_running", timeout_s=30)  # the loop is done with the last frame
        told = len(np.unique(rows.read(timeout_s=30)["frame"]))
    counts = camera.call("counts")
    assert counts["untold"] == 60 - told > 0
    assert counts["errors"] == 0


def test_lost_frames_and_timeouts_are_counted(rig, replay):
    bench = rig(camera={**replay, "frame_timeout_s": 0.1})
    camera = bench.client("camera")
    with open_stream(bench.streams, "camera").lossless() as frames:
        camera.call("inject_fault", "lost", {"frames": 3}, timeout_s=30)
        camera.call("start", 10, timeout_s=30)
        assert frames.read(timeout_s=30).header.frame == 3
        for _ in range(6):
            frames.read(timeout_s=30)
        assert camera.call("counts")["lost"] == 3
        camera.call("inject_fault", "freeze", timeout_s=30)
        camera.call("start", timeout_s=30)
        assert poll_until(lambda: camera.call("counts")["timeouts"] >= 1, 30)
        camera.call("inject_fault", "thaw", timeout_s=30)
        frames.read(timeout_s=30)
    with pytest.raises(CommandError, match="freeze"):
        camera.call("inject_fault", "freez", timeout_s=30)


def test_an_error_during_a_snap_is_its_error(rig, replay):
    camera = rig(camera=replay).client("camera")
    camera.call("inject_fault", "error", {"message": "too hot"}, timeout_s=30)
    with pytest.raises(CommandFailedError, match="too hot"):
        camera.call("snap", count=5, timeout_s=30)
    assert len(camera.call("snap", count=1, timeout_s=30)) == 1
    assert camera.call("counts")["errors"] == 1


def test_after_a_crash_the_sequence_goes_on_and_frames_are_numbered_on(rig):
    bench = rig(camera=CAMERA, focus=FOCUS)
    camera = bench.client("camera")
    bench.client("focus").call("move_to", 300.0, timeout_s=30)
    with open_stream(bench.streams, "camera").lossless(follow=True) as frames:
        camera.call("start", timeout_s=30)
        for _ in range(5):
            before = frames.read(timeout_s=30).header.frame
        os.kill(bench.status().services["camera"].pid, signal.SIGKILL)
        numbers = [before]
        wait_until(
            lambda: (
                numbers.append(frames.read(timeout_s=60).header.frame)
                or bench.status().services["camera"].restarts
            ),
            frames,
        )
        numbers.extend(frames.read(timeout_s=60).header.frame for _ in range(50))
    assert numbers == sorted(set(numbers))
    assert bench.client("camera").call("ground_truth", numbers[-1], timeout_s=30)["z_nm"].max() == 3300.0


def test_a_camera_that_cannot_open_tells_why(rig):
    with pytest.raises(StartError, match=r"nowhere\.tif does not exist"):
        rig(camera={"device": "replay", "options": {"path": "nowhere.tif"}})


def test_a_stage_arrives_and_tells_rows(rig):
    bench = rig(focus=FOCUS)
    focus = bench.client("focus")
    with open_stream(bench.streams, "focus").lossless() as rows:
        call = focus.submit("move_to", 5000.0, timeout_s=30)
        assert call.result() == 5000.0
        assert focus.call("position") == 5000.0
        wait_until(lambda: rows.read(timeout_s=30)["z_nm"][-1] == 5000.0, rows)
    assert focus.call("move_by", -1000.0, "z", timeout_s=30) == 4000.0
    assert focus.call("limits") == [-10_000.0, 10_000.0]
    assert focus.call("axes") == ["z"]
    assert focus.call("state")["positions_nm"] == {"z": 4000.0}
    focus.call("set_speed", 10.0)
    late = focus.submit("move_to", 0.0, timeout_s=3.0)  # it is on its way by then, however busy the machine
    with pytest.raises(DeadlineError):
        late.result(30)
    with pytest.raises(DeadlineError, match="the motion was stopped: z "):
        focus.attach_call(late.id).result(30)  # what the stage itself says, however late it comes
    with pytest.raises(CommandError, match="limits are -10000"):
        focus.call("move_to", 1e9, timeout_s=30)
    with pytest.raises(CommandError, match="no axis 'w'"):
        focus.call("position", "w", timeout_s=30)
    assert 3800.0 < focus.call("position") < 4000.0


def test_several_axes_in_their_own_units_move_together(rig):
    axes = {
        "x": {"unit": "um", "speed": 1e5},
        "rotation": {"unit": "turn", "low": -20.0, "high": 20.0, "speed": 1e3},
    }
    bench = rig(focus={"device": "simulated-stage", "options": {"axes": axes}})
    stage = bench.client("focus")
    with open_stream(bench.streams, "focus").lossless() as rows:
        assert stage.call("move", {"x": 120.0, "rotation": -4.5}, timeout_s=30) == {
            "x": 120.0,
            "rotation": -4.5,
        }
        assert set(rows.read(timeout_s=30).dtype.names) == {"time_ns", "x_um", "rotation_turn"}
    assert stage.call("move", {"x": -20.0}, relative=True, timeout_s=30) == {"x": 100.0}
    assert stage.call("positions") == {"x": 100.0, "rotation": -4.5}
    assert stage.call("move", {"x": 100.0}, timeout_s=30) == {"x": 100.0}
    assert stage.call("state")["positions_turn"] == {"rotation": -4.5}
    assert stage.call("describe_axes")[1]["unit"] == "turn"
    with pytest.raises(CommandError, match=r"measured in um, not in nm; use move\(\{'x': ...\}\)"):
        stage.call("move_to", 1.0, "x", timeout_s=30)
    with pytest.raises(CommandError, match="limits are -20"):
        stage.call("move", {"x": 0.0, "rotation": 21.0}, timeout_s=30)
    assert stage.call("positions") == {"x": 100.0, "rotation": -4.5}


def test_a_slow_move_may_take_as_long_as_its_distance_asks(rig):
    slow = {"axes": {"x": {"speed": 100.0}}}
    stage = rig(focus={"device": "simulated-stage", "options": slow, "move_margin_s": 0.0}).client("focus")
    assert stage.call("move", {"x": 50.0}, timeout_s=30) == {"x": 50.0}
    assert stage.call("set_speed", 1e5, "x", timeout_s=30) == 1e5
    stage.call("inject_fault", "stuck", timeout_s=30)
    with pytest.raises(CommandFailedError, match=r"did not arrive within 0\.001 s: x at"):
        stage.call("move", {"x": 0.0}, timeout_s=30)


def test_commands_of_a_device_are_commands_of_its_service(rig):
    bench = rig(camera={"device": HOME_MADE})
    camera = bench.client("camera")
    info = {info.name: info for info in camera.commands(30)}["set_gain"]
    assert (info.lane, info.summary) == ("loop", "Set the gain, 1 to 8; returns the gain.")
    assert camera.call("set_gain", 2.5, timeout_s=30) == 2.5
    with open_stream(bench.streams, "camera").lossless() as frames:
        camera.call("snap", timeout_s=30)
        assert (frames.read(timeout_s=30).data == 25).all()
    assert camera.call("state", timeout_s=30)["gain"] == 2.5


def test_a_device_gives_its_versions_and_files_to_records(rig, tmp_path):
    camera = rig(camera={"device": HOME_MADE}).client("camera")
    versions = camera.call("versions", timeout_s=30)
    assert {"python", "system", "parfocal", "numpy"} <= set(versions)
    assert versions["firmware"] == "7.1"
    code = Path(__file__).with_name("gadgets.py").read_bytes()
    assert versions["gadgets"] == f"sha256:{hashlib.sha256(code).hexdigest()}"
    camera.call("save_record", str(tmp_path), False, timeout_s=30)
    assert [path.name for path in tmp_path.iterdir()] == ["gain.csv"]


@pytest.mark.parametrize(
    ("command", "value", "words"),
    [
        ("set_gain", 9.0, "gain must lie from 1 to 8, not 9.0"),
        ("set_gain", float("nan"), "gain must be a finite number"),
        ("set_exposure_ms", -5.0, "exposure_ms must lie from 0.1 to 50, not -5.0"),
        ("set_exposure_ms", float("inf"), "exposure_ms must be a finite number"),
    ],
)
def test_no_driver_sees_what_its_device_refuses(rig, command, value, words):
    camera = rig(camera={"device": HOME_MADE}).client("camera")
    with pytest.raises(CommandError, match=words):
        camera.call(command, value, timeout_s=30)


def test_between_sequences_frames_change_their_shape_and_readers_follow(rig):
    bench = rig(camera=CAMERA)
    camera = bench.client("camera")
    with (
        open_stream(bench.streams, "camera").lossless(follow=True) as frames,
        open_stream(bench.streams, "truth").lossless() as truth,
    ):
        camera.call("snap", timeout_s=30)
        assert frames.read(timeout_s=30).data.shape == (48, 64)
        sensor = truth.read(timeout_s=30)
        assert camera.call("set_binning", 2, timeout_s=30) == 2
        camera.call("snap", timeout_s=30)
        binned = frames.read(timeout_s=30)
        assert binned.data.shape == frames.spec.shape == (24, 32)
        assert frames.spec.pixel_size_um == pytest.approx(0.2)
        seen = truth.read(timeout_s=30)
        assert camera.call("set_region", 16, 8, 32, 24, timeout_s=30) == [16, 8, 32, 24]
        camera.call("snap", timeout_s=30)
        assert frames.read(timeout_s=30).data.shape == (12, 16)
        assert camera.call("state", timeout_s=30)["spec"]["shape"] == [12, 16]
        moved = truth.read(timeout_s=30)
    stuck = sensor["bead"] == 0
    assert seen["x_px"][stuck] == pytest.approx((sensor["x_px"][stuck] - 0.5) / 2)
    assert moved["x_px"][stuck] == pytest.approx((sensor["x_px"][stuck] - 16.5) / 2)
    assert binned.header.frame == 1


def test_while_exposing_or_recording_frames_keep_their_shape(rig):
    bench = rig(camera=CAMERA)
    camera = bench.client("camera")
    camera.call("start", timeout_s=30)
    with pytest.raises(CommandError, match="set_binning changes what frames look like: end the sequence"):
        camera.call("set_binning", 2, timeout_s=30)
    camera.call("stop", timeout_s=30)
    with (
        open_stream(bench.streams, "camera").lossless(name=f"disk{RECORDING}"),
        pytest.raises(CommandError, match=r"disk \(recording\) goes on"),
    ):
        camera.call("set_binning", 2, timeout_s=30)
    with pytest.raises(CommandError, match="binning must be one of 1, 2, 4, 8, not 3"):
        camera.call("set_binning", 3, timeout_s=30)
    assert camera.call("set_binning", 4, timeout_s=30) == 4
    assert camera.call("binning", timeout_s=30) == 4


def test_a_device_may_take_other_settings_or_refuse_them(rig):
    camera = rig(camera={"device": HOME_MADE}).client("camera")
    camera.call("set_settings", {"options": {"width_px": 16}}, timeout_s=30)
    with pytest.raises(CommandError, match="as wide as it is"):
        camera.call("set_settings", {"options": {"width_px": 32}}, timeout_s=30)
    with pytest.raises(CommandError, match="unknown key 'with_px'; did you mean 'width_px'"):
        camera.call("set_settings", {"options": {"with_px": 32}}, timeout_s=30)
    assert camera.call("get_settings", timeout_s=30)["options"] == {"width_px": 16}


def test_a_cancelled_move_halts(rig):
    magnet = rig(magnet={"device": "simulated-magnet", "options": {"speed_nm_per_s": 100_000.0}}).client(
        "magnet"
    )
    call = magnet.submit("move_to", 10e6)
    while not magnet.call("is_moving"):
        assert not call.done()
    call.cancel("too far")
    with pytest.raises(CancelledError, match="too far"):
        call.result(30)
    assert magnet.call("is_moving") is False
    assert magnet.call("position") < 10e6


def test_halt_overtakes_a_move(rig):
    magnet = rig(magnet={"device": "simulated-magnet", "options": {"speed_nm_per_s": 100_000.0}}).client(
        "magnet"
    )
    call = magnet.submit("move_to", 10e6)
    while not magnet.call("is_moving"):
        assert not call.done()
    magnet.call("halt", timeout_s=30)
    with pytest.raises(CommandFailedError, match="was halted"):
        call.result(30)


def test_a_stuck_stage_times_out(rig):
    focus = rig(focus={**FOCUS, "move_timeout_s": 0.2}).client("focus")
    focus.call("inject_fault", "stuck", timeout_s=30)
    with pytest.raises(CommandFailedError, match="did not arrive"):
        focus.call("move_to", 100.0, timeout_s=30)


def test_a_light_is_off_until_it_is_asked_for(rig):
    bench = rig(lamp={"device": "simulated-light"}, camera=CAMERA)
    lamp, camera = bench.client("lamp"), bench.client("camera")
    assert lamp.call("power") == 0.0
    with open_stream(bench.streams, "camera").lossless() as frames:
        camera.call("snap", timeout_s=30)
        assert frames.read(timeout_s=30).data.mean() < 20
        assert lamp.call("set_power", 1.0) == 1.0
        camera.call("snap", timeout_s=30)
        assert frames.read(timeout_s=30).data.mean() > 1000
        lamp.call("off")
        camera.call("snap", timeout_s=30)
        assert frames.read(timeout_s=30).data.mean() < 20
    with pytest.raises(CommandError, match="fraction must lie"):
        lamp.call("set_power", 1.5)
