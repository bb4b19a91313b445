"""Frames that are taken for events of a plan, in a camera host of its own process."""

from pathlib import Path

import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import CancelledError, CommandError, CommandFailedError
from parfocal.streams import open_stream

PATIENCE_S = 30.0
SLOW = {"width_px": 64, "height_px": 48, "beads": 0, "frame_rate_hz": 0.02, "exposure_ms": 50_000.0}


@pytest.fixture
def event_camera(rig, monkeypatch):
    """Return the rig and the client of a camera that shows which event it was told of."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    bench = rig(camera={"device": "gadgets:EventCamera"})
    return bench, bench.client("camera")


def test_a_frame_for_an_event_tells_it_and_the_camera_knows_before(event_camera):
    bench, camera = event_camera
    with open_stream(bench.streams, "camera").lossless() as frames:
        for event, t in ((5, 1), (3, 0)):
            (header,) = camera.call(
                "snap", event=event, exposure_ms=4.0, time_s=0.2 * event, index={"t": t}, timeout_s=30
            )
            assert (header["event"], header["exposure_ns"]) == (event, 4_000_000)
            frame = frames.read(timeout_s=30)
            assert frame.header.event == event
            assert frame.data[0, :3].tolist() == [event, t, 20 * event]
        assert camera.call("exposure_ms", timeout_s=30) == 4.0
        (header,) = camera.call("snap", timeout_s=30)
        assert header["event"] == frames.read(timeout_s=30).header.event == -1


def test_what_an_event_can_not_have_is_refused_before_anything_is_exposed(event_camera):
    bench, camera = event_camera
    for wrong, words in (
        ({"event": -2}, "event must be"),
        ({"event": 3, "count": 2}, "one frame, not 2"),
        ({"event": 3, "exposure_ms": 51.0}, "exposure_ms must lie from 0.1 to 50"),
    ):
        with pytest.raises(CommandError, match=words):
            camera.call("snap", **wrong, timeout_s=30)
    assert open_stream(bench.streams, "camera").status().produced == 0
    assert camera.call("exposure_ms", timeout_s=30) == 1.0


def test_a_camera_that_runs_is_not_free_for_an_event(event_camera):
    _, camera = event_camera
    camera.call("start", timeout_s=30)
    for asked in ({"event": 3, "index": {"t": 0}}, {"exposure_ms": 2.0}):
        with pytest.raises(CommandFailedError, match="stop it before frames are taken for an event"):
            camera.call("snap", **asked, timeout_s=30)
    assert camera.call("is_running", timeout_s=30) is True
    assert camera.call("snap", timeout_s=30)[0]["event"] == -1
    camera.call("stop", timeout_s=30)
    assert camera.call("snap", event=3, index={"t": 0}, timeout_s=30)[0]["event"] == 3


def test_a_cancelled_event_aborts_its_exposure_and_the_next_one_has_its_own(rig):
    bench = rig(camera={"device": "simulated-camera", "options": SLOW})
    camera = bench.client("camera")
    for event in range(3):
        call = camera.submit("snap", event=event)
        assert poll_until(lambda: camera.call("is_running", timeout_s=30), PATIENCE_S)
        call.cancel("enough")
        with pytest.raises(CancelledError, match="enough"):
            call.result(PATIENCE_S)
        assert poll_until(lambda: not camera.call("is_running", timeout_s=30), PATIENCE_S)
    camera.call("set_frame_rate_hz", 100.0, timeout_s=30)
    (header,) = camera.call("snap", event=7, timeout_s=30)
    assert (header["event"], header["frame"]) == (7, 0)
    assert open_stream(bench.streams, "camera").status().produced == 1
    assert camera.call("counts", timeout_s=30)["lost"] == 0


def test_the_lost_frame_of_an_event_is_told_as_lost(rig):
    bench = rig(camera={"device": "simulated-camera", "options": {**SLOW, "frame_rate_hz": 50.0}})
    camera = bench.client("camera")
    camera.call("inject_fault", "lost", {"frames": 1}, timeout_s=30)
    with pytest.raises(CommandFailedError, match="never came") as lost:
        camera.call("snap", event=4, timeout_s=30)
    assert lost.value.remote_type == "FrameLostError"
    assert camera.call("snap", event=5, timeout_s=30)[0]["event"] == 5
    assert camera.call("counts", timeout_s=30)["lost"] == 1
