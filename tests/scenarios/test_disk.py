"""The disk fails in mid-measurement: named at once, and the acquisition ends or goes on by policy."""

import queue
from pathlib import Path

import pytest

from parfocal.rig.opening import open_rig

SMALL = {
    "camera.options.width_px": 128,
    "camera.options.height_px": 128,
    "camera.options.beads": 1,
    "camera.options.frame_rate_hz": 50.0,
    "recorder.frames": "camera",
}
WAIT_S = 60


@pytest.mark.parametrize("policy", ["stop", "go on"])
def test_a_run_folder_vanishes(policy, tmp_path):
    changes = SMALL | {"recorder.folder": str(tmp_path), "recorder.on_storage_error": policy}
    heard = queue.Queue()
    with open_rig("tweezers", name="disk", changes=changes) as rig:
        rig.subscribe(
            lambda notice: heard.put((notice.topic, notice.payload)), topics=("storage.error", "run.")
        )
        run = rig["recorder"].start(timeout_s=WAIT_S)
        rig["camera"].start(count=None)
        with rig.stream("camera").lossless() as frames:
            for _ in range(10):
                frames.read(timeout_s=WAIT_S)
            Path(run).rename(tmp_path / "gone")  # at once: files come and go meanwhile
            error = await_topic(heard, "storage.error")
            assert (error["error"], error["run"]) == ("FolderVanishedError", run)
            assert Path(run).name in error["message"]
            if policy == "stop":
                report = await_topic(heard, "run.finished")
                assert report["outcome"].startswith("failed")
                assert not rig["camera"].is_running()
            else:
                assert frames.read(timeout_s=WAIT_S).header.frame >= 10
                assert rig["camera"].is_running()
                rig["camera"].stop()
                assert rig["recorder"].finish().outcome != "complete"


def await_topic(heard, wanted):
    while True:
        topic, payload = heard.get(timeout=WAIT_S)
        if topic == wanted:
            return payload
