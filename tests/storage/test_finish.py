"""The end of a recording whose disk takes its time."""

import threading
from pathlib import Path

import numpy as np

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(8, 8), dtype="uint16")
PATIENCE_S = 40.0


def begin(streams: Path, runs: Path) -> Recording:
    site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
    return Recording.begin(runs, [StreamRequest(name="camera")], RunRequest(), site)


def test_the_end_waits_for_the_disk_and_tells_what_it_waits_for(streams: Path, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    disk = threading.Event()
    with StreamWriter(streams, "camera", SPEC) as camera:
        recording = begin(streams, tmp_path)
        recording._recorders["camera"]._sink._syncing._thread.submit(disk.wait)  # type: ignore[attr-defined]
        recording.start()
        camera.write(np.ones(SPEC.shape, SPEC.dtype), FrameHeader(frame=0))

        def tell(fraction: float, text: str) -> None:
            told.append((fraction, text))
            if text == "camera: on its way to stable storage":
                assert recording.manifest.outcome == "recording"
                disk.set()

        assert recording.finish(Ended(ending="complete"), tell).outcome == "complete"
    assert disk.is_set()
    assert told[-2][0] == 0.0
